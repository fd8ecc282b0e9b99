//! `convofold disclose`.

use clap::Args;

use crate::commands::erase::SubjectArgs;
use crate::console::Console;
use crate::database::DbArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::text;

/// Print everything that is stored about a member.
///
/// Prints every event of the member's conversations on standard output, one JSON object per line in convofold's own form,
/// conversation by conversation. These are the conversations that `convofold erase` would erase. Then it prints the lines of
/// other files in the folder of the database that name the member, such as rejects of `convofold serve`:
/// {"file":..,"line":..,"text":..}.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold disclose --db ./db --member 700100 > 700100.ndjson
  convofold disclose --db ./db --number '+47 900 00 001' --member superoffice:Cust12345:customer:77
")]
pub struct DiscloseArgs {
    #[command(flatten)]
    db: DbArgs,
    #[command(flatten)]
    subjects: SubjectArgs,
}

impl DiscloseArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let subjects = self.subjects.expect()?;
        let disclosed = self.db.open(console)?.disclose(&subjects, console.out())?;
        console.note(format_args!(
            "{} of {}",
            text::counted(disclosed.events, "event"),
            text::counted(disclosed.conversations, "conversation")
        ));
        if disclosed.lines > 0 {
            console.note(format_args!("{} of other files", text::counted(disclosed.lines, "line")));
        }
        Ok(Exit::Success)
    }
}
