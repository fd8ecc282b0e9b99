//! `convofold erase --db nats://...`: every owner of every partition erases from its own database.

use std::collections::{BTreeMap, BTreeSet};

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

/// What may be erased.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowed {
    /// Open conversations, too.
    pub(super) open_too: bool,
    /// Also in partitions of which an owner gives no answer.
    pub(super) skip_missing: bool,
}

/// Erases from the databases of all owners that have read what the log has now. What a hold keeps, or what is open, is refused
/// before anything is erased. An owner without an answer can have such a hold, so nothing is erased in its partitions.
pub(super) fn erase(
    owners: &AllOwners,
    subjects: &[Subject],
    allowed: Allowed,
    json: bool,
    console: &mut Console,
) -> Result<Exit, CliError> {
    let Allowed { open_too, skip_missing } = allowed;
    let ends = owners.log_ends()?;
    let found = owners.each_that_read(&owners.partitions(), &ends, |client| client.erasable(subjects));
    expect_erasable(&found, open_too)?;
    let left_out = if skip_missing { Vec::new() } else { left_out(found) };
    let without: BTreeSet<u32> = left_out.iter().map(|answer| answer.partition).collect();
    let partitions = &owners.partitions() - &without;
    let request = EraseRequest { open_too, ..EraseRequest::of(subjects) };
    // All owners get the same random ids, and stay comparable.
    let request = request.seeded().map_err(|error| {
        CliError::new(Exit::Failure, format!("the system has no random numbers: {error}")).hint("nothing was erased")
    })?;
    let mut answers = owners.each_that_read(&partitions, &ends, |client| client.erase(&request));
    answers.extend(left_out);
    let unasked = owners.unasked().map(|unasked| answers.extend(unasked));
    answers.sort_by_key(|answer| answer.partition);
    print_erased(&answers, json, console)?;
    console.note(
        "the log keeps the messages until their maximum age, and backups of before keep them too: an owner that is made from one of \
         them must erase again",
    );
    let exit = tell_missing(&answers, "nothing was erased", console);
    let Err(why) = unasked else { return Ok(exit) };
    console
        .note(format_args!("whether other nodes became owners meanwhile is not known, run the command again: {why}"));
    Ok(Exit::Incomplete)
}

/// The owners of the partitions of which one gave no answer: it, and why the others must not erase.
fn left_out(found: Vec<OwnerAnswer<Vec<Erasable>>>) -> Vec<OwnerAnswer<EraseAnswer>> {
    let silent: BTreeSet<u32> =
        found.iter().filter(|answer| answer.outcome.is_err()).map(|answer| answer.partition).collect();
    let why = "another owner gave no answer, and may have a legal hold; --skip-missing erases here all the same";
    let of_silent = found.into_iter().filter(|answer| silent.contains(&answer.partition));
    of_silent
        .map(|OwnerAnswer { partition, node, outcome }| {
            let why = outcome.err().unwrap_or_else(|| why.to_owned());
            OwnerAnswer { partition, node, outcome: Err(why) }
        })
        .collect()
}

/// Lists what would be erased.
pub(super) fn list(
    owners: &AllOwners,
    subjects: &[Subject],
    json: bool,
    console: &mut Console,
) -> Result<Exit, CliError> {
    let ends = owners.log_ends()?;
    let answers = owners.each_that_read(&owners.partitions(), &ends, |client| client.erasable(subjects));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_erased_in_a_partition_of_which_an_owner_gives_no_answer() {
        let answer = |partition, node: &str, outcome| OwnerAnswer { partition, node: node.to_owned(), outcome };
        let silent = || Err("it does not answer".to_owned());
        let found = vec![
            answer(0, "a", Ok(Vec::new())),
            answer(0, "b", Ok(Vec::new())),
            answer(1, "a", Ok(Vec::new())),
            answer(1, "b", silent()),
        ];
        let left_out = left_out(found);
        let found: Vec<_> = left_out.iter().map(|it| (it.partition, &*it.node, it.outcome.is_err())).collect();
        assert_eq!(found, [(1, "a", true), (1, "b", true)]);
        assert!(left_out[0].outcome.as_ref().unwrap_err().contains("another owner"));
        assert_eq!(left_out[1].outcome.as_ref().unwrap_err(), "it does not answer");
    }
}
