//! Measures questions about the past in a large archive, beside a bitemporal table in SQLite and beside a replay of the log up
//! to the moment.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use convofold::engine::Board;
use convofold::{Convofold, Moment, Options, Query, Time};
use convofold_benches::bitemporal;
use convofold_benches::days::Days;
use convofold_benches::figure::{Figure, Unit};
use convofold_benches::outcome::{disk_bytes, memory_bytes};
use convofold_benches::population::fill;
use convofold_benches::results::{Results, Row, Target};
use convofold_benches::targets::cold::make_cold;
use convofold_benches::task::{self, Task};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PAGE: usize = 50;
/// A replay holds everything in memory.
const REPLAYED_CONVERSATIONS: u64 = 1_000_000;

/// Measures questions about the past in a large archive.
#[derive(clap::Parser)]
struct Args {
    /// Number of conversations.
    #[arg(long, default_value_t = 1_000_000)]
    conversations: u64,
    /// Folder of the databases; built if they are not there, and kept.
    #[arg(long, default_value = "target/days")]
    archive: PathBuf,
    /// Number of rounds, each in a process of its own.
    #[arg(long, default_value_t = 5)]
    rounds: u64,
    /// Number of questions of a kind in a round, each asked twice: cold and warm.
    #[arg(long, default_value_t = 20)]
    questions: u64,
    /// Ask only convofold: SQLite needs three times the disk, and hours to build its table of ten million conversations.
    #[arg(long)]
    alone: bool,
    /// Directory for results.md and results.json.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Question {
    AsOf,
    KnownAt,
    Both,
    Agents,
    Show,
}

impl Question {
    const ALL: [Self; 5] = [Self::AsOf, Self::KnownAt, Self::Both, Self::Agents, Self::Show];

    fn what(self) -> &'static str {
        match self {
            Self::AsOf => "open conversations of an agent, as of a time",
            Self::KnownAt => "open conversations of an agent, as known at an event",
            Self::Both => "open conversations of an agent, as known at an event of an earlier time",
            Self::Agents => "open conversations of each agent, as of a time",
            Self::Show => "one conversation, as of a time",
        }
    }

    /// Cold and warm, in milliseconds.
    fn limits_ms(self) -> [Option<f64>; 2] {
        match self {
            Self::AsOf | Self::KnownAt | Self::Both | Self::Agents => [Some(200.0), Some(50.0)],
            Self::Show => [None, Some(5.0)],
        }
    }
}

/// What is asked.
struct Asked {
    moment: Moment,
    agent: String,
    /// A conversation that was open at the moment.
    id: String,
}

/// An answer, as text to compare.
trait Desk {
    fn answer(&self, question: Question, asked: &Asked) -> Result<String>;
}

impl Desk for Convofold {
    fn answer(&self, question: Question, asked: &Asked) -> Result<String> {
        let view = self.at(asked.moment);
        Ok(match question {
            Question::Agents => {
                let mut loads: Vec<_> = view
                    .agents()?
                    .into_iter()
                    .map(|load| (load.agent.and_then(|agent| agent.id), load.open))
                    .map(|(id, open)| (id.as_deref().unwrap_or_default().to_owned(), open))
                    .collect();
                loads.sort();
                merged(loads)
            }
            Question::Show => {
                let state = view.state(&asked.id)?.context("the conversation did not exist")?;
                let agent = state.agent.and_then(|agent| agent.id);
                format!("{} {}", agent.as_deref().unwrap_or_default(), state.unread)
            }
            Question::AsOf | Question::KnownAt | Question::Both => {
                let page = view.query(&Query::new().agent(asked.agent.as_str()).limit(PAGE))?;
                page.rows.iter().map(|row| row.id()).collect::<Vec<_>>().join(" ")
            }
        })
    }
}

/// The agents of several tenants are one in the table.
fn merged(loads: Vec<(String, u64)>) -> String {
    let mut sums: Vec<(String, u64)> = Vec::new();
    for (agent, open) in loads {
        match sums.last_mut().filter(|(last, _)| *last == agent) {
            Some((_, sum)) => *sum += open,
            None => sums.push((agent, open)),
        }
    }
    sums.iter().map(|(agent, open)| format!("{agent} {open}")).collect::<Vec<_>>().join(" ")
}

struct Table {
    connection: Connection,
    first_ms: i64,
}

impl Desk for Table {
    fn answer(&self, question: Question, asked: &Asked) -> Result<String> {
        let Self { connection, first_ms } = self;
        Ok(match question {
            Question::Agents => merged(bitemporal::agents(connection, asked.moment, *first_ms)?),
            Question::Show => {
                let found = bitemporal::show(connection, asked.moment, &asked.id, *first_ms)?;
                let (agent, unread) = found.context("the conversation was not open")?;
                format!("{agent} {unread}")
            }
            Question::AsOf | Question::KnownAt | Question::Both => {
                bitemporal::open_of_agent(connection, asked.moment, &asked.agent, PAGE, *first_ms)?.join(" ")
            }
        })
    }
}

/// The times of the questions of a kind, in nanoseconds.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Times {
    cold: Vec<f64>,
    warm: Vec<f64>,
}

/// The cold or the warm times.
type PickTimes = fn(&Times) -> &Vec<f64>;

/// The answers to all questions of a round.
#[derive(Debug, Serialize, Deserialize)]
struct Round {
    /// In the order of [`Question::ALL`].
    times: Vec<Times>,
    answers: Vec<String>,
    memory_bytes: u64,
}

/// Where the databases are.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Archive {
    folder: PathBuf,
    conversations: u64,
}

impl Archive {
    fn ours(&self) -> PathBuf {
        self.folder.join("convofold")
    }

    fn theirs(&self) -> PathBuf {
        self.folder.join("sqlite")
    }

    fn days(&self) -> Days {
        Days { conversations: self.conversations }
    }

    /// Builds what is not there yet, without SQLite if `alone`. Returns what was built, and how long it took.
    fn build(&self, alone: bool) -> Result<Vec<String>> {
        let mut notes = Vec::new();
        self.once("convofold", &mut notes, || {
            let db = Convofold::open(self.ours())?;
            fill(&db, self.days().arrivals().map(|event| event.map(|event| vec![event])))?;
            db.checkpoint()?;
            Ok(db.close()?)
        })?;
        if alone {
            return Ok(notes);
        }
        self.once("sqlite", &mut notes, || {
            std::fs::create_dir_all(self.theirs())?;
            let db = Options::new().read_only(true).open(self.ours())?;
            bitemporal::build(&db, &self.theirs().join("moments.sqlite"), self.days().period_ms().start)
        })?;
        Ok(notes)
    }

    fn once(&self, name: &str, notes: &mut Vec<String>, build: impl FnOnce() -> Result<()>) -> Result<()> {
        let (done, folder) = (self.folder.join(format!("{name}.built")), self.folder.join(name));
        let recipe = format!("{} conversations\n", self.conversations);
        if let Ok(found) = std::fs::read_to_string(&done) {
            ensure!(found == recipe, "{} contains another archive: {found}", self.folder.display());
            return Ok(());
        }
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&self.folder)?;
        let began = Instant::now();
        build().with_context(|| format!("building {name}"))?;
        notes.push(format!("{name}: built in {:.0} s", began.elapsed().as_secs_f64()));
        Ok(std::fs::write(done, recipe)?)
    }

    /// Question `place` of a kind: another moment each time, in the middle of the period.
    fn asked(&self, db: &Convofold, question: Question, place: u64) -> Result<Asked> {
        let days = self.days();
        let share = 0.1 + 0.8 * ((place * 61 + question as u64 * 7) % 100) as f64 / 100.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a time and a number within the period"
        )]
        let (at, seq) = {
            let period = days.period_ms();
            let length = (period.end - period.start) as f64;
            (period.start + (length * share) as i64, (db.stats().last_seq as f64 * share) as u64)
        };
        let as_of = Time::from_ms(at);
        let moment = match question {
            Question::AsOf | Question::Agents | Question::Show => Moment { as_of, known_at: None },
            Question::KnownAt => Moment::known_at(seq),
            Question::Both => Moment { as_of, known_at: Some(seq) },
        };
        let id = if question == Question::Show {
            let rows = db.at(moment).query(&Query::new().limit(1))?.rows;
            rows.first().context("no conversation is open")?.id().to_owned()
        } else {
            String::new()
        };
        Ok(Asked { moment, agent: days.agents().agent(place), id })
    }
}

fn ask_all(desk: &impl Desk, archive: &Archive, folder: &std::path::Path, round: u64, questions: u64) -> Result<Round> {
    let db = Options::new().read_only(true).open(archive.ours())?;
    let before = memory_bytes()?;
    let (mut times, mut answers) = (Vec::new(), Vec::new());
    for question in Question::ALL {
        let mut of_question = Times::default();
        for place in 0..questions {
            let asked = archive.asked(&db, question, round * questions + place)?;
            make_cold(folder)?;
            for of_kind in [&mut of_question.cold, &mut of_question.warm] {
                let began = Instant::now();
                let answer = desk.answer(question, &asked)?;
                of_kind.push(began.elapsed().as_nanos() as f64);
                answers.push(answer);
            }
        }
        times.push(of_question);
    }
    ensure!(answers.iter().any(|answer| !answer.is_empty()), "no question found anything");
    Ok(Round { times, answers, memory_bytes: memory_bytes()?.saturating_sub(before) })
}

/// Asks convofold.
fn ours((archive, round, questions): (Archive, u64, u64)) -> Result<Round> {
    let before = memory_bytes()?;
    let db = Options::new().read_only(true).open(archive.ours())?;
    let opened = memory_bytes()?;
    let answers = ask_all(&db, &archive, &archive.ours(), round, questions)?;
    Ok(Round { memory_bytes: opened - before, ..answers })
}

/// Asks SQLite.
fn theirs((archive, round, questions): (Archive, u64, u64)) -> Result<Round> {
    let connection = bitemporal::connect(&archive.theirs().join("moments.sqlite"))?;
    let table = Table { connection, first_ms: archive.days().period_ms().start };
    ask_all(&table, &archive, &archive.theirs(), round, questions)
}

/// Replays the log up to a moment and asks the result. Returns the time in nanoseconds, and the answers of the replay and of
/// convofold.
fn replay((archive, round): (Archive, u64)) -> Result<(f64, String, String)> {
    let db = Options::new().read_only(true).open(archive.ours())?;
    let asked = archive.asked(&db, Question::AsOf, round)?;
    let as_of = asked.moment.as_of.context("the moment has a time")?;
    let began = Instant::now();
    let (mut board, mut changes) = (Board::new(), db.changes(1));
    while let Some(change) = changes.try_next()? {
        if change.event.at().alone() <= as_of {
            board.edit().apply(change.seq, &change.event);
        }
    }
    let page = board.index().query(&Query::new().agent(asked.agent.as_str()).limit(PAGE))?;
    let took = began.elapsed().as_nanos() as f64;
    let replayed = page.rows.iter().map(|row| row.id()).collect::<Vec<_>>().join(" ");
    Ok((took, replayed, db.answer(Question::AsOf, &asked)?))
}

fn main() -> Result<()> {
    if task::serve(&[Task::new(ours), Task::new(theirs), Task::new(replay)])? {
        return Ok(());
    }
    let args = Args::parse();
    let archive = Archive { folder: args.archive, conversations: args.conversations };
    let mut results = Results { notes: archive.build(args.alone)?, ..Results::new() };
    let (mut of_ours, mut of_theirs, mut replayed) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..args.rounds {
        let argument = (archive.clone(), round, args.questions);
        let ours = task::run(ours, argument.clone())?;
        if !args.alone {
            let theirs = task::run(theirs, argument)?;
            ensure!(ours.answers == theirs.answers, "convofold and SQLite answer differently");
            of_theirs.push(theirs);
        }
        of_ours.push(ours);
        if args.conversations <= REPLAYED_CONVERSATIONS {
            let (took, found, expected) = task::run(replay, (archive.clone(), round))?;
            ensure!(found == expected, "convofold and a replay answer differently");
            replayed.push(took);
        }
    }
    for (place, question) in Question::ALL.into_iter().enumerate() {
        let of = |rounds: &[Round], times: PickTimes| {
            let values = rounds.iter().filter_map(|round| round.times.get(place));
            let medians = values.map(|of| Figure::new(Unit::Nanoseconds, times(of).iter().copied()).median());
            Figure::new(Unit::Nanoseconds, medians)
        };
        let kinds: [(&str, PickTimes, &str, PickTimes); 2] = [
            ("cold", |times| &times.cold, "warm", |times| &times.warm),
            ("warm", |times| &times.warm, "cold", |times| &times.cold),
        ];
        for ((name, times, other_name, other_times), limit_ms) in kinds.into_iter().zip(question.limits_ms()) {
            let ours = of(&of_ours, times);
            let (against, other) =
                if args.alone { (other_name, of(&of_ours, other_times)) } else { ("SQLite", of(&of_theirs, times)) };
            let row = Row::new("past", format!("{}: {name}", question.what()), &ours, against, &other);
            results.rows.push(Row { target: limit_ms.map(|ms| Target::ValueAtMost(ms * 1e6)), ..row });
            if question == Question::AsOf && name == "cold" && !replayed.is_empty() {
                let replayed = Figure::new(Unit::Nanoseconds, replayed.iter().copied());
                results.rows.push(Row::new(
                    "past",
                    question.what(),
                    &ours,
                    "a replay of the log up to then",
                    &replayed,
                ));
            }
        }
    }
    sizes(&archive, &of_ours, &of_theirs, &mut results)?;
    args.out.as_deref().map_or(Ok(()), |folder| results.write(folder))?;
    writeln!(std::io::stdout(), "{}", results.markdown())?;
    Ok(())
}

/// Memory of an opened database, and disk.
fn sizes(archive: &Archive, ours: &[Round], theirs: &[Round], results: &mut Results) -> Result<()> {
    let count = archive.conversations as f64;
    let memory =
        |rounds: &[Round]| Figure::new(Unit::Bytes, rounds.iter().map(|round| round.memory_bytes as f64 / count));
    let disk = |path: PathBuf| Ok::<_, anyhow::Error>(Figure::once(Unit::Bytes, disk_bytes(&path)? as f64 / count));
    if theirs.is_empty() {
        let (memory, disk) = (memory(ours).median(), disk(archive.ours())?.median());
        results.notes.push(format!("for each conversation: {memory:.1} B of memory, {disk:.0} B of disk with the log"));
        return Ok(());
    }
    results.rows.extend([
        Row::new(
            "past",
            "memory for each conversation, all of it",
            &memory(ours),
            "SQLite, with its cache",
            &memory(theirs),
        ),
        Row::new(
            "past",
            "disk for each conversation, with the log",
            &disk(archive.ours())?,
            "SQLite, without a log",
            &disk(archive.theirs())?,
        ),
    ]);
    Ok(())
}
