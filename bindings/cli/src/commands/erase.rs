//! `convofold erase`.

use clap::Args;
use clap::builder::ArgPredicate;
use convofold::erase::{Erasable, Erased};
use convofold::{StateHash, Subject};

use crate::commands::erase_copies::CopiesArgs;
#[cfg(feature = "cluster")]
use crate::commands::erase_owners;
use crate::console::Console;
use crate::database::DbArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::table::{Facts, Listing};
use crate::output::{text, time};
#[cfg(feature = "cluster")]
use crate::owners::AllOwners;
use crate::personal;

/// Forget a member: remove their texts, names, numbers and ids. Reports stay the same.
///
/// Each conversation of the member stays under a random id, with its counts, times and agents. Everything that says who the
/// member is or what was said is removed from the log, conversations, checkpoints, the search index and unused room. Erased
/// events that arrive again, also from an old log, are recognised and stay erased. New events of the member make a new
/// conversation.
///
/// The command writes a copy of the storage without the member, which needs room for a second copy, reads and searches it,
/// and only then uses it. It prints a receipt, which names nobody; the database keeps it (--receipts). A killed process
/// leaves the database as it was, or without the member.
///
/// If another process holds the database, that process erases, and answers questions and takes events meanwhile. Rejects
/// and alerts of `convofold serve` that contain the member are removed, too. Exports and other copies are not changed:
/// --backup erases from a complete backup; --ledger and --again erase again from a database that was restored from an
/// earlier backup.
///
/// With the log of a cluster (--db nats://HOST:PORT/LOG), every owner of every partition erases from its own database. If
/// the command cannot reach some owners, or they have not read what the log has, nothing is erased in their partitions: it
/// prints their names and ends with exit code 8; then run it again.
#[derive(Debug, Args)]
#[command(mut_arg("db", |db| {
    db.required(false).required_unless_present("backup").default_value_if("backup", ArgPredicate::IsPresent, Some("."))
}))]
#[command(after_help = "\
Examples:
  convofold erase --db ./db --member 700100 --dry-run
  convofold erase --db ./db --member 700100 --number '+47 900 00 001' --json > receipt.json
  convofold erase --db ./db --member superoffice:Cust12345:customer:77
  convofold erase --backup monday.cfbk --member 700100
  convofold erase --db ./db --ledger erasures.cfel
")]
pub struct EraseArgs {
    #[command(flatten)]
    db: DbArgs,
    #[command(flatten)]
    subjects: SubjectArgs,
    /// List the conversations that would be erased, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Erase open conversations, too. They stay open under their random ids, and later events make new conversations under
    /// the old ids.
    #[arg(long)]
    open_too: bool,
    /// With the log of a cluster: erase also in partitions of which an owner gives no answer. A legal hold that only this owner
    /// has is not known then.
    #[cfg(feature = "cluster")]
    #[arg(long)]
    skip_missing: bool,
    /// Print the receipts of all erasures so far.
    #[arg(long, conflicts_with_all = ["members", "numbers", "conversations", "dry_run", "open_too"])]
    receipts: bool,
    /// With --receipts: print only the receipt of the erasure before which the state had this hash. To get the hash, restore an
    /// older backup and run `convofold hash` on it.
    #[arg(long, value_name = "HASH", requires = "receipts")]
    hash_before: Option<StateHash>,
    #[command(flatten)]
    copies: CopiesArgs,
    /// Print the receipt as one JSON object; with --dry-run or --receipts, one object per line.
    #[arg(long)]
    json: bool,
}

/// Whom a command is about.
#[derive(Debug, Args)]
pub(super) struct SubjectArgs {
    /// The member with this business id or channel id, or superoffice:TENANT:customer:ID, or superoffice:TENANT:contact:ID.
    /// Can be repeated.
    #[arg(long = "member", value_name = "ID", value_parser = Subject::member)]
    members: Vec<Subject>,
    /// The member with this number, with or without + and spaces. Can be repeated.
    #[arg(long = "number", value_name = "N")]
    numbers: Vec<String>,
    /// This conversation. Can be repeated.
    #[arg(long = "conversation", value_name = "ID")]
    conversations: Vec<String>,
}

impl SubjectArgs {
    /// The subjects; there must be at least one.
    pub(super) fn expect(&self) -> Result<Vec<Subject>, CliError> {
        let numbers = self.numbers.iter().cloned().map(Subject::Number);
        let conversations = self.conversations.iter().cloned().map(Subject::Conversation);
        let subjects: Vec<_> = self.members.iter().cloned().chain(numbers).chain(conversations).collect();
        if subjects.is_empty() {
            return Err(CliError::new(Exit::Usage, "expected --member, --number or --conversation"));
        }
        Ok(subjects)
    }
}

impl EraseArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        #[cfg(feature = "cluster")]
        if !self.copies.is_about_backup()
            && let Some(owners) = self.db.all_owners(console)?
        {
            return self.run_on(&owners, console);
        }
        if self.receipts {
            return self.list_receipts(console);
        }
        if let Some(exit) = self.copies.run(&self.db.db, (&self.subjects, self.open_too), self.json, console)? {
            return Ok(exit);
        }
        let subjects = self.subjects.expect()?;
        if self.dry_run {
            return self.list(&subjects, console);
        }
        let outcome = personal::erase(&self.db, &subjects, self.open_too, console)?;
        if self.json {
            console.json(&outcome)?;
        } else if let Some(erased) = &outcome.erased {
            print(erased, console)?;
        }
        match &outcome.erased {
            None => console.note("no conversation is about them"),
            Some(Erased { also_elsewhere: 0, .. }) => {}
            Some(Erased { also_elsewhere, .. }) => console.note(format_args!(
                "{} of them also occur in other conversations, where they stay",
                text::counted(*also_elsewhere, "id, name or text")
            )),
        }
        outcome.note_cleaned(console);
        Ok(Exit::Success)
    }

    /// Every owner of a cluster has its own database.
    #[cfg(feature = "cluster")]
    fn run_on(&self, owners: &AllOwners, console: &mut Console) -> Result<Exit, CliError> {
        self.copies.expect_none()?;
        if self.receipts {
            return erase_owners::list_receipts(owners, self.hash_before, self.json, console);
        }
        let subjects = self.subjects.expect()?;
        if self.dry_run {
            return erase_owners::list(owners, &subjects, self.json, console);
        }
        let allowed = erase_owners::Allowed { open_too: self.open_too, skip_missing: self.skip_missing };
        erase_owners::erase(owners, &subjects, allowed, self.json, console)
    }

    fn list_receipts(&self, console: &mut Console) -> Result<Exit, CliError> {
        let receipts = self.db.open(console)?.erasures(self.hash_before)?;
        if receipts.is_empty() {
            console.note(if self.hash_before.is_some() {
                "no erasure began with this hash"
            } else {
                "nothing was erased"
            });
            return Ok(if self.hash_before.is_some() { Exit::Failure } else { Exit::Success });
        }
        if self.json {
            receipts.iter().try_for_each(|receipt| console.json(receipt))?;
            return Ok(Exit::Success);
        }
        let headings = &["RECEIPT", "AT (UTC)", "RULE", "CONVERSATIONS", "EVENTS", "HASH AFTER"];
        let mut listing = Listing::new(headings).right(3).right(4);
        for receipt in receipts {
            let (conversations, events) = (text::count(receipt.conversations), text::count(receipt.events));
            let (number, at) = (receipt.number.to_string(), time::to_millisecond(receipt.at));
            listing.row(vec![number, at, receipt.rule.clone(), conversations, events, receipt.hash_after.to_string()]);
        }
        listing.print(console)?;
        Ok(Exit::Success)
    }

    fn list(&self, subjects: &[Subject], console: &mut Console) -> Result<Exit, CliError> {
        let found = self.db.open(console)?.erasable(subjects)?;
        if self.json {
            found.iter().try_for_each(|found| console.json(found))?;
        } else if found.is_empty() {
            console.note("no conversation is about them");
        } else {
            let mut listing = Listing::new(&["CONVERSATION", "EVENTS", "STATUS", "NAMED BY", "HELD"]).right(1);
            for Erasable { conversation, events, status, by, held, .. } in found {
                let held = if held { "yes" } else { "" };
                listing.row(vec![
                    conversation,
                    text::count(events),
                    status.to_string(),
                    by.to_string(),
                    held.to_owned(),
                ]);
            }
            listing.print(console)?;
        }
        Ok(Exit::Success)
    }
}

/// Prints what an erasure did.
pub(super) fn tell(erased: &Erased, json: bool, console: &mut Console) -> Result<(), CliError> {
    if json {
        console.json(erased)?;
    } else {
        print(erased, console)?;
    }
    if erased.also_elsewhere > 0 {
        console.note(format_args!(
            "{} of them also occur in other conversations, where they stay",
            text::counted(erased.also_elsewhere, "id, name or text")
        ));
    }
    Ok(())
}

fn print(erased: &Erased, console: &mut Console) -> Result<(), CliError> {
    let receipt = &erased.receipt;
    let mut facts = Facts::default();
    facts
        .add("receipt", receipt.number.to_string())
        .add("at (UTC)", time::to_millisecond(receipt.at))
        .add("rule", receipt.rule.clone())
        .add("conversations", text::count(receipt.conversations))
        .add("events", text::count(receipt.events))
        .add("last event", text::count(receipt.last_seq))
        .add("keyed hash before", receipt.keyed_hash_before.clone())
        .add("hash after", receipt.hash_after.to_string())
        .add("on disk before", text::bytes(erased.before_bytes))
        .add("on disk now", text::bytes(erased.after_bytes));
    facts.print(console)
}
