//! The tables of a run: printed, and written as Markdown and JSON.

use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{Table, presets};
use serde::{Deserialize, Serialize};

use crate::figure::{Figure, Unit, show};
use crate::limits::Limit;
use crate::machine::Machine;

/// The target for a ratio.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Target {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
    /// At most this, for a figure that is not a ratio.
    ValueAtMost(f64),
}

/// A comparison of two figures.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// The target that it belongs to.
    pub id: String,
    /// What was measured.
    pub what: String,
    /// The figure.
    pub measured: Figure,
    /// What it is compared with: a limit, a peer, or another figure of convofold.
    pub against: String,
    /// The figure of that.
    pub other: Figure,
    /// The ratio of the two, per round.
    pub ratio: Figure,
    /// The target for the ratio.
    pub target: Option<Target>,
}

impl Row {
    /// Compares a figure with another one.
    #[must_use]
    pub fn new(
        id: &str,
        what: impl Into<String>,
        measured: &Figure,
        against: impl Into<String>,
        other: &Figure,
    ) -> Self {
        let (what, against) = (what.into(), against.into());
        let (measured, other, ratio) = (measured.clone(), other.clone(), measured.by(other));
        Self { id: id.to_owned(), what, measured, against, other, ratio, target: None }
    }

    /// Sets a target.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    /// Whether the median reaches the target.
    #[must_use]
    pub fn is_reached(&self) -> Option<bool> {
        Some(match self.target? {
            Target::AtLeast(least) => self.ratio.median() >= least,
            Target::AtMost(most) => self.ratio.median() <= most,
            Target::ValueAtMost(most) => self.measured.median() <= most,
        })
    }

    fn cells(&self) -> [String; 7] {
        let target = match self.target {
            None => String::new(),
            Some(Target::AtLeast(least)) => format!(">= {}", show(Unit::Times, least)),
            Some(Target::AtMost(most)) => format!("<= {}", show(Unit::Times, most)),
            Some(Target::ValueAtMost(most)) => format!("<= {}", show(self.measured.unit, most)),
        };
        let reached = match self.is_reached() {
            None => "",
            Some(true) => "yes",
            Some(false) => "no",
        };
        let spread = self.ratio.spread();
        let ratio = if spread.is_empty() { self.ratio.show() } else { format!("{} ({spread})", self.ratio.show()) };
        [
            self.id.clone(),
            self.what.clone(),
            self.measured.show(),
            format!("{}: {}", self.against, self.other.show()),
            ratio,
            target,
            reached.to_owned(),
        ]
    }
}

/// The replays of one log.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReplayTables {
    /// The log.
    pub log: String,
    /// The systems that replayed it.
    pub systems: Vec<SystemRow>,
    /// The stages of convofold.
    pub stages: Vec<StageRow>,
    /// The threads of all systems, in a replay that was not timed.
    pub threads: Vec<ThreadRow>,
}

/// A system that replayed a log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SystemRow {
    /// Its name.
    pub name: String,
    /// Events per second.
    pub replay: Figure,
    /// Processor time for each event, of the server too.
    pub processor: Figure,
    /// Time to open the database until it can answer.
    pub reopen: Figure,
    /// Peak resident memory, of the server if there is one.
    pub memory: Figure,
    /// Size on the disk.
    pub disk: Figure,
}

impl SystemRow {
    fn cells(&self) -> [String; 7] {
        [
            self.name.clone(),
            self.replay.show(),
            self.replay.spread(),
            known(&self.processor),
            self.reopen.show(),
            known(&self.memory),
            self.disk.show(),
        ]
    }
}

/// A stage of a process that replays a log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StageRow {
    /// Its name.
    pub name: String,
    /// Its duration.
    pub took: Figure,
    /// Processor time, and the part of it in the kernel.
    pub processor: [Figure; 2],
    /// Page faults, without and with I/O.
    pub faults: [Figure; 2],
    /// Peak resident memory, and resident memory at the end.
    pub memory: [Figure; 2],
}

impl StageRow {
    fn cells(&self) -> [String; 8] {
        let Self { name, took, processor: [processor, kernel], faults: [minor, major], memory: [peak, end] } = self;
        let shown = [took, processor, kernel, minor, major, peak, end].map(Figure::show);
        let [took, processor, kernel, minor, major, peak, end] = shown;
        [name.clone(), took, processor, kernel, minor, major, peak, end]
    }
}

/// The threads of one name in a system that replays a log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ThreadRow {
    /// The system.
    pub system: String,
    /// The name of the threads, as far as Linux keeps it.
    pub name: String,
    /// Processor time for each event.
    pub processor: Figure,
    /// Its share of the processor time of all threads, from 0 to 1.
    pub share: f64,
    /// Page faults, without and with I/O.
    pub faults: [Figure; 2],
}

impl ThreadRow {
    fn cells(&self) -> [String; 6] {
        let [minor, major] = self.faults.clone().map(|faults| faults.show());
        let share = format!("{:.0} %", self.share * 100.0);
        [self.system.clone(), self.name.clone(), self.processor.show(), share, minor, major]
    }
}

/// The median as text; empty if it is unknown.
fn known(figure: &Figure) -> String {
    if figure.median().is_nan() { String::new() } else { figure.show() }
}

impl ReplayTables {
    fn markdown(&self) -> String {
        let log = &self.log;
        let head = [log.as_str(), "events", "min - max", "processor an event", "reopen", "peak memory", "disk"];
        let systems = table(head, self.systems.iter().map(SystemRow::cells));
        let stage = format!("{log}: stage of convofold");
        let head = [
            stage.as_str(),
            "time",
            "processor",
            "in the kernel",
            "minor faults",
            "major faults",
            "peak memory",
            "memory at the end",
        ];
        let stages = table(head, self.stages.iter().map(StageRow::cells));
        let system = format!("{log}: threads of");
        let head = [system.as_str(), "thread", "processor an event", "share", "minor faults", "major faults"];
        format!("{systems}{stages}{}", table(head, self.threads.iter().map(ThreadRow::cells)))
    }
}

/// A table and an empty line; empty if there are no rows.
fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(head);
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return String::new();
    }
    table.add_rows(rows);
    format!("{table}\n\n")
}

/// The results of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// The machine.
    pub machine: Machine,
    /// The date.
    pub date: String,
    /// The arguments of the program.
    pub arguments: Vec<String>,
    /// The limits of the machine.
    pub limits: Vec<Limit>,
    /// The comparisons.
    pub rows: Vec<Row>,
    /// Further figures of the systems that replayed a log, for each log.
    pub replays: Vec<ReplayTables>,
    /// Notes, one sentence each: what was skipped, and why.
    pub notes: Vec<String>,
}

impl Results {
    /// Empty results.
    #[must_use]
    pub fn new() -> Self {
        Self {
            machine: Machine::this(),
            date: jiff::Timestamp::now().strftime("%F").to_string(),
            arguments: std::env::args().skip(1).collect(),
            ..Self::default()
        }
    }

    /// The results as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let Machine { processor, cores, memory_bytes, system } = &self.machine;
        let head = ["", "what", "measured", "against", "ratio (min - max)", "target", "reached"];
        let rows = table(head, self.rows.iter().map(Row::cells));
        let replays: String = self.replays.iter().map(ReplayTables::markdown).collect();
        let limit = |limit: &Limit| [limit.name.clone(), limit.figure.show(), limit.figure.spread()];
        let limits = table(["limit", "", "min - max"], self.limits.iter().map(limit));
        let memory = show(Unit::Bytes, *memory_bytes as f64);
        let arguments = self.arguments.join(" ");
        let notes: String = self.notes.iter().map(|note| format!("- {note}\n")).collect();
        format!(
            "{date}, {processor}, {cores} cores, {memory}, {system}; `{arguments}`\n\n{rows}{replays}{limits}{notes}",
            date = self.date
        )
    }

    /// Writes `results.md` and `results.json` into this directory.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("results.md"), self.markdown())?;
        std::fs::write(folder.join("results.json"), serde_json::to_vec_pretty(self)?)?;
        Ok(())
    }

    /// Writes the Markdown between the markers of a section of a document.
    ///
    /// # Errors
    /// If the document cannot be read or written, or has no such section.
    pub fn write_into(&self, document: &Path, section: &str) -> Result<()> {
        let (begin, end) = (format!("<!-- {section} -->"), format!("<!-- /{section} -->"));
        let text = std::fs::read_to_string(document)?;
        let (before, rest) = text.split_once(&begin).context("the document has no begin marker of the section")?;
        let (_, after) = rest.split_once(&end).context("the document has no end marker of the section")?;
        std::fs::write(document, format!("{before}{begin}\n{}{end}{after}", self.markdown()))?;
        Ok(())
    }
}
