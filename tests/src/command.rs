//! The `convofold` command, as users run it.

#![expect(clippy::expect_used, clippy::panic, reason = "tests and their helpers may panic")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;
use tempfile::TempDir;

/// The command without arguments, in an environment without settings of convofold.
#[must_use]
pub fn convofold() -> Command {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(BINARY.get_or_init(binary));
    command.env_remove("CONVOFOLD_DB").env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// The binary that the environment variable `CONVOFOLD_BIN` names, or one that is built beside the running test or
/// tool. The build runs even if a binary exists, because that may be outdated.
fn binary() -> PathBuf {
    if let Some(binary) = std::env::var_os("CONVOFOLD_BIN") {
        return binary.into();
    }
    let own = std::env::current_exe().expect("the path of the test");
    let folder = own.parent().expect("target/<profile>/deps/<test>, or target/<profile>/<tool>");
    let profile_folder = if folder.ends_with("deps") { folder.parent().expect("target/<profile>") } else { folder };
    let profile = match profile_folder.file_name().and_then(|name| name.to_str()) {
        None | Some("debug") => "dev",
        Some(name) => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--bin", "convofold", "--profile", profile])
        .arg("--target-dir")
        .arg(profile_folder.parent().expect("the target folder"))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the command does not build");
    profile_folder.join(format!("convofold{}", std::env::consts::EXE_SUFFIX))
}

/// What the command returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the command prints UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ran {
    /// Standard output as one JSON value.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Standard output as one JSON value a line.
    #[must_use]
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The first cell of every row of a table.
    #[must_use]
    pub fn first_cells(&self) -> Vec<&str> {
        self.stdout.lines().skip(1).map(|line| line.split("  ").next().unwrap_or_default()).collect()
    }
}

/// A directory for logs and a database.
#[derive(Debug)]
pub struct Desk {
    folder: TempDir,
    /// Only one process can open a database at a time, and tests share desks.
    turn: Mutex<()>,
}

impl Default for Desk {
    fn default() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), turn: Mutex::new(()) }
    }
}

impl Desk {
    /// A desk with a database that contains this log.
    #[must_use]
    #[track_caller]
    pub fn with_log(log: impl AsRef<[u8]>) -> Self {
        let desk = Self::default();
        desk.write("log", log);
        let ran = desk.run("replay", &["log"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        desk
    }

    /// Runs a command on the database `db` of the desk.
    #[must_use]
    pub fn run(&self, command: &str, args: &[&str]) -> Ran {
        self.run_bare(&[&[command, "--db", "db"], args].concat())
    }

    /// Runs a command in the directory with exactly these arguments.
    #[must_use]
    pub fn run_bare(&self, args: &[&str]) -> Ran {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.command(args).output().expect("the command runs").into()
    }

    /// A command with the directory as its working directory.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = convofold();
        command.args(args).current_dir(self.path(""));
        command
    }

    /// Writes a file in the directory and creates the directories above it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    /// The content of a file in the directory.
    #[must_use]
    #[track_caller]
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a file")
    }

    /// The path of a file in the directory.
    #[must_use]
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }
}
