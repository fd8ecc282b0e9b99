//! The commands and the way from arguments to an exit code.

use std::ffi::OsString;
use std::io::Write;

use clap::{CommandFactory, Parser, Subcommand};

use crate::commands::agents::AgentsArgs;
use crate::commands::audit::AuditArgs;
use crate::commands::backup::BackupArgs;
#[cfg(feature = "cluster")]
use crate::commands::cluster::ClusterArgs;
use crate::commands::compact::CompactArgs;
use crate::commands::completions::CompletionsArgs;
use crate::commands::conflicts::ConflictsArgs;
use crate::commands::diff::DiffArgs;
use crate::commands::disclose::DiscloseArgs;
use crate::commands::erase::EraseArgs;
use crate::commands::explain::ExplainArgs;
use crate::commands::export::ExportArgs;
use crate::commands::generate::GenerateArgs;
use crate::commands::hash::HashArgs;
use crate::commands::history::HistoryArgs;
use crate::commands::hold::HoldArgs;
use crate::commands::ingest::IngestArgs;
use crate::commands::list::ListArgs;
use crate::commands::man::ManArgs;
use crate::commands::open::OpenArgs;
use crate::commands::repair::RepairArgs;
use crate::commands::replay::ReplayArgs;
use crate::commands::report::ReportArgs;
use crate::commands::restore::RestoreArgs;
use crate::commands::retain::RetainArgs;
#[cfg(feature = "serve")]
use crate::commands::serve::ServeArgs;
use crate::commands::show::ShowArgs;
use crate::commands::stats::StatsArgs;
use crate::commands::suspects::SuspectsArgs;
use crate::commands::tail::TailArgs;
#[cfg(feature = "serve")]
use crate::commands::token::TokenArgs;
use crate::commands::totals::TotalsArgs;
use crate::commands::trim::TrimArgs;
use crate::commands::verify::VerifyArgs;
use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  convofold replay logs/ --db ./db              read every log in a folder
  convofold open --db ./db --unassigned         waiting conversations without an agent
  convofold list --db ./db --member 'Jane Doe'  all conversations of a member
  convofold agents --db ./db                    workload by agent
  convofold show ID --db ./db                   one conversation, with its transcript
  convofold explain ID --db ./db                why it is what it is

Results go to standard output, progress and reports to standard error.
Times are UTC unless --tz names another zone. --db can also be given as the environment variable CONVOFOLD_DB.
";

/// Fold live-chat events into the state of every conversation.
///
/// `replay` reads Airship and SuperOffice event logs into a database folder; the other commands answer from it. The
/// state of a conversation is a function of the set of its events. Their order of arrival and repeated deliveries do not
/// change it, so you can replay any log again at any time.
#[derive(Debug, Parser)]
#[command(
    name = "convofold",
    bin_name = "convofold",
    version,
    after_help = format!("{EXAMPLES}\n{}", Exit::help()),
    subcommand_required = true,
    arg_required_else_help = true,
)]
pub struct Cli {
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "the help of a command is the documentation of its arguments")]
pub enum Command {
    Replay(ReplayArgs),
    Ingest(IngestArgs),
    Open(Box<OpenArgs>),
    List(Box<ListArgs>),
    Agents(AgentsArgs),
    Totals(TotalsArgs),
    Show(ShowArgs),
    History(HistoryArgs),
    Explain(ExplainArgs),
    Conflicts(ConflictsArgs),
    Suspects(Box<SuspectsArgs>),
    Report(Box<ReportArgs>),
    Export(ExportArgs),
    Hash(HashArgs),
    Diff(DiffArgs),
    Stats(StatsArgs),
    Tail(TailArgs),
    #[cfg(feature = "serve")]
    Serve(Box<ServeArgs>),
    #[cfg(feature = "serve")]
    Token(TokenArgs),
    #[cfg(feature = "cluster")]
    Cluster(Box<ClusterArgs>),
    Trim(TrimArgs),
    Compact(CompactArgs),
    Retain(RetainArgs),
    Erase(EraseArgs),
    Disclose(DiscloseArgs),
    Hold(HoldArgs),
    Verify(VerifyArgs),
    Audit(AuditArgs),
    Backup(BackupArgs),
    Restore(RestoreArgs),
    Repair(RepairArgs),
    Generate(Box<GenerateArgs>),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Runs the command that the arguments name. The first argument is the name of the program.
pub fn run(args: impl IntoIterator<Item = OsString>, console: &mut Console) -> Exit {
    let ended = match Cli::try_parse_from(args) {
        Ok(cli) => cli.command.run(console),
        Err(no_command) => explain(&no_command, console),
    };
    // Output printed before the failure comes before the error message.
    let flushed = console.finish();
    match ended.and_then(|exit| flushed.map(|()| exit)) {
        Ok(exit) => exit,
        Err(error) => {
            if let CliError::Failed(failure) = &error {
                console.failure(failure);
            }
            error.exit()
        }
    }
}

impl Command {
    fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        match self {
            Self::Replay(args) => args.run(console),
            Self::Ingest(args) => args.run(console),
            Self::Open(args) => args.run(console),
            Self::List(args) => args.run(console),
            Self::Agents(args) => args.run(console),
            Self::Totals(args) => args.run(console),
            Self::Show(args) => args.run(console),
            Self::History(args) => args.run(console),
            Self::Explain(args) => args.run(console),
            Self::Conflicts(args) => args.run(console),
            Self::Suspects(args) => args.run(console),
            Self::Report(args) => args.run(console),
            Self::Export(args) => args.run(console),
            Self::Hash(args) => args.run(console),
            Self::Diff(args) => args.run(console),
            Self::Stats(args) => args.run(console),
            Self::Tail(args) => args.run(console),
            #[cfg(feature = "serve")]
            Self::Serve(args) => args.run(console),
            #[cfg(feature = "serve")]
            Self::Token(args) => args.run(console),
            #[cfg(feature = "cluster")]
            Self::Cluster(args) => args.run(console),
            Self::Trim(args) => args.run(console),
            Self::Compact(args) => args.run(console),
            Self::Retain(args) => args.run(console),
            Self::Erase(args) => args.run(console),
            Self::Disclose(args) => args.run(console),
            Self::Hold(args) => args.run(console),
            Self::Verify(args) => args.run(console),
            Self::Audit(args) => args.run(console),
            Self::Backup(args) => args.run(console),
            Self::Restore(args) => args.run(console),
            Self::Repair(args) => args.run(console),
            Self::Generate(args) => args.run(console),
            Self::Completions(args) => args.run(&mut Cli::command(), console),
            Self::Man(args) => args.run(Cli::command(), console),
        }
    }
}

/// Help and version are results; a wrong argument is an error.
fn explain(answer: &clap::Error, console: &mut Console) -> Result<Exit, CliError> {
    let text = answer.render();
    if answer.use_stderr() {
        console.usage_error(&text);
        return Ok(Exit::Usage);
    }
    let coloured = console.has_colours();
    let text = if coloured { text.ansi().to_string() } else { text.to_string() };
    writeln!(console.out(), "{}", text.trim_end())?;
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{} has no example", command.get_name());
            assert!(command.get_long_about().is_some(), "{} does not say what it prints", command.get_name());
        }
    }
}
