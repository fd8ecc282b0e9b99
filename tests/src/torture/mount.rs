//! File systems of our own: an ext4 in a file, a tmpfs of some size. Needs to be root, and a system that has them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// A mounted file system, until it is dropped.
#[derive(Debug)]
pub struct Mount {
    point: PathBuf,
}

impl Mount {
    /// Mounts the ext4 in this file at a folder, which is made. The system writes to it by itself only where it is asked to
    /// make something durable.
    ///
    /// # Errors
    /// Where it cannot be mounted.
    pub fn image(image: &Path, point: &Path) -> Result<Self> {
        Self::with(&["-o", "loop,commit=600"], &image.display().to_string(), point)
    }

    /// Mounts a tmpfs of so many bytes at a folder, which is made.
    ///
    /// # Errors
    /// Where it cannot be mounted.
    pub fn tmpfs(bytes: u64, point: &Path) -> Result<Self> {
        Self::with(&["-t", "tmpfs", "-o", &format!("size={bytes}")], "tmpfs", point)
    }

    /// Gives a tmpfs another size.
    ///
    /// # Errors
    /// Where it cannot be had.
    pub fn resize(&self, bytes: u64) -> Result<()> {
        run(Command::new("mount").args(["-o", &format!("remount,size={bytes}")]).arg(&self.point))
    }

    /// Where it is mounted.
    #[must_use]
    pub fn point(&self) -> &Path {
        &self.point
    }

    /// Unmounts it, so that its image is whole.
    ///
    /// # Errors
    /// Where somebody still uses it.
    pub fn unmount(self) -> Result<()> {
        let unmounted = run(Command::new("umount").arg(&self.point));
        if unmounted.is_ok() {
            std::mem::forget(self);
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
        for _ in 0..20 {
            if run(Command::new("umount").arg(&self.point)).is_ok() {
                return;
            }
            // A process that was killed lets go a moment later.
            sleep(Duration::from_millis(50));
        }
        let _ = run(Command::new("umount").arg("--lazy").arg(&self.point));
    }
}

/// Makes a file of so many bytes, most of them holes, with an empty ext4 in it.
///
/// # Errors
/// Where that cannot be done.
pub fn make_image(path: &Path, bytes: u64) -> Result<()> {
    let file = File::create(path).and_then(|file| file.set_len(bytes));
    file.with_context(|| format!("making {}", path.display()))?;
    run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(path))
}

/// Copies an image and leaves its holes.
///
/// # Errors
/// Where that cannot be done.
pub fn copy_image(from: &Path, to: &Path) -> Result<()> {
    run(Command::new("cp").args(["--sparse=always", "--reflink=never"]).arg(from).arg(to))
}

/// Why file systems cannot be mounted here; `None` where they can.
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
