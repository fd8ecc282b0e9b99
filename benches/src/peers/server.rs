//! Servers of peers: started in a directory of their own, reached by a socket in it, stopped with it.

use std::ffi::OsString;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// The maximum time until a server listens.
const PATIENCE: Duration = Duration::from_secs(120);
/// PostgreSQL refuses to run as root; its package creates this user.
const POSTGRES_USER: &str = "postgres";

/// The path of a program, also in the directories of Debian packages.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&paths).collect();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    folders.extend(versions.map(|version| version.path().join("bin")));
    folders.into_iter().map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// A running server; dropping the value stops it.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    stop: Option<Command>,
}

impl Server {
    /// Redis in this directory; every write is durable before the answer.
    pub(super) fn redis(folder: &Path) -> Result<(Self, PathBuf)> {
        let socket = folder.join("redis.sock");
        let mut command = Command::new(find("redis-server").context("redis-server is not installed")?);
        command.args(["--port", "0", "--appendonly", "yes", "--appendfsync", "always", "--save", ""]);
        command.arg("--dir").arg(folder).arg("--unixsocket").arg(&socket);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        Ok((Self { child, stop: None }, socket))
    }

    /// PostgreSQL in this directory, initialised if it is empty.
    pub(super) fn postgres(folder: &Path) -> Result<Self> {
        let data = folder.join("data");
        if !data.exists() {
            std::fs::create_dir(&data)?;
            open_to_postgres(folder, &data)?;
            let mut initdb = as_postgres("initdb", folder)?;
            initdb.arg("-D").arg(&data).args(["--auth", "trust", "--encoding", "UTF8", "--no-locale"]);
            let output = initdb.args(["--username", POSTGRES_USER, "--no-sync"]).output()?;
            ensure!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        }
        let mut command = as_postgres("postgres", folder)?;
        command.arg("-D").arg(&data).arg("-k").arg(&data).args(["-c", "listen_addresses="]);
        for setting in [
            "shared_buffers=1GB",
            "max_wal_size=8GB",
            "checkpoint_timeout=30min",
            "wal_level=minimal",
            "max_wal_senders=0",
            "work_mem=64MB",
            "jit=off",
            "logging_collector=off",
        ] {
            command.args(["-c", setting]);
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut stop = as_postgres("pg_ctl", folder)?;
        stop.arg("stop").arg("-D").arg(&data).args(["-m", "fast", "-w", "-s"]);
        Ok(Self { child, stop: Some(stop) })
    }

    /// The result of the first successful connection, retried until the server listens.
    pub(super) fn until<T>(&mut self, mut connect: impl FnMut() -> Result<T>) -> Result<T> {
        let began = Instant::now();
        loop {
            match connect() {
                Ok(connection) => return Ok(connection),
                Err(error) if began.elapsed() > PATIENCE => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended: {status}");
            }
        }
    }

    /// The process id.
    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let is_stopped = self.stop.as_mut().is_some_and(|stop| stop.status().is_ok_and(|status| status.success()));
        if !is_stopped {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

fn is_root(folder: &Path) -> Result<bool> {
    Ok(std::fs::metadata(folder)?.uid() == 0)
}

/// A program of PostgreSQL, run as its user if this process runs as root.
fn as_postgres(program: &str, folder: &Path) -> Result<Command> {
    let path = find(program).with_context(|| format!("{program} is not installed"))?;
    if !is_root(folder)? {
        return Ok(Command::new(path));
    }
    let mut command = Command::new("setpriv");
    let user = format!("--reuid={POSTGRES_USER}");
    let group = format!("--regid={POSTGRES_USER}");
    command.args([&user, &group, "--clear-groups"]).arg(path).current_dir("/");
    Ok(command)
}

/// Gives PostgreSQL's user access to its directory, if this process runs as root.
fn open_to_postgres(folder: &Path, data: &Path) -> Result<()> {
    if !is_root(folder)? {
        return Ok(());
    }
    // Temporary directories are closed to other users.
    for folder in folder.ancestors() {
        let mode = std::fs::metadata(folder)?.permissions().mode();
        if mode & 0o001 == 0 {
            std::fs::set_permissions(folder, Permissions::from_mode(mode | 0o011))?;
        }
    }
    let owner: OsString = format!("{POSTGRES_USER}:{POSTGRES_USER}").into();
    let status = Command::new("chown").arg(owner).arg(data).status()?;
    ensure!(status.success(), "chown of PostgreSQL's folder failed");
    Ok(())
}
