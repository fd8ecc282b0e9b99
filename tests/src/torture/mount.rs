//! File systems for trials: an ext4 in a file, a tmpfs of a given size. Needs root and a system with mounts.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// A mounted file system; dropping it unmounts it.
#[derive(Debug)]
pub struct Mount {
    point: PathBuf,
}

impl Mount {
    /// Mounts the ext4 in this file at a directory, which is created. The system writes to the file only when a process
    /// asks for durability.
    ///
    /// # Errors
    /// If it cannot be mounted.
    pub fn image(image: &Path, point: &Path) -> Result<Self> {
        Self::with(&["-o", "loop,commit=600"], &image.display().to_string(), point)
    }

    /// Mounts the ext4 in this file read-only.
    ///
    /// # Errors
    /// If it cannot be mounted.
    pub fn image_read_only(image: &Path, point: &Path) -> Result<Self> {
        Self::with(&["-o", "loop,ro"], &image.display().to_string(), point)
    }

    /// Mounts a tmpfs of this size in bytes at a directory, which is created.
    ///
    /// # Errors
    /// If it cannot be mounted.
    pub fn tmpfs(bytes: u64, point: &Path) -> Result<Self> {
        Self::with(&["-t", "tmpfs", "-o", &format!("size={bytes}")], "tmpfs", point)
    }

    /// Changes the size of a tmpfs.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn resize(&self, bytes: u64) -> Result<()> {
        run(Command::new("mount").args(["-o", &format!("remount,size={bytes}")]).arg(&self.point))
    }

    /// The mount point.
    #[must_use]
    pub fn point(&self) -> &Path {
        &self.point
    }

    /// Unmounts it, so that its image is complete.
    ///
    /// # Errors
    /// If it is still in use.
    pub fn unmount(self) -> Result<()> {
        let unmounted = self.try_unmount();
        if unmounted.is_ok() {
            std::mem::forget(self);
        }
        unmounted
    }

    /// Unmounts it within a second: a killed process releases its files a moment later, and a process that is being
    /// started has all files of this one for a moment.
    fn try_unmount(&self) -> Result<()> {
        let mut unmounted = run(Command::new("umount").arg(&self.point));
        for _ in 0..20 {
            if unmounted.is_ok() {
                break;
            }
            sleep(Duration::from_millis(50));
            unmounted = run(Command::new("umount").arg(&self.point));
        }
        unmounted
    }

    fn with(options: &[&str], what: &str, point: &Path) -> Result<Self> {
        fs::create_dir_all(point).with_context(|| format!("making {}", point.display()))?;
        run(Command::new("mount").args(options).arg(what).arg(point))?;
        Ok(Self { point: point.to_owned() })
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if self.try_unmount().is_err() {
            let _ = run(Command::new("umount").arg("--lazy").arg(&self.point));
        }
    }
}

/// Makes a sparse file of this size in bytes that contains an empty ext4.
///
/// # Errors
/// If the file or the file system cannot be made.
pub fn make_image(path: &Path, bytes: u64) -> Result<()> {
    let file = File::create(path).and_then(|file| file.set_len(bytes));
    file.with_context(|| format!("making {}", path.display()))?;
    run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(path))
}

/// Copies an image and keeps its holes.
///
/// # Errors
/// If a file cannot be read or written.
pub fn copy_image(from: &Path, to: &Path) -> Result<()> {
    run(Command::new("cp").args(["--sparse=always", "--reflink=never"]).arg(from).arg(to))
}

/// Why file systems cannot be mounted here; `None` if they can.
#[must_use]
pub fn obstacle() -> Option<String> {
    let attempt = || {
        let folder = tempfile::tempdir()?;
        let image = folder.path().join("image");
        make_image(&image, 8 << 20)?;
        Mount::image(&image, &folder.path().join("mounted"))?.unmount()
    };
    attempt().err().map(|error: anyhow::Error| format!("{error:#}"))
}

fn run(command: &mut Command) -> Result<()> {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => bail!("{command:?}: {error}"),
    };
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
