//! The table of a run: printed, and written as Markdown and JSON.

use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{Table, presets};
use serde::{Deserialize, Serialize};

use crate::figure::{Figure, Unit, show};
use crate::limits::Limit;
use crate::machine::Machine;

/// What a ratio should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Target {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// A figure, not a ratio, of this or less.
    ValueAtMost(f64),
}

/// One thing beside another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Which target of the issue it belongs to.
    pub id: String,
    /// What was measured.
    pub what: String,
    /// How it came out.
    pub measured: Figure,
    /// What it is held against: a limit, a peer, or another figure of ours.
    pub against: String,
    /// How that came out.
    pub other: Figure,
    /// The first by the second, round by round.
    pub ratio: Figure,
    /// What the ratio should be.
    pub target: Option<Target>,
}

impl Row {
    /// What was measured, beside what it is held against.
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

    /// With a target.
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

/// One that did the job of P1.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PeerRow {
    /// Its name.
    pub name: String,
    /// Events a second.
    pub replay: Figure,
    /// From nothing to a database that can be asked.
    pub reopen: Figure,
    /// The largest resident memory, of the server where there is one. 0 where it is not known.
    pub memory: Figure,
    /// What it takes on the disk.
    pub disk: Figure,
}

impl PeerRow {
    fn cells(&self) -> [String; 6] {
        let memory = if self.memory.median() > 0.0 { self.memory.show() } else { String::new() };
        [self.name.clone(), self.replay.show(), self.replay.spread(), self.reopen.show(), memory, self.disk.show()]
    }
}

/// A table and an empty line, or nothing where it has no rows.
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

/// Everything that a run found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// Where.
    pub machine: Machine,
    /// When, as a date.
    pub date: String,
    /// With which arguments.
    pub arguments: Vec<String>,
    /// What the machine can do.
    pub limits: Vec<Limit>,
    /// What was measured.
    pub rows: Vec<Row>,
    /// What else is known of each that did the job of P1.
    pub peers: Vec<PeerRow>,
    /// What else there is to say, a sentence each: what was left out, and why.
    pub notes: Vec<String>,
}

impl Results {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            machine: Machine::this(),
            date: jiff::Timestamp::now().strftime("%F").to_string(),
            arguments: std::env::args().skip(1).collect(),
            ..Self::default()
        }
    }

    /// Everything as Markdown.
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

    /// Writes `results.md` and `results.json` into this folder.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("results.md"), self.markdown())?;
        std::fs::write(folder.join("results.json"), serde_json::to_vec_pretty(self)?)?;
        Ok(())
    }

    /// Writes the Markdown between the markers of a section of a document.
    ///
    /// # Errors
    /// What the file system says, or where the document has no such section.
    pub fn write_into(&self, document: &Path, section: &str) -> Result<()> {
        let (begin, end) = (format!("<!-- {section} -->"), format!("<!-- /{section} -->"));
        let text = std::fs::read_to_string(document)?;
        let (before, rest) = text.split_once(&begin).context("the document has no beginning of that section")?;
        let (_, after) = rest.split_once(&end).context("the document has no end of that section")?;
        std::fs::write(document, format!("{before}{begin}\n{}{end}{after}", self.markdown()))?;
        Ok(())
    }
}
