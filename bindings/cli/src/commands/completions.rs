//! `convofold completions`.

use std::io::Write;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;

/// Print shell completions.
///
/// Prints a completion script for the shell on standard output.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold completions bash > ~/.local/share/bash-completion/completions/convofold
  convofold completions fish > ~/.config/fish/completions/convofold.fish
")]
pub struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

impl CompletionsArgs {
    pub(crate) fn run(&self, command: &mut Command, console: &mut Console) -> Result<Exit, CliError> {
        // The generator panics if a write fails, so it writes to memory first.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, command, "convofold", &mut script);
        console.out().write_all(&script)?;
        Ok(Exit::Success)
    }
}
