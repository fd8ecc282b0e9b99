//! The Unix socket in the folder of a database.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// The name of the socket in the folder of the database.
pub(crate) const SOCKET: &str = "convofold.sock";
/// The longest path of a folder in which a socket can be named directly: the system allows 104 bytes or more for the whole
/// path, and the socket is bound in a folder of its own.
const MAX_FOLDER_BYTES: usize = 64;

/// A listening socket in the folder of a database that this process holds. Its file is removed when it is dropped.
pub(crate) struct Socket {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl Socket {
    /// Listens in this folder. Replaces the socket of an earlier holder: only one process holds a database.
    ///
    /// The file is never open to others: it is bound in a folder that only its owner can enter, and then moved.
    pub(crate) fn bind(folder: &Path) -> io::Result<(Self, UnixListener)> {
        let path = folder.join(SOCKET);
        let listener = in_short(folder, |folder| {
            let private = tempfile::Builder::new()
                .prefix(".socket-")
                .permissions(Permissions::from_mode(0o700))
                .tempdir_in(folder)?;
            let bound = private.path().join("s");
            let listener = UnixListener::bind(&bound)?;
            fs::set_permissions(&bound, Permissions::from_mode(0o600))?;
            fs::rename(&bound, folder.join(SOCKET))?;
            Ok(listener)
        })?;
        let found = fs::symlink_metadata(&path)?;
        Ok((Self { path, identity: (found.dev(), found.ino()) }, listener))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let is_own = fs::symlink_metadata(&self.path).is_ok_and(|it| (it.dev(), it.ino()) == self.identity);
        if is_own {
            // What stays is replaced by the next holder.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Connects to the process that holds the database in this folder.
pub(crate) fn connect(folder: &Path) -> io::Result<UnixStream> {
    in_short(folder, |folder| UnixStream::connect(folder.join(SOCKET)))
}

/// Calls `with` with a path of the folder that is short enough for the address of a socket.
fn in_short<T>(folder: &Path, with: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if folder.as_os_str().len() <= MAX_FOLDER_BYTES {
        return with(folder);
    }
    with_link(folder, with)
}

/// Through the open folder.
#[cfg(target_os = "linux")]
fn with_link<T>(folder: &Path, with: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    use std::os::fd::AsRawFd;
    let open = fs::File::open(folder)?;
    with(&Path::new("/proc/self/fd").join(open.as_raw_fd().to_string()))
}

/// Through a symbolic link in a folder that only its owner can enter.
#[cfg(not(target_os = "linux"))]
fn with_link<T>(folder: &Path, with: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let private = tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir_in("/tmp")?;
    let link = private.path().join("db");
    std::os::unix::fs::symlink(folder.canonicalize()?, &link)?;
    with(&link)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn only_the_owner_can_connect_and_the_file_goes_with_the_socket() {
        let folder = tempfile::tempdir().unwrap();
        let (socket, _listener) = Socket::bind(folder.path()).unwrap();
        assert_eq!(mode(&folder.path().join(SOCKET)), 0o600);
        connect(folder.path()).unwrap();
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [SOCKET]);
        drop(socket);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_with_a_long_path_has_a_socket_too() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("x".repeat(200));
        fs::create_dir(&folder).unwrap();
        let (_socket, _listener) = Socket::bind(&folder).unwrap();
        assert_eq!(mode(&folder.join(SOCKET)), 0o600);
        connect(&folder).unwrap();
    }

    #[test]
    fn the_socket_of_a_killed_holder_is_replaced_and_not_removed_by_others() {
        let folder = tempfile::tempdir().unwrap();
        let (killed, listener) = Socket::bind(folder.path()).unwrap();
        drop(listener);
        assert_eq!(connect(folder.path()).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        let (_socket, _listener) = Socket::bind(folder.path()).unwrap();
        drop(killed);
        connect(folder.path()).unwrap();
    }
}
