//! `convofold conflicts`.

use clap::Args;
use convofold::Conflict;

use crate::console::Console;
use crate::database::{DbArgs, IdArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::opened::Database;
use crate::output::{Listing, event, text, time};

/// Maximum width of a value that counts.
const VALUE_COLUMNS: usize = 40;

/// List the events that contradict another event with the same identity.
///
/// Two deliveries of one event should have the same content. If they differ, one of them counts (always the same one,
/// whichever arrived first), and the other has no effect. Prints a table on standard output with one row for each field in
/// which they differ: the value that counts and the other one. --json prints one JSON object per conflict.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold conflicts --db ./db
  convofold conflicts 700100_1627535468595 --db ./db --json
")]
pub struct ConflictsArgs {
    /// Only this conversation: its id, its beginning if no other id begins with it, or its short form in a narrow table.
    id: Option<String>,
    #[command(flatten)]
    db: DbArgs,
    /// Print one JSON object per conflict.
    #[arg(long)]
    json: bool,
}

impl ConflictsArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let db = self.db.open(console)?;
        let headings = &["CONVERSATION", "IDENTITY", "AT (UTC)", "EVENT", "FIELD", "COUNTS", "OTHER"];
        let mut listing = Listing::new(headings).ends_in_text();
        self.visit(&db, |conflict| {
            if self.json {
                return console.json(&conflict);
            }
            add(&mut listing, &conflict);
            Ok(())
        })?;
        if !self.json && listing.is_empty() {
            console.note("no conflicts");
        } else if !self.json {
            listing.print(console)?;
        }
        Ok(Exit::Success)
    }

    fn visit(&self, db: &Database, visit: impl FnMut(Conflict) -> Result<(), CliError>) -> Result<(), CliError> {
        if let Some(id) = self.id.clone().map(IdArgs::from) {
            let conflicts = db.conflicts(&id.find(db)?)?;
            return conflicts.ok_or_else(|| id.unknown())?.into_iter().try_for_each(visit);
        }
        db.each_conflict(visit)
    }
}

fn add(listing: &mut Listing, conflict: &Conflict) {
    for field in &conflict.fields {
        listing.row(vec![
            conflict.conversation.clone(),
            conflict.identity.clone(),
            time::to_millisecond(conflict.at),
            event::kind(conflict.kind).to_owned(),
            field.field.clone(),
            text::cut(&field.kept, VALUE_COLUMNS),
            field.lost.clone(),
        ]);
    }
}
