//! `convofold conflicts`.

use clap::Args;
use convofold::Conflict;

use crate::console::Console;
use crate::database::{DbArgs, IdArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Listing, event, text, time};
use crate::past::{MomentArgs, Reader, did_not_exist};

/// Maximum width of a value that counts.
const VALUE_COLUMNS: usize = 40;

/// List the events that contradict another event with the same identity.
///
/// Two deliveries of one event should have the same content. If they differ, one of them counts (always the same one,
/// whichever arrived first), and the other has no effect. Prints a table on standard output with one row for each field in
/// which they differ: the value that counts and the other one. --json prints one JSON object per conflict.
///
/// --as-of and --known-at list the conflicts among the events that had happened, or were known, at another moment.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold conflicts --db ./db
  convofold conflicts 700100_1627535468595 --db ./db --json
  convofold conflicts --db ./db --known-at -2h
")]
pub struct ConflictsArgs {
    /// Only this conversation: its id, its beginning if no other id begins with it, or its short form in a narrow table.
    id: Option<String>,
    #[command(flatten)]
    db: DbArgs,
    #[command(flatten)]
    moment: MomentArgs,
    /// Print one JSON object per conflict.
    #[arg(long)]
    json: bool,
}

impl ConflictsArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let db = self.moment.open(&self.db, None, console)?;
        db.tell(!self.json, console);
        let headings = &["CONVERSATION", "IDENTITY", "AT (UTC)", "EVENT", "FIELD", "COUNTS", "OTHER"];
        let mut listing = Listing::new(headings).ends_in_text();
        self.visit(&db, |conflict| {
            if self.json {
                return console.json(&conflict);
            }
            add(&mut listing, &conflict);
            Ok(())
        })?;
        if !self.json && listing.is_empty() && !db.is_incomplete() {
            console.note("no conflicts");
        } else if !self.json {
            listing.print(console)?;
        }
        Ok(db.end(console))
    }

    fn visit(&self, db: &Reader, visit: impl FnMut(Conflict) -> Result<(), CliError>) -> Result<(), CliError> {
        if let Some(id) = self.id.clone().map(IdArgs::from) {
            let id = id.find(db.database())?;
            let conflicts = db.conflicts(&id)?.ok_or_else(|| did_not_exist(&id))?;
            return conflicts.into_iter().try_for_each(visit);
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
