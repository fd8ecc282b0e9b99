//! `convofold man`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_mangen::Man;

use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;

/// Write man pages.
///
/// Writes one page for every command, such as `convofold-replay.1`, into a folder, which is created if it does not exist.
/// Prints nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold man ~/.local/share/man/man1
  man convofold-replay
")]
pub struct ManArgs {
    /// The folder.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

impl ManArgs {
    pub(crate) fn run(&self, mut command: Command, console: &mut Console) -> Result<Exit, CliError> {
        fs::create_dir_all(&self.dir).map_err(|error| failed(&self.dir, &error))?;
        command.build();
        self.write(&command, "convofold")?;
        console.flush()?;
        Ok(Exit::Success)
    }

    /// Writes the page of a command, and those of the commands below it.
    fn write(&self, command: &Command, name: &str) -> Result<(), CliError> {
        let path = self.dir.join(format!("{name}.1"));
        let mut page = Vec::new();
        // The name of a page has hyphens; `convofold` is printed with a space, as it is typed.
        let man = Man::new(command.clone().display_name(name.to_owned()));
        man.source(concat!("convofold ", env!("CARGO_PKG_VERSION"))).render(&mut page)?;
        fs::write(&path, page).map_err(|error| failed(&path, &error))?;
        for below in command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help") {
            self.write(below, &format!("{name}-{}", below.get_name()))?;
        }
        Ok(())
    }
}

fn failed(path: &Path, error: &std::io::Error) -> CliError {
    CliError::new(Exit::Failure, format!("cannot write {}: {error}", path.display()))
}
