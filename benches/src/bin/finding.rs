//! Measures finding closed conversations in a large archive, beside SQLite with the indexes that the questions need.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use convofold::{AgentMention, Convofold, Options, Query, Sort, StatusFilter, TimeField};
use convofold_benches::archive::Archive;
use convofold_benches::figure::{Figure, Unit};
use convofold_benches::outcome::{disk_bytes, memory_bytes};
use convofold_benches::results::{Results, Row, Target};
use convofold_benches::task::{self, Task};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PAGE: usize = 50;
const DAY_MS: i64 = 86_400_000;
/// The page in the middle of a day that is asked for.
const LATER_PAGE: usize = 20;

/// Measures finding closed conversations in a large archive.
#[derive(clap::Parser)]
struct Args {
    /// Number of conversations.
    #[arg(long, default_value_t = 1_000_000)]
    conversations: u64,
    /// Folder of the archive; built if it is not there, and kept.
    #[arg(long, default_value = "target/archive")]
    archive: PathBuf,
    /// Number of rounds, each in a process of its own.
    #[arg(long, default_value_t = 5)]
    rounds: u64,
    /// Number of questions of a kind in a round.
    #[arg(long, default_value_t = 200)]
    questions: u64,
    /// Directory for results.md and results.json.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// A question for a page of conversations, most recent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Question {
    Member,
    Number,
    AgentOfADay,
    Day,
    DayLater,
}

impl Question {
    const ALL: [Self; 5] = [Self::Member, Self::Number, Self::AgentOfADay, Self::Day, Self::DayLater];

    fn what(self) -> &'static str {
        match self {
            Self::Member => "conversations of a member",
            Self::Number => "conversations of a number",
            Self::AgentOfADay => "conversations of an agent that began on a day",
            Self::Day => "conversations closed on a day",
            Self::DayLater => "conversations closed on a day, 20th page",
        }
    }

    fn limit_ms(self) -> Option<f64> {
        match self {
            Self::Member | Self::Number => Some(5.0),
            Self::Day => Some(50.0),
            Self::AgentOfADay | Self::DayLater => None,
        }
    }
}

/// The value of a question: texts and times of a conversation of the archive.
struct Asked {
    member: String,
    number: String,
    agent: String,
    day: (i64, i64),
}

impl Asked {
    fn of(archive: &Archive, place: u64) -> Result<Self> {
        let number = place.wrapping_mul(0x9e37_79b9_7f4a_7c15) % archive.conversations();
        let events = archive.events(number)?;
        let first = events.first().context("a conversation has events")?;
        let text = |text: Option<&str>| text.map(str::to_owned).context("the event lacks a text");
        let period = archive.period_ms();
        let began = first.at().alone().ms();
        let day = began - (began - period.start) % DAY_MS;
        let AgentMention::Agent { id: agent, .. } = first.agent() else { bail!("the event has no agent") };
        Ok(Self {
            member: text(first.member_business_id())?,
            number: text(first.member_number())?,
            agent: text(agent)?,
            day: (day, day + DAY_MS),
        })
    }
}

/// The ids of a page, and how long the answer took, in nanoseconds.
type Answer = (Vec<String>, f64);

trait Desk {
    fn page(&self, question: Question, asked: &Asked) -> Result<Answer>;
}

impl Desk for Convofold {
    fn page(&self, question: Question, asked: &Asked) -> Result<Answer> {
        let query = Query::new().status(StatusFilter::Any).limit(PAGE);
        let of_day = |query: Query, field| query.since_ms(asked.day.0).until_ms(asked.day.1).by(field);
        let mut query = match question {
            Question::Member => query.member(asked.member.as_str()),
            Question::Number => query.number(asked.number.as_str()),
            Question::AgentOfADay => {
                let query = query.any_agent(asked.agent.as_str()).sort(Sort::Started);
                of_day(query, TimeField::Started)
            }
            Question::Day | Question::DayLater => of_day(query.sort(Sort::Closed), TimeField::Closed),
        };
        if question == Question::DayLater {
            for _ in 1..LATER_PAGE {
                let next = self.query(&query)?.next;
                query = query.cursor(next);
            }
        }
        let began = Instant::now();
        let page = self.query(&query)?;
        let took = began.elapsed().as_nanos() as f64;
        Ok((page.rows.iter().map(|row| row.id().to_owned()).collect(), took))
    }
}

const COLUMNS: &str = "SELECT id, tenant, channel, agent, agent_name, member_name, member_number, member_business_id,
    member_channel_id, shortcode, unread, started_at, last_active_at, closed_at, waiting_since, suspect FROM conversation";

impl Desk for Connection {
    fn page(&self, question: Question, asked: &Asked) -> Result<Answer> {
        let began = Instant::now();
        let limit = i64::try_from(PAGE)?;
        let after = if question == Question::DayLater { i64::try_from((LATER_PAGE - 1) * PAGE)? } else { 0 };
        let ask = |condition: &str, values: &[&dyn rusqlite::ToSql]| -> Result<Vec<String>> {
            let mut statement = self.prepare_cached(&format!("{COLUMNS} WHERE {condition}"))?;
            let rows = statement.query_map(values, |row| {
                // A page shows all columns.
                for column in 1..10 {
                    std::hint::black_box(row.get::<_, Option<String>>(column)?);
                }
                for column in 10..16 {
                    std::hint::black_box(row.get::<_, Option<i64>>(column)?);
                }
                row.get(0)
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        };
        let (from, to) = asked.day;
        let ids = match question {
            Question::Member => {
                ask("member_business_id = ?1 ORDER BY last_active_at DESC, id LIMIT ?2", params![asked.member, limit])
            }
            Question::Number => {
                ask("member_number = ?1 ORDER BY last_active_at DESC, id LIMIT ?2", params![asked.number, limit])
            }
            Question::AgentOfADay => ask(
                "agent = ?1 AND started_at >= ?2 AND started_at < ?3 ORDER BY started_at, id LIMIT ?4",
                params![asked.agent, from, to, limit],
            ),
            Question::Day | Question::DayLater => ask(
                "closed_at >= ?1 AND closed_at < ?2 ORDER BY closed_at DESC, id LIMIT ?3 OFFSET ?4",
                params![from, to, limit, after],
            ),
        }?;
        Ok((ids, began.elapsed().as_nanos() as f64))
    }
}

/// The times of the questions of a kind, in nanoseconds.
#[derive(Debug, Serialize, Deserialize)]
struct Times {
    /// The first one after opening.
    first: f64,
    others: Vec<f64>,
}

impl Times {
    fn at(&self, share: f64) -> f64 {
        Figure::new(Unit::Nanoseconds, self.others.iter().copied()).at(share)
    }
}

/// The answers to all questions of a round.
#[derive(Debug, Serialize, Deserialize)]
struct Round {
    /// In the order of [`Question::ALL`].
    times: Vec<Times>,
    /// The sum of hashes of all answers.
    digest: u64,
    opened_in_ns: f64,
    memory_bytes: u64,
}

fn ask_all(desk: &impl Desk, archive: &Archive, round: u64, questions: u64) -> Result<Round> {
    let mut digest = std::hash::DefaultHasher::new();
    let mut times = Vec::new();
    for question in Question::ALL {
        let mut of_question = Vec::new();
        for place in 0..=questions {
            let (ids, took) = desk.page(question, &Asked::of(archive, round << 32 | place)?)?;
            ensure!(!ids.is_empty(), "{question:?} found nothing");
            std::hash::Hash::hash(&ids, &mut digest);
            of_question.push(took);
        }
        let first = of_question.remove(0);
        times.push(Times { first, others: of_question });
    }
    Ok(Round { times, digest: std::hash::Hasher::finish(&digest), opened_in_ns: 0.0, memory_bytes: memory_bytes()? })
}

/// Asks convofold.
fn ours((folder, conversations, round, questions): (PathBuf, u64, u64, u64)) -> Result<Round> {
    let archive = Archive::at(&folder, conversations)?;
    let before = memory_bytes()?;
    let began = Instant::now();
    let db = Options::new().read_only(true).open(archive.ours())?;
    let opened_in_ns = began.elapsed().as_nanos() as f64;
    let answers = ask_all(&db, &archive, round, questions)?;
    Ok(Round { opened_in_ns, memory_bytes: answers.memory_bytes - before, ..answers })
}

/// Asks SQLite.
fn theirs((folder, conversations, round, questions): (PathBuf, u64, u64, u64)) -> Result<Round> {
    let archive = Archive::at(&folder, conversations)?;
    let before = memory_bytes()?;
    let began = Instant::now();
    let connection = archive.connect()?;
    let opened_in_ns = began.elapsed().as_nanos() as f64;
    let answers = ask_all(&connection, &archive, round, questions)?;
    Ok(Round { opened_in_ns, memory_bytes: answers.memory_bytes - before, ..answers })
}

fn main() -> Result<()> {
    if task::serve(&[Task::new(ours), Task::new(theirs)])? {
        return Ok(());
    }
    let args = Args::parse();
    let archive = Archive::at(&args.archive, args.conversations)?;
    let (mut of_ours, mut of_theirs) = (Vec::new(), Vec::new());
    for round in 0..args.rounds {
        let argument = (args.archive.clone(), args.conversations, round, args.questions);
        let (ours, theirs) = (task::run(ours, argument.clone())?, task::run(theirs, argument)?);
        ensure!(ours.digest == theirs.digest, "convofold and SQLite answer differently");
        of_ours.push(ours);
        of_theirs.push(theirs);
    }
    let mut results = Results { notes: archive.notes().to_vec(), ..Results::new() };
    for place in 0..Question::ALL.len() {
        compare(place, &of_ours, &of_theirs, &mut results)?;
    }
    sizes(&archive, &of_ours, &of_theirs, &mut results)?;
    args.out.as_deref().map_or(Ok(()), |folder| results.write(folder))?;
    writeln!(std::io::stdout(), "{}", results.markdown())?;
    Ok(())
}

/// The times of one question.
fn compare(place: usize, ours: &[Round], theirs: &[Round], results: &mut Results) -> Result<()> {
    let of = |rounds: &[Round], time: fn(&Times) -> f64| {
        Figure::new(Unit::Nanoseconds, rounds.iter().filter_map(|round| round.times.get(place)).map(time))
    };
    let question = Question::ALL.get(place).copied().context("there is no such question")?;
    let parts = [
        ("median", of(ours, |times| times.at(0.5)), of(theirs, |times| times.at(0.5))),
        ("99th percentile", of(ours, |times| times.at(0.99)), of(theirs, |times| times.at(0.99))),
        ("first one after opening", of(ours, |times| times.first), of(theirs, |times| times.first)),
    ];
    for (name, ours, theirs) in parts {
        let row = Row::new("find", format!("{}: {name}", question.what()), &ours, "SQLite", &theirs);
        let target = question.limit_ms().map(|ms| Target::ValueAtMost(ms * 1e6));
        results.rows.push(Row { target, ..row });
    }
    Ok(())
}

/// Memory, disk and the time of opening.
fn sizes(archive: &Archive, ours: &[Round], theirs: &[Round], results: &mut Results) -> Result<()> {
    let count = archive.conversations() as f64;
    let memory =
        |rounds: &[Round]| Figure::new(Unit::Bytes, rounds.iter().map(|round| round.memory_bytes as f64 / count));
    let opened = |rounds: &[Round]| Figure::new(Unit::Nanoseconds, rounds.iter().map(|round| round.opened_in_ns));
    let disk = |path: &Path| Ok::<_, anyhow::Error>(Figure::once(Unit::Bytes, disk_bytes(path)? as f64 / count));
    results.rows.extend([
        Row::new("find", "memory for each conversation", &memory(ours), "SQLite, with its cache", &memory(theirs)),
        Row::new("find", "opening", &opened(ours), "SQLite", &opened(theirs)),
        Row::new(
            "find",
            "disk for each conversation",
            &disk(&archive.ours())?,
            "SQLite, without a log",
            &disk(&archive.theirs())?,
        ),
    ]);
    Ok(())
}
