//! Reads transcripts: test cases that are data only, events in and state out.
//!
//! `tests/transcripts/README.md` describes the format.

use std::fmt;
use std::path::{Path, PathBuf};

use convofold::ingest::Format;
use serde::Serialize;
use serde_json::Value;

/// One claim about the state of conversations.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    /// The file name without its extension; it states the claim.
    pub name: String,
    /// The first comment line.
    pub title: String,
    /// The rules that the transcript proves, such as `F3`.
    pub rules: Vec<String>,
    /// The lines of the input, without their line feeds.
    pub events: Vec<Vec<u8>>,
    /// The expected state: one partial export object per conversation.
    pub expect: Vec<Value>,
    /// The whole export byte for byte, if its format is the subject.
    pub export: Option<Vec<String>>,
    /// The state hash, if it is the subject.
    pub hash: Option<String>,
    /// Counts of the events by effect; absent if the rules leave them open.
    pub counts: Option<Counts>,
    /// Rejections that must be among those reported.
    pub rejects: Vec<Reject>,
    /// Whether all orders of the events must give the same state.
    pub any_order: bool,
    /// Whether the subject is framing, so that only an engine can run it.
    pub wire_only: bool,
}

/// Counts of accepted, known, ignored and rejected events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// New to their conversation.
    pub accepted: u64,
    /// Known before, with the same content.
    pub duplicates: u64,
    /// Known before, with different content.
    pub conflicts: u64,
    /// Ignored.
    pub ignored: u64,
    /// Rejected.
    pub rejected: u64,
}

/// A rejection that must be reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The line of the `events` section, from 1.
    pub line: usize,
    /// The path in the event, if the bad value is certain.
    pub path: Option<String>,
}

/// Why a transcript could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranscriptError {
    /// The file at fault.
    pub file: PathBuf,
    /// The line at fault, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for TranscriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.message)
    }
}

impl std::error::Error for TranscriptError {}

/// The directory of the transcripts.
#[must_use]
pub fn transcripts_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts")
}

/// The directory of the sample documents.
#[must_use]
pub fn samples_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// Reads every transcript, sorted by name: those in the directory, and those in its subdirectories that have the name
/// of a source that this build reads.
///
/// # Errors
///
/// If a file cannot be read or parsed; the error names the first one.
pub fn all_transcripts() -> Result<Vec<Transcript>, TranscriptError> {
    let of_sources = Format::ALL.iter().map(|format| transcripts_folder().join(format.name()));
    let mut files = Vec::new();
    for folder in std::iter::once(transcripts_folder()).chain(of_sources.filter(|folder| folder.is_dir())) {
        files.extend(files_in(&folder)?);
    }
    files.sort();
    files.iter().map(|file| read_transcript(file)).collect()
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>, TranscriptError> {
    let unreadable =
        |error: std::io::Error| TranscriptError { file: folder.to_owned(), line: 0, message: error.to_string() };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|ending| ending == "txt") {
            files.push(path);
        }
    }
    Ok(files)
}

/// Reads one transcript.
///
/// # Errors
///
/// If the file cannot be read or parsed; the error names the line.
pub fn read_transcript(file: &Path) -> Result<Transcript, TranscriptError> {
    let text = std::fs::read_to_string(file).map_err(|error| TranscriptError {
        file: file.to_owned(),
        line: 0,
        message: error.to_string(),
    })?;
    parse_transcript(file, &text)
}

/// Reads the text of one transcript; `file` gives it its name.
///
/// # Errors
///
/// If the text cannot be parsed; the error names the line.
pub fn parse_transcript(file: &Path, text: &str) -> Result<Transcript, TranscriptError> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let mut reader = Reader {
        transcript: Transcript { name: name.into_owned(), ..Transcript::default() },
        section: Section::Head,
        seen: Vec::new(),
    };
    let mut last = 0;
    for (index, line) in text.lines().enumerate() {
        last = index + 1;
        reader.line(line).map_err(|message| TranscriptError { file: file.to_owned(), line: last, message })?;
    }
    reader.finish().map_err(|message| TranscriptError { file: file.to_owned(), line: last, message })
}

/// The inputs: all lines together, or each event by itself if one contains line feeds.
#[must_use]
pub fn inputs(events: &[Vec<u8>]) -> Vec<Vec<u8>> {
    if events.iter().any(|event| event.contains(&b'\n')) {
        return events.to_vec();
    }
    vec![events.iter().flat_map(|event| [event, &b"\n"[..]].concat()).collect()]
}

/// The orders in which the events of an `any order` transcript must be tested.
///
/// Up to five events: all permutations. More: 120 shuffles, the same ones on every run.
#[must_use]
pub fn orders(events: usize) -> Vec<Vec<usize>> {
    if events <= 5 { permutations(events) } else { (0..120).map(|seed| shuffled(events, seed)).collect() }
}

fn permutations(count: usize) -> Vec<Vec<usize>> {
    let Some(last) = count.checked_sub(1) else {
        return vec![Vec::new()];
    };
    let mut all = Vec::new();
    for shorter in permutations(last) {
        for place in 0..count {
            let mut order = shorter.clone();
            order.insert(place, last);
            all.push(order);
        }
    }
    all
}

/// A Fisher-Yates shuffle on a SplitMix64 stream: no dependency, the same on every machine.
fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut state = seed;
    let mut order: Vec<usize> = (0..count).collect();
    for place in (1..count).rev() {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        let pick = bits % (place as u64 + 1);
        order.swap(place, usize::try_from(pick).unwrap_or(0));
    }
    order
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Head,
    Events,
    Expect,
    Export,
    Hash,
    Counts,
    Rejects,
}

impl Section {
    fn named(line: &str) -> Option<Self> {
        match line {
            "events" => Some(Self::Events),
            "expect" => Some(Self::Expect),
            "export" => Some(Self::Export),
            "hash" => Some(Self::Hash),
            "counts" => Some(Self::Counts),
            "rejects" => Some(Self::Rejects),
            _ => None,
        }
    }
}

struct Reader {
    transcript: Transcript,
    section: Section,
    seen: Vec<Section>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if let Some(section) = Section::named(line) {
            return self.begin(section);
        }
        if line.trim().is_empty() {
            return Ok(());
        }
        match self.section {
            Section::Head => self.head(line),
            Section::Events => {
                self.transcript.events.push(event(line)?);
                Ok(())
            }
            Section::Expect => self.expect(line),
            Section::Export => {
                let lines = self.transcript.export.get_or_insert_default();
                lines.push(line.to_owned());
                Ok(())
            }
            Section::Hash => {
                self.transcript.hash = Some(line.to_owned());
                Ok(())
            }
            Section::Counts => {
                self.transcript.counts = Some(counts(line)?);
                Ok(())
            }
            Section::Rejects => {
                self.transcript.rejects.push(reject(line)?);
                Ok(())
            }
        }
    }

    fn begin(&mut self, section: Section) -> Result<(), String> {
        if self.seen.contains(&section) {
            return Err("this section occurs twice".to_owned());
        }
        self.seen.push(section);
        self.section = section;
        Ok(())
    }

    fn head(&mut self, line: &str) -> Result<(), String> {
        let transcript = &mut self.transcript;
        match line {
            "any order" => transcript.any_order = true,
            "wire only" => transcript.wire_only = true,
            _ => {
                let comment =
                    line.strip_prefix('#').ok_or("expected a comment, `any order`, `wire only` or a section")?.trim();
                if let Some(rules) = comment.strip_prefix("rules:") {
                    transcript.rules = rules.split(',').map(|rule| rule.trim().to_owned()).collect();
                } else if transcript.title.is_empty() {
                    comment.clone_into(&mut transcript.title);
                }
            }
        }
        Ok(())
    }

    fn expect(&mut self, line: &str) -> Result<(), String> {
        let value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if !value.get("id").is_some_and(Value::is_string) {
            return Err("expected an object with the text `id`".to_owned());
        }
        self.transcript.expect.push(value);
        Ok(())
    }

    fn finish(self) -> Result<Transcript, String> {
        for (section, name) in [(Section::Events, "events"), (Section::Expect, "expect")] {
            if !self.seen.contains(&section) {
                return Err(format!("the section `{name}` is missing"));
            }
        }
        let transcript = self.transcript;
        if transcript.title.is_empty() {
            return Err("the title is missing".to_owned());
        }
        if transcript.rules.is_empty() {
            return Err("the line `# rules:` is missing".to_owned());
        }
        Ok(transcript)
    }
}

fn counts(line: &str) -> Result<Counts, String> {
    const NAMES: [&str; 5] = ["accepted", "duplicates", "conflicts", "ignored", "rejected"];
    let wrong = || "expected `accepted N, duplicates N, conflicts N, ignored N, rejected N`".to_owned();
    let parts: Vec<&str> = line.split(',').map(str::trim).collect();
    if parts.len() != NAMES.len() {
        return Err(wrong());
    }
    let mut numbers = [0; 5];
    for ((part, name), number) in parts.iter().zip(NAMES).zip(&mut numbers) {
        let digits = part.strip_prefix(name).ok_or_else(wrong)?.trim();
        *number = digits.parse().map_err(|_| wrong())?;
    }
    let [accepted, duplicates, conflicts, ignored, rejected] = numbers;
    Ok(Counts { accepted, duplicates, conflicts, ignored, rejected })
}

fn reject(line: &str) -> Result<Reject, String> {
    let wrong = || "expected `line N` or `line N: path`".to_owned();
    let rest = line.strip_prefix("line ").ok_or_else(wrong)?;
    let (digits, path) = match rest.split_once(':') {
        Some((digits, path)) => (digits, Some(path.trim().to_owned())),
        None => (rest, None),
    };
    let line = digits.trim().parse().map_err(|_| wrong())?;
    Ok(Reject { line, path })
}

/// Replaces `«...»` in an event line; all other text stays as it is.
fn event(line: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('«') {
        let (inside, remaining) = after.split_once('»').ok_or("`«` without its `»`")?;
        bytes.extend_from_slice(before.as_bytes());
        bytes.extend(placeholder(inside)?);
        rest = remaining;
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

fn placeholder(inside: &str) -> Result<Vec<u8>, String> {
    let (word, argument) = inside.split_once(' ').unwrap_or((inside, ""));
    match word {
        "bytes" => argument
            .split_whitespace()
            .map(|hex| u8::from_str_radix(hex, 16).map_err(|_| format!("`{hex}` is not a byte")))
            .collect(),
        "repeat" => {
            let (times, text) = argument.split_once(' ').ok_or("expected `«repeat N TEXT»`")?;
            let times: usize = times.parse().map_err(|_| format!("`{times}` is not a count"))?;
            Ok(text.repeat(times).into_bytes())
        }
        "file" => {
            let file = samples_folder().join(argument);
            std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))
        }
        _ => Err(format!("`«{inside}»` is unknown")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "# Title\n# rules: F1, 8\n# Why.\nany order\n\nevents\n{\"a\":\"«repeat 3 x»«bytes FF»\"}\n«bytes»\n\nexpect\n{\"id\":\"c1\"}\n\ncounts\naccepted 1, duplicates 0, conflicts 0, ignored 1, rejected 0\n\nrejects\nline 2: body.name\n";

    #[test]
    fn a_transcript_is_read_whole() {
        let transcript = parse_transcript(Path::new("f01-small.txt"), SMALL).unwrap();
        assert_eq!(transcript.name, "f01-small");
        assert_eq!(transcript.title, "Title");
        assert_eq!(transcript.rules, ["F1", "8"]);
        assert!(transcript.any_order && !transcript.wire_only);
        assert_eq!(transcript.events, [b"{\"a\":\"xxx\xFF\"}".to_vec(), vec![]]);
        let counts = transcript.counts.unwrap();
        assert_eq!((counts.accepted, counts.ignored), (1, 1));
        assert_eq!(transcript.rejects[0].path.as_deref(), Some("body.name"));
    }

    #[test]
    fn an_error_names_file_and_line() {
        let broken = SMALL.replace("accepted 1", "taken 1");
        let error = parse_transcript(Path::new("f01-small.txt"), &broken).unwrap_err();
        assert_eq!(error.line, 14);
        assert!(error.to_string().starts_with("f01-small.txt:14: expected `accepted N"));
    }

    #[test]
    fn small_transcripts_are_tried_in_every_order() {
        assert_eq!(orders(3).len(), 6);
        assert_eq!(orders(6).len(), 120);
    }
}
