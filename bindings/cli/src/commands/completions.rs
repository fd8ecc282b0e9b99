//! `convofold completions`.

use std::io::Write;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;

/// Print the completions for a shell.
///
/// Prints a script on standard output, to be put where the shell looks for it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold completions bash > ~/.local/share/bash-completion/completions/convofold
  convofold completions fish > ~/.config/fish/completions/convofold.fish
")]
pub struct CompletionsArgs {
    /// Which shell.
    shell: Shell,
}

impl CompletionsArgs {
    pub(crate) fn run(&self, command: &mut Command, console: &mut Console) -> Result<Exit, CliError> {
        // The generator panics where a write fails, so it does not get to see standard output.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, command, "convofold", &mut script);
        console.out().write_all(&script)?;
        Ok(Exit::Success)
    }
}
