//! `convofold erase --db nats://...`: every owner of every partition erases from its own database.

use std::collections::BTreeMap;

use convofold::erase::{Erasable, Erased, Erasure};
use convofold::{StateHash, Status, Subject};
use convofold_server::{Cleaned, EraseAnswer, EraseRequest};
use serde::Serialize;

use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::table::Listing;
use crate::output::{text, time};
use crate::owners::{AllOwners, OwnerAnswer};

/// What an owner did, as one line of JSON.
#[derive(Serialize)]
struct OwnerJson<'a, T> {
    partition: u32,
    node: &'a str,
    #[serde(flatten)]
    answer: Option<T>,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct ErasedJson<'a> {
    /// The receipt; null if nothing is about the members.
    erased: &'a Option<Erased>,
    cleaned: Cleaned,
}

/// Erases from the databases of all owners. What a hold keeps, or what is open, is refused before anything is erased.
pub(super) fn erase(
    owners: &AllOwners,
    subjects: &[Subject],
    open_too: bool,
    json: bool,
    console: &mut Console,
) -> Result<Exit, CliError> {
    let found = owners.each(|client| client.erasable(subjects));
    expect_erasable(&found, open_too)?;
    let request = EraseRequest { open_too, ..EraseRequest::of(subjects) };
    // All owners get the same random ids, and stay comparable.
    let request = request.seeded().map_err(|error| {
        CliError::new(Exit::Failure, format!("the system has no random numbers: {error}")).hint("nothing was erased")
    })?;
    let answers = owners.each(|client| client.erase(&request));
    print_erased(&answers, json, console)?;
    console.note(
        "the log keeps the messages until their maximum age, and backups of before keep them too: an owner that is made from one of \
         them must erase again",
    );
    Ok(tell_missing(&answers, "nothing was erased", console))
}

/// Lists what would be erased.
pub(super) fn list(
    owners: &AllOwners,
    subjects: &[Subject],
    json: bool,
    console: &mut Console,
) -> Result<Exit, CliError> {
    let answers = owners.each(|client| client.erasable(subjects));
    if json {
        for (answer, erasable) in each(&answers) {
            let OwnerAnswer { partition, node, .. } = answer;
            console.json(&OwnerJson { partition: *partition, node, answer: Some(erasable), error: None })?;
        }
    } else {
        // The owners of a partition have the same conversations, unless one is behind.
        let mut found = BTreeMap::<(u32, &str), (&Erasable, Vec<&str>)>::new();
        for (answer, erasable) in each(&answers) {
            let key = (answer.partition, erasable.conversation.as_str());
            found.entry(key).or_insert((erasable, Vec::new())).1.push(&answer.node);
        }
        let headings = &["PARTITION", "CONVERSATION", "EVENTS", "STATUS", "NAMED BY", "HELD", "OWNERS"];
        let mut listing = Listing::new(headings).right(0).right(2);
        for ((partition, conversation), (erasable, nodes)) in found {
            let Erasable { events, status, by, held, .. } = erasable;
            listing.row(vec![
                partition.to_string(),
                conversation.to_owned(),
                text::count(*events),
                status.to_string(),
                by.to_string(),
                if *held { "yes" } else { "" }.to_owned(),
                nodes.join(", "),
            ]);
        }
        if listing.is_empty() {
            console.note("nothing is about them");
        } else {
            listing.print(console)?;
        }
    }
    Ok(tell_missing(&answers, "not known", console))
}

/// Prints the receipts of all owners; or of the erasures before which the state of a partition had this hash.
pub(super) fn list_receipts(
    owners: &AllOwners,
    hash_before: Option<StateHash>,
    json: bool,
    console: &mut Console,
) -> Result<Exit, CliError> {
    let answers = owners.each(|client| client.erasures(hash_before));
    let headings = &["PARTITION", "NODE", "RECEIPT", "AT (UTC)", "RULE", "CONVERSATIONS", "EVENTS", "HASH AFTER"];
    let mut listing = Listing::new(headings).right(0).right(5).right(6);
    for (OwnerAnswer { partition, node, .. }, receipt) in each(&answers) {
        if json {
            console.json(&OwnerJson { partition: *partition, node, answer: Some(receipt), error: None })?;
            continue;
        }
        let Erasure { number, at, rule, conversations, events, hash_after, .. } = receipt;
        listing.row(vec![
            partition.to_string(),
            node.clone(),
            number.to_string(),
            time::to_millisecond(*at),
            rule.clone(),
            text::count(*conversations),
            text::count(*events),
            hash_after.to_string(),
        ]);
    }
    let is_none = each(&answers).next().is_none();
    if is_none {
        console.note(if hash_before.is_some() { "no erasure began with this hash" } else { "nothing was erased" });
    } else if !json {
        listing.print(console)?;
    }
    let exit = tell_missing(&answers, "not known", console);
    Ok(if exit == Exit::Success && is_none && hash_before.is_some() { Exit::Failure } else { exit })
}

/// What the owners have of something.
fn each<T>(answers: &[OwnerAnswer<Vec<T>>]) -> impl Iterator<Item = (&OwnerAnswer<Vec<T>>, &T)> {
    answers.iter().flat_map(|answer| answer.outcome.iter().flatten().map(move |one| (answer, one)))
}

/// Refuses an erasure that an owner would refuse after another one has erased.
fn expect_erasable(found: &[OwnerAnswer<Vec<Erasable>>], open_too: bool) -> Result<(), CliError> {
    let refused = |what: &str, hint: &str| {
        Err(CliError::new(Exit::Failure, format!("cannot erase: {what}")).hint(format!("nothing was erased; {hint}")))
    };
    if let Some((answer, it)) = each(found).find(|(_, it)| it.held) {
        let what = format!("a legal hold keeps {} on {}", it.conversation, answer.node);
        return refused(&what, "--dry-run marks them, and `convofold hold --lift` lifts a hold");
    }
    if let Some((answer, it)) = each(found).find(|(_, it)| it.status == Status::Open && !open_too) {
        let what = format!("{} is open on {}", it.conversation, answer.node);
        return refused(&what, "close them first, or erase them too with --open-too");
    }
    Ok(())
}

fn print_erased(answers: &[OwnerAnswer<EraseAnswer>], json: bool, console: &mut Console) -> Result<(), CliError> {
    if json {
        for OwnerAnswer { partition, node, outcome } in answers {
            let erased =
                outcome.as_ref().ok().map(|answer| ErasedJson { erased: &answer.erased, cleaned: answer.cleaned });
            let error = outcome.as_ref().err().map(String::as_str);
            console.json(&OwnerJson { partition: *partition, node, answer: erased, error })?;
        }
        return Ok(());
    }
    let headings = &["PARTITION", "NODE", "RECEIPT", "CONVERSATIONS", "EVENTS", "ALSO ELSEWHERE", "HASH AFTER"];
    let mut listing = Listing::new(headings).right(0).right(3).right(4).right(5);
    let (mut rejects, mut alerts) = (0, 0);
    for OwnerAnswer { partition, node, outcome } in answers {
        let Ok(EraseAnswer { erased, cleaned, .. }) = outcome else { continue };
        (rejects, alerts) = (rejects + cleaned.rejects, alerts + cleaned.alerts);
        let Some(Erased { receipt, also_elsewhere, .. }) = erased else { continue };
        listing.row(vec![
            partition.to_string(),
            node.clone(),
            receipt.number.to_string(),
            text::count(receipt.conversations),
            text::count(receipt.events),
            text::count(*also_elsewhere),
            receipt.hash_after.to_string(),
        ]);
    }
    if listing.is_empty() {
        console.note("nothing is about them");
    } else {
        listing.print(console)?;
    }
    for (count, what) in [(rejects, "reject"), (alerts, "alert")] {
        if count > 0 {
            console.note(format_args!("{} of the nodes removed", text::counted(count, what)));
        }
    }
    Ok(())
}

/// Names the owners that gave no answer. Returns how the command ends.
fn tell_missing<T>(answers: &[OwnerAnswer<T>], what: &str, console: &mut Console) -> Exit {
    let mut exit = Exit::Success;
    for OwnerAnswer { partition, node, outcome } in answers {
        if let Err(why) = outcome {
            console.note(format_args!("partition {partition} on {node}: {what}: {why}"));
            exit = Exit::Incomplete;
        }
    }
    if exit != Exit::Success {
        console.note("run the same command again when they answer; what was erased stays erased");
    }
    exit
}
