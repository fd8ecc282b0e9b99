//! Durable writes of small files and directory entries.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Writes a small file atomically: after a power cut it contains either the old or the new text, never a part of it.
pub(crate) fn write_durably(dir: &Path, name: &str, text: &str) -> io::Result<()> {
    let temporary = dir.join(temporary(name));
    let mut file = File::create(&temporary)?;
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
