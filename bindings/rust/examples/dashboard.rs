//! Numbers for a wallboard, updated from the change feed instead of repeated queries.
//!
//! ```sh
//! cargo run -p convofold --example dashboard
//! ```
//!
//! The feed names the conversations that have changed. The board reads only those and remembers their previous numbers, so the
//! cost depends on the number of events and not on the number of conversations. At the end the numbers are compared with those
//! of the database.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::time::Duration;

use convofold::ingest::Format;
use convofold::{AgentRef, Change, Changes, Convofold, Direction, State, Status, Time};

const HOUR_MS: i64 = 3_600_000;

/// The contribution of a conversation to the numbers.
#[derive(Clone, Debug, Default, PartialEq)]
struct Share {
    agent: Option<String>,
    open: u64,
    unread: u64,
    waiting: u64,
}

impl Share {
    fn of(state: &State) -> Self {
        if state.status == Status::Closed {
            return Self::default();
        }
        let agent = state.agent.as_ref().and_then(name_of);
        Self { agent, open: 1, unread: state.unread, waiting: state.waiting_since.is_some().into() }
    }
}

fn name_of(agent: &AgentRef) -> Option<String> {
    agent.id.as_deref().or(agent.name.as_deref()).map(str::to_owned)
}

/// Open conversations, unread messages and waiting conversations.
type Numbers = (u64, u64, u64);

#[derive(Debug, Default)]
struct Board {
    shares: HashMap<String, Share>,
    by_agent: BTreeMap<Option<String>, Numbers>,
    /// Incoming and outgoing messages per hour.
    by_hour: BTreeMap<i64, (u64, u64)>,
}

impl Board {
    /// Applies the changes since the last refresh.
    fn refresh(&mut self, db: &Convofold, changes: &mut Changes) -> Result<usize, Box<dyn Error>> {
        let mut changed = BTreeSet::new();
        while let Some(Change { event, .. }) = changes.next_timeout(Duration::ZERO)? {
            let hour = event.at().alone().ms() / HOUR_MS;
            let (incoming, outgoing) = self.by_hour.entry(hour).or_default();
            match event.direction().filter(|_| event.kind().is_message()) {
                Some(Direction::In) => *incoming += 1,
                Some(Direction::Out) => *outgoing += 1,
                None => {}
            }
            changed.insert(event.conversation().to_owned());
        }
        for id in &changed {
            // The state can be newer than the feed; in that case the feed reports the conversation again.
            let share = db.state(id)?.as_ref().map(Share::of).unwrap_or_default();
            let before = self.shares.insert(id.clone(), share.clone()).unwrap_or_default();
            let numbers = self.by_agent.entry(before.agent).or_default();
            *numbers = (numbers.0 - before.open, numbers.1 - before.unread, numbers.2 - before.waiting);
            let numbers = self.by_agent.entry(share.agent).or_default();
            *numbers = (numbers.0 + share.open, numbers.1 + share.unread, numbers.2 + share.waiting);
        }
        self.by_agent.retain(|_, numbers| numbers.0 > 0);
        Ok(changed.len())
    }
}

/// A day in a small call centre, in convofold's own format.
fn happenings() -> Vec<String> {
    let agents = ["Ida", "Uma", "Tove"];
    let mut lines = Vec::new();
    for number in 0..240_usize {
        let ms = 1_772_438_400_000 + number as i64 * 97_000;
        let occurred = Time::from_ms(ms).map_or_else(String::new, |time| time.to_string());
        let conversation = number * 7 % 40;
        let about =
            format!(r#"{{"convofold":1,"source":"desk","conversation":"c-{conversation}","occurred":"{occurred}""#);
        let agent = agents.get(conversation % 4).map_or("null".to_owned(), |name| format!(r#"{{"name":"{name}"}}"#));
        lines.push(match number % 6 {
            5 if number > 120 => format!(r#"{about},"kind":"close"}}"#),
            2 | 3 => format!(r#"{about},"kind":"message","direction":"out","agent":{agent},"text":"At once."}}"#),
            _ => format!(r#"{about},"kind":"message","direction":"in","agent":{agent},"text":"And now?"}}"#),
        });
    }
    lines
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let db = Convofold::open(folder.path().join("conversations"))?;
    let mut changes = db.changes(1);
    let mut board = Board::default();
    let happenings = happenings();
    for (number, lines) in happenings.chunks(60).enumerate() {
        db.ingest(lines.join("\n").as_bytes(), Format::Auto)?;
        let looked_at = board.refresh(&db, &mut changes)?;
        let open: u64 = board.by_agent.values().map(|(open, ..)| open).sum();
        println!("refresh {}: {looked_at} conversations read, {open} open", number + 1);
    }

    println!("\n{:10} {:>5} {:>7} {:>8}", "AGENT", "OPEN", "UNREAD", "WAITING");
    for (agent, (open, unread, waiting)) in &board.by_agent {
        println!("{:10} {open:5} {unread:7} {waiting:8}", agent.as_deref().unwrap_or("(nobody)"));
    }
    println!("\n{:>5} {:>5} {:>5}", "HOUR", "IN", "OUT");
    for (hour, (incoming, outgoing)) in &board.by_hour {
        println!("{:02}:00 {incoming:5} {outgoing:5}", hour % 24);
    }

    let asked: BTreeMap<Option<String>, Numbers> = db
        .agents()
        .into_iter()
        .map(|load| (load.agent.as_ref().and_then(name_of), (load.open, load.unread, load.waiting)))
        .filter(|(_, numbers)| numbers.0 > 0)
        .collect();
    assert_eq!(board.by_agent, asked);
    let messages: u64 = board.by_hour.values().map(|(incoming, outgoing)| incoming + outgoing).sum();
    assert_eq!(messages, happenings.iter().filter(|line| line.contains("message")).count() as u64);
    Ok(db.close()?)
}
