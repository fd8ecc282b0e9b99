//! A host with its own event source and exactly-once processing.
//!
//! ```sh
//! cargo run -p convofold --example own_source
//! ```
//!
//! The host reads the tickets of a helpdesk from a feed with numbered entries, and commits its position as a bookmark with every
//! batch. After any crash it resumes after the last durable event: no event is missed, and a repeated event is recognised by its
//! id.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use convofold::{
    AgentMention, Batch, Convofold, Direction, Draft, DraftError, Durability, EffectCounts, Event, Identity, Kind, Time,
};

/// What happened to a ticket.
enum Happening {
    Opened,
    Assigned(&'static str),
    Customer(&'static str),
    Agent(&'static str),
    Solved,
}

/// An entry of the feed of the helpdesk.
struct Entry {
    id: u64,
    ticket: u32,
    at_ms: i64,
    what: Happening,
}

/// All entries of the feed at the end of the day.
fn feed() -> Vec<Entry> {
    use Happening::{Agent, Assigned, Customer, Opened, Solved};
    let told = [
        (1, Opened),
        (1, Customer("The printer is on fire.")),
        (2, Opened),
        (2, Customer("My invoice is wrong.")),
        (1, Assigned("Ida")),
        (1, Agent("Is it a laser printer?")),
        (3, Opened),
        (3, Customer("How do I reset my password?")),
        (1, Customer("It was.")),
        (2, Assigned("Uma")),
        (3, Assigned("Ida")),
        (3, Agent("By the link below the form.")),
        (3, Solved),
        (2, Customer("Hello?")),
    ];
    let ids = 1..;
    let entry = |(id, (ticket, what))| Entry {
        id,
        ticket,
        at_ms: 1_772_443_000_000 + 60_000 * i64::from(ticket) + 7_000 * id as i64,
        what,
    };
    ids.zip(told).map(entry).collect()
}

/// Converts an entry to an event from its times, ids and texts. Nothing is parsed.
fn event(entry: &Entry) -> Result<Event, DraftError> {
    let (id, ticket) = (entry.id.to_string(), format!("helpdesk:{}", entry.ticket));
    let draft =
        |kind| Draft::new("helpdesk", &ticket, kind, Time::from_ms(entry.at_ms)).identity(Identity::given(&id, 0));
    match entry.what {
        Happening::Opened => draft(Kind::Open),
        Happening::Assigned(name) => draft(Kind::UpdateOpen).agent(AgentMention::agent(None, name)),
        Happening::Customer(text) => draft(Kind::Message).direction(Direction::In).text(text),
        Happening::Agent(text) => draft(Kind::Message).direction(Direction::Out).text(text),
        Happening::Solved => draft(Kind::Close),
    }
    .build()
}

/// Ingests up to `at_most` entries after the bookmark, four entries per batch.
fn catch_up(db: &Convofold, feed: &[Entry], at_most: usize) -> Result<EffectCounts, Box<dyn Error>> {
    let done: u64 = match db.bookmark("helpdesk") {
        Some(bookmark) => String::from_utf8(bookmark)?.parse()?,
        None => 0,
    };
    // An upstream that repeats some entries does no harm.
    let again = done.saturating_sub(2);
    let news: Vec<&Entry> = feed.iter().filter(|entry| entry.id > again).take(at_most).collect();
    let mut tickets = Vec::new();
    for entries in news.chunks(4) {
        let events = entries.iter().map(|entry| event(entry)).collect::<Result<Vec<_>, _>>()?;
        let last = entries.last().map_or(done, |entry| entry.id).max(done);
        // Buffered is sufficient, because the upstream can send the entries again: a bookmark never becomes durable
        // without its events.
        let batch = Batch::new(events).bookmark("helpdesk", last.to_string()).durability(Durability::Buffered);
        tickets.push(db.submit(batch)?);
    }
    let mut counts = EffectCounts::default();
    for ticket in tickets {
        counts.add_all(ticket.wait()?.counts);
    }
    Ok(counts)
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path().join("conversations");
    let feed = feed();

    let db = Convofold::open(&folder)?;
    let first = catch_up(&db, &feed, 9)?;
    println!("first run:  {} events applied, then the host is stopped", first.applied);
    db.close()?;
    drop(db);

    let db = Convofold::open(&folder)?;
    let second = catch_up(&db, &feed, usize::MAX)?;
    println!(
        "second run: {} events applied, {} were already stored\n",
        second.applied + second.late,
        second.duplicates
    );
    assert_eq!(first.total() - first.duplicates + second.total() - second.duplicates, feed.len() as u64);
    assert_eq!(second.duplicates, 2);

    for load in db.agents() {
        let name = load.agent.and_then(|agent| agent.name).unwrap_or_else(|| "(nobody)".into());
        println!("{name:10} {} open, {} unread, {} waiting", load.open, load.unread, load.waiting);
    }
    let invoice = db.state("helpdesk:2")?.ok_or("ticket 2 is missing")?;
    assert_eq!((invoice.unread, invoice.agent.and_then(|agent| agent.name).as_deref()), (2, Some("Uma")));
    assert_eq!(db.stats().open, 2);
    Ok(db.close()?)
}
