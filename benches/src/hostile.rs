//! Logs of one long conversation that could cost the square of its length, and how long readers of another conversation
//! wait meanwhile.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::ValueEnum;
use convofold::replay::{Input, Replay};
use convofold::{Batch, Convofold, Direction, Draft, Event, Identity, Kind, Query, Time};

const START_MS: i64 = 1_767_225_600_000;
/// The conversation whose readers wait.
const OTHER: &str = "other";
/// The pause between two questions of the reader.
const PAUSE: Duration = Duration::from_micros(100);
const AT_ONCE: u64 = 2_000;

/// A log of one conversation, or a change of one that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Log {
    /// Messages in order.
    Plain,
    /// Messages, the newest first.
    Late,
    /// Closes without a usable time.
    Untimed,
    /// A message of each of as many agents.
    Agents,
    /// Messages, each with a count stated as of a time far ahead.
    Stated,
    /// As many conversations.
    Conversations,
    /// After `plain`: the same messages with other texts.
    OtherText,
    /// After `plain` and `other-text`: the same messages at other times.
    OtherTime,
    /// After `plain`: a batch of 2,000 of its messages at other times.
    Batch,
    /// After `plain`: 2,000 messages, one at a time, each ten messages before the end.
    Trickle,
}

impl Log {
    /// The logs that are replayed before this one.
    fn before(self) -> &'static [Self] {
        match self {
            Self::OtherText | Self::Batch | Self::Trickle => &[Self::Plain],
            Self::OtherTime => &[Self::Plain, Self::OtherText],
            _ => &[],
        }
    }

    /// Writes the event with this number.
    fn write(self, out: &mut impl Write, number: u64, count: u64) -> Result<()> {
        let ms = START_MS + number as i64 * 1_000;
        match self {
            Self::Plain => message(out, "p", number, ms, "hi", ""),
            Self::OtherText => message(out, "p", number, ms, "ho", ""),
            Self::OtherTime | Self::Batch | Self::Trickle => message(out, "p", number, ms + 500, "hi", ""),
            Self::Late => message(out, "l", number, START_MS + (count - number) as i64 * 1_000, "hi", ""),
            Self::Untimed if number == 0 => message(out, "u", number, ms, "hi", ""),
            Self::Untimed => {
                let convo = format!(r#""started_timestamp":{}"#, START_MS + 1_000);
                lifecycle(out, "convo_close", "u", number, "null", &convo)
            }
            Self::Agents => {
                let agent = format!(r#","agent_id":"ag{number}","agent_name":"Agent {number}""#);
                message(out, "g", number, ms, "hi", &agent)
            }
            Self::Stated if number.is_multiple_of(2) => message(out, "s", number, ms, "hi", ""),
            Self::Stated => {
                let convo = r#""last_active_timestamp":"2090-01-01T00:00:00Z","message_count_since_last_accessed":5"#;
                lifecycle(out, "convo_open", "s", number, &ms.to_string(), convo)
            }
            Self::Conversations => {
                let agent = format!(r#","agent_id":"ag{number}","shortcode":"sc{number}""#);
                message(out, &format!("conv{number}"), number, ms, "hi", &agent)
            }
        }
    }

    fn file(self, count: u64, folder: &Path) -> Result<PathBuf> {
        let path = folder.join(format!("{self:?}-{count}.ndjson"));
        let mut out = BufWriter::new(File::create(&path)?);
        for number in 0..count {
            self.write(&mut out, number, count)?;
        }
        out.flush()?;
        Ok(path)
    }

    /// Feeds this log to a database that contains the ones before it.
    fn feed(self, db: &Convofold, count: u64, folder: &Path) -> Result<()> {
        match self {
            Self::Batch => {
                let events =
                    (0..AT_ONCE.min(count)).map(|number| single("p", number, START_MS + number as i64 * 1_000 + 500));
                db.submit(Batch::new(events.collect::<Result<_>>()?))?.wait()?;
            }
            Self::Trickle => {
                for number in 0..AT_ONCE {
                    let ms = START_MS + (count as i64 - 10) * 1_000 + number as i64 % 1_000;
                    db.submit(Batch::new(vec![single("late", number, ms)?]))?.wait()?;
                }
            }
            _ => {
                let report = Replay::new(db).input(Input::path(self.file(count, folder)?)).run()?;
                ensure!(report.events == count, "{self:?}: {report:?}");
            }
        }
        Ok(())
    }
}

fn message(out: &mut impl Write, conversation: &str, number: u64, ms: i64, text: &str, more: &str) -> Result<()> {
    writeln!(
        out,
        r#"{{"id":"{conversation}-{number}","type":"CUSTOM","occurred":{ms},"body":{{"name":"live_chat_message","interaction_type":"app_in","transaction":"{conversation}","properties":{{"message":{{"message":"{text}"{more}}}}}}}}}"#
    )?;
    Ok(())
}

fn lifecycle(
    out: &mut impl Write,
    kind: &str,
    conversation: &str,
    number: u64,
    occurred: &str,
    convo: &str,
) -> Result<()> {
    writeln!(
        out,
        r#"{{"id":"{conversation}-{number}","type":"CUSTOM","occurred":{occurred},"body":{{"name":"live_chat_convo","interaction_type":"{kind}","transaction":"{conversation}","properties":{{"convo":{{{convo}}}}}}}}}"#
    )?;
    Ok(())
}

/// A message of the conversation of [`Log::Plain`].
fn single(id: &str, number: u64, ms: i64) -> Result<Event> {
    let draft = Draft::new("airship", "p", Kind::Message, Time::from_ms(ms)).direction(Direction::In).text("hi");
    Ok(draft.identity(Identity::given(&format!("{id}-{number}"), 0)).build()?)
}

/// How long a log took, and how long the questions of a reader took meanwhile.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Time until the log is durable.
    pub took: Duration,
    /// The time of each question.
    pub waits: Vec<Duration>,
}

/// Feeds a log with this number of events to a new database.
///
/// # Errors
/// If the database fails.
pub fn run(log: Log, count: u64) -> Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let db = Convofold::open(folder.path().join("db"))?;
    let other = Draft::new("test", OTHER, Kind::Message, Time::from_ms(START_MS)).direction(Direction::In);
    db.submit(Batch::new(vec![other.build()?]))?.wait()?;
    for before in log.before() {
        before.feed(&db, count, folder.path())?;
    }
    let stop = AtomicBool::new(false);
    let outcome = thread::scope(|scope| -> Result<_> {
        let reader = scope.spawn(|| -> Result<_> {
            let mut waits = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let started = Instant::now();
                ensure!(db.state(OTHER)?.is_some(), "the other conversation is gone");
                db.query(&Query::new().limit(10))?;
                waits.push(started.elapsed());
                thread::sleep(PAUSE);
            }
            Ok(waits)
        });
        let started = Instant::now();
        let fed = log.feed(&db, count, folder.path());
        let took = started.elapsed();
        stop.store(true, Ordering::Relaxed);
        let waits = reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??;
        fed.map(|()| Outcome { took, waits })
    })?;
    db.close()?;
    Ok(outcome)
}
