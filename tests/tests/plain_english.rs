//! Text that users and maintainers read is plain technical English: no phrase of the list below appears in it.
//!
//! Checked are documentation, comments, string literals and help texts; see "Text" in CONTRIBUTING.md.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use walkdir::WalkDir;

/// Phrases that a reader stumbles over, and what to write instead.
const PHRASES: [(&str, &str); 22] = [
    (r"\b(only|at most|for|of|every|with|least) so (many|much|long)\b", "maximum, minimum, per n, a number"),
    (r"\b(is|are|was|were|be|being) told( of)?\b", "is reported, receives, is called with"),
    (r"\banew\b", "again"),
    (r"\bbut for\b", "except"),
    (r"\bsave (when|where|for|by|that)\b", "except"),
    (r"\bwhoever\b", "the caller, the host, the operator"),
    (r"\bwhere there (is|are|was|were) (none|no)\b", "if there is no"),
    (r"\b(go|goes|gone|going) on (with|from|behind|where)\b", "continue, resume"),
    (r"\bgives? back free\b", "frees"),
    (r"\bgiven free\b", "freed"),
    (r"\bcomes? about\b", "happens"),
    (r"\bcame about\b", "happened"),
    (r"\bcom(e|es|ing) upon\b", "finds"),
    (r"\bto be had\b", "available"),
    (r"\bby lot\b", "at random"),
    (r"\bmanieth\b", "n-th"),
    (r"\bsees? to (what|it)\b", "fixes"),
    (r"\bis none of\b", "is not one of"),
    (r"\ban event in it is none\b", "it contains an invalid event"),
    (r"\bfor ever\b", "forever"),
    (r"\bhold(s|ing)? on to\b", "keeps, refers to"),
    (r"\blets? go of\b", "releases"),
];

/// What is not text of this project, or quotes its subject.
const SKIPPED: [&str; 8] =
    ["target", ".git", "plain_english.rs", "phrasebook.rs", "sample.ndjson", "LICENSE", "node_modules", ".venv"];

const ENDINGS: [&str; 11] = ["rs", "md", "h", "c", "py", "pyi", "sh", "toml", "txt", "yml", "tsv"];

#[test]
fn no_text_contains_a_phrase_that_readers_stumble_over() {
    let phrases: Vec<(Regex, &str)> = PHRASES
        .iter()
        .map(|(pattern, instead)| (Regex::new(&format!("(?i){pattern}")).expect("a valid pattern"), *instead))
        .collect();
    let mut found = Vec::new();
    let mut files = 0;
    for path in texts() {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        files += 1;
        for (number, line) in (1..).zip(text.lines()) {
            for (phrase, instead) in &phrases {
                if let Some(hit) = phrase.find(line) {
                    let path = path.strip_prefix(root()).unwrap_or(&path).display();
                    found.push(format!("{path}:{number}: {:?}; write: {instead}", hit.as_str()));
                }
            }
        }
    }
    assert!(files > 300, "only {files} files were found");
    assert!(found.is_empty(), "{} phrases:\n{}", found.len(), found.join("\n"));
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn texts() -> impl Iterator<Item = PathBuf> {
    let is_skipped = |name: &str| SKIPPED.iter().any(|skipped| name.starts_with(skipped));
    WalkDir::new(root())
        .into_iter()
        .filter_entry(move |entry| entry.depth() == 0 || !is_skipped(&entry.file_name().to_string_lossy()))
        .filter_map(Result::ok)
        .map(walkdir::DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known)))
}
