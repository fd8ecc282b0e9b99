//! Private files and directories, and durable writes of small files and directory entries.
//!
//! Everything that convofold creates is readable and writable only by its owner, whatever the umask. The modes of
//! existing files and directories are not changed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

/// Options for opening a file. If the file is created, only its owner can read and write it.
///
/// Use them for files with texts of customers, such as exports and rejects.
#[must_use]
pub fn private_file_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, FILE_MODE);
    options
}

/// Whether a file at this path would lie inside the folder, through links, `.` and `..` too. Neither needs to exist.
///
/// Writing a file inside the folder of a database can destroy it.
#[must_use]
pub fn leads_into(path: &Path, folder: &Path) -> bool {
    resolved(path, MAX_LINKS).starts_with(resolved(folder, MAX_LINKS))
}

/// As many links as Linux follows.
const MAX_LINKS: usize = 40;

/// The path without symbolic links, `.` and `..`, also of a file that does not exist.
fn resolved(path: &Path, max_links: usize) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A link to a missing file: opening it for writing creates the file at the target.
    if let Ok(target) = path.read_link()
        && let Some(max_links) = max_links.checked_sub(1)
    {
        return resolved(&parent.join(target), max_links);
    }
    match path.components().next_back() {
        Some(Component::Normal(name)) => resolved(parent, max_links).join(name),
        Some(Component::ParentDir) => {
            let folder = resolved(parent, max_links);
            folder.parent().map_or_else(|| folder.clone(), Path::to_owned)
        }
        _ => path.to_owned(),
    }
}

#[cfg(unix)]
const FILE_MODE: u32 = 0o600;
#[cfg(unix)]
const DIR_MODE: u32 = 0o700;

/// Options for opening a file of a database: like [`private_file_options`], and a symbolic link with this name is an
/// error.
pub(crate) fn own_file_options() -> OpenOptions {
    let mut options = private_file_options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    options
}

/// Opens a file to read parts of it. The system then reads no more of it than that: by default, it can read megabytes ahead.
pub(crate) fn open_for_parts(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    #[cfg(target_os = "linux")]
    // Without the advice, reading is slower.
    let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Random);
    Ok(file)
}

/// Creates a file that does not exist, for reading and writing.
pub(crate) fn create_file(path: &Path) -> io::Result<File> {
    let file = own_file_options().read(true).write(true).create_new(true).open(path)?;
    make_private(&file)?;
    Ok(file)
}

/// Gives a file that was just created its mode. The umask may have removed bits, or a library may have left some.
pub(crate) fn make_private(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(FILE_MODE))?;
    let _ = file;
    Ok(())
}

/// Creates a directory and its parents, unless they exist.
pub(crate) fn create_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, DIR_MODE);
    builder.recursive(true).create(path)?;
    make_dir_private(path)
}

/// Gives a directory that was just created its mode.
pub(crate) fn make_dir_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(DIR_MODE))?;
    let _ = path;
    Ok(())
}

/// Gives the files and directories in `dir` that are newer than this list of names their modes. Files get the mode of
/// `like`, because an operator may have widened it.
pub(crate) fn make_others_private(
    dir: &Path,
    known: &[std::ffi::OsString],
    like: Option<fs::Permissions>,
) -> io::Result<()> {
    #[cfg(unix)]
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if known.contains(&entry.file_name()) {
            continue;
        }
        let private = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
        let permissions = if entry.file_type()?.is_dir() {
            private(DIR_MODE)
        } else {
            like.clone().unwrap_or_else(|| private(FILE_MODE))
        };
        fs::set_permissions(entry.path(), permissions)?;
    }
    let _ = (dir, known, like);
    Ok(())
}

/// Whether the file system is mounted read-only.
pub(crate) fn is_read_only(path: &Path) -> bool {
    #[cfg(unix)]
    let is_read_only =
        rustix::fs::statvfs(path).is_ok_and(|found| found.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY));
    #[cfg(not(unix))]
    let is_read_only = fs::metadata(path).is_ok_and(|found| found.permissions().readonly());
    is_read_only
}

/// The number of bytes that this process can write to a file system; `None` if it is unknown.
pub(crate) fn free_bytes(path: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        // Some file systems report no sizes at all.
        let found = rustix::fs::statvfs(path).ok().filter(|found| found.f_blocks > 0)?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Writes a small new file atomically: after a power cut it either does not exist or contains the whole text.
pub(crate) fn write_durably(dir: &Path, name: &str, text: &str) -> io::Result<()> {
    let temporary = dir.join(temporary(name));
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = create_file(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, dir.join(name))?;
    sync_dir(dir)
}

/// The temporary name that [`write_durably`] writes to.
pub(crate) fn temporary(name: &str) -> String {
    format!("{name}.new")
}

/// Makes the entries of a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    // Only Unix can open a directory. On other systems the file system stores the entries with the files.
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

/// The directory that contains a path.
pub(crate) fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn links_and_missing_folders_lead_into_a_folder_too() {
        use std::os::unix::fs::symlink;

        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("db");
        symlink("db/new", home.path().join("link")).unwrap();
        symlink("loop", home.path().join("loop")).unwrap();
        for exists in [false, true] {
            for inside in ["db/file", "db/no/such/../file", "link", "db"] {
                assert!(leads_into(&home.path().join(inside), &folder), "{inside} {exists}");
            }
            for outside in ["db.file", "db/../file", "loop", "."] {
                assert!(!leads_into(&home.path().join(outside), &folder), "{outside} {exists}");
            }
            if !exists {
                std::fs::create_dir(&folder).unwrap();
            }
        }
    }
}
