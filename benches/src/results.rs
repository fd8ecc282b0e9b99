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

/// A system that replayed the log of P1.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PeerRow {
    /// Its name.
    pub name: String,
    /// Events per second.
    pub replay: Figure,
    /// Time to open the database until it can answer.
    pub reopen: Figure,
    /// Peak resident memory, of the server if there is one. 0 if unknown.
    pub memory: Figure,
    /// Size on the disk.
    pub disk: Figure,
}

impl PeerRow {
    fn cells(&self) -> [String; 6] {
        let memory = if self.memory.median() > 0.0 { self.memory.show() } else { String::new() };
        [self.name.clone(), self.replay.show(), self.replay.spread(), self.reopen.show(), memory, self.disk.show()]
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
    /// Further figures of the systems that replayed the log of P1.
    pub peers: Vec<PeerRow>,
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
        let head = ["replay", "events", "min - max", "reopen", "peak memory", "disk"];
        let peers = table(head, self.peers.iter().map(PeerRow::cells));
        let limit = |limit: &Limit| [limit.name.clone(), limit.figure.show(), limit.figure.spread()];
        let limits = table(["limit", "", "min - max"], self.limits.iter().map(limit));
        let memory = show(Unit::Bytes, *memory_bytes as f64);
        let arguments = self.arguments.join(" ");
        let notes: String = self.notes.iter().map(|note| format!("- {note}\n")).collect();
        format!(
            "{date}, {processor}, {cores} cores, {memory}, {system}; `{arguments}`\n\n{rows}{peers}{limits}{notes}",
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
