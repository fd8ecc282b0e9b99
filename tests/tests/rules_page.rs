//! Checks the page of the rules against the transcripts, its links, and the rule numbers quoted in the code.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use convofold_tests::transcript::all_transcripts;
use regex::Regex;

const RULES_PAGE: &str = "docs/rules.md";

/// Where rules are quoted, and in which files.
const QUOTING_FOLDERS: [&str; 5] = ["engine", "store", "bindings", "tests", "benches"];
const QUOTING_EXTENSIONS: [&str; 6] = ["rs", "py", "pyi", "c", "h", "toml"];

/// Directories without sources of this project.
const FOREIGN_FOLDERS: [&str; 6] = ["target", ".git", ".venv", "venv", "node_modules", "corpus"];

/// One rule, or a range of rules: `F1`, `I1-I3`, `F1 to F12`.
const RULE: &str = r"[WITFHQR][0-9]{1,2}\b(?:(?:-|\.\.| to )[WITFHQR][0-9]{1,2}\b)?";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// All files below a folder of the repository with one of these extensions.
fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !FOREIGN_FOLDERS.contains(&name.as_str()) {
                found.extend(files(&path, extensions));
            }
        } else if path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The text of the page under each rule, by number. The rule of the fine print is `8`.
fn sections(page: &str) -> BTreeMap<String, String> {
    let heading = Regex::new(r"^#{2,3} ([WITFHQR][0-9]{1,2}|8)$").unwrap();
    let mut sections = BTreeMap::<String, String>::new();
    let mut rule = None;
    for line in page.lines() {
        if line.starts_with("## ") || line.starts_with("### ") {
            rule = heading.captures(line).map(|captures| captures[1].to_owned());
        }
        if let Some(rule) = &rule {
            let section = sections.entry(rule.clone()).or_default();
            section.push_str(line);
            section.push('\n');
        }
    }
    sections
}

/// The link targets in a Markdown text, outside of code.
fn links(markdown: &str) -> Vec<String> {
    let link = Regex::new(r"\]\(([^()\s]+)\)").unwrap();
    let code = Regex::new(r"`[^`\n]*`").unwrap();
    let mut is_code = false;
    let mut found = Vec::new();
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            let line = code.replace_all(line, "``");
            found.extend(link.captures_iter(&line).map(|captures| captures[1].to_owned()));
        }
    }
    found
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(markdown: &str) -> BTreeSet<String> {
    let headings = markdown.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            title.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
        })
        .collect()
}

/// What is wrong with a link on the page at `page`; `None` if its target exists or is on the network.
fn dead(page: &Path, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if file.is_empty() { page.to_owned() } else { page.parent().unwrap().join(file) };
    let is_alive = target.exists() && (anchor.is_empty() || anchors(&read(&target)).contains(anchor));
    (!is_alive).then(|| format!("{}: {link}", page.display()))
}

/// The rules that a text quotes: `spec F1`, `rule T3`, `Rules F6, F7 and F9`, or in parentheses ` (W4, section 8)`.
fn quoted(text: &str) -> BTreeSet<String> {
    let list = format!("{RULE}(?:(?:, and |, | and |/){RULE})*");
    let named = Regex::new(&format!(r"\b(?:[Ss]pec|[Rr]ules?) ({list})")).unwrap();
    // A call such as `f(T0)` has no space in front of its parenthesis.
    let parenthesised = Regex::new(&format!(r"(?m)(?:^|\s)\(({list})(?:,? (?:and )?section 8)?\)")).unwrap();
    let rule = Regex::new(r"[WITFHQR][0-9]{1,2}").unwrap();
    let lists = named.captures_iter(text).chain(parenthesised.captures_iter(text));
    lists.flat_map(|list| rule.find_iter(list.get(1).unwrap().as_str()).map(|rule| rule.as_str().to_owned())).collect()
}

#[test]
fn every_transcript_is_linked_under_its_rule() {
    let sections = sections(&read(&root().join(RULES_PAGE)));
    let mut missing = Vec::new();
    for transcript in all_transcripts().unwrap() {
        // `f03-a-reopen` proves F3, `s08-...` the fine print.
        let (letter, number) = (&transcript.name[..1], transcript.name[1..3].trim_start_matches('0'));
        let rule = if letter == "s" { number.to_owned() } else { format!("{}{number}", letter.to_uppercase()) };
        let link = format!("](../tests/transcripts/{}.txt)", transcript.name.trim_end_matches(".txt"));
        if !sections.get(&rule).is_some_and(|section| section.contains(&link)) {
            missing.push(format!("{rule}: {link}"));
        }
    }
    assert!(missing.is_empty(), "{RULES_PAGE} does not link, under its rule:\n{}", missing.join("\n"));
}

#[test]
fn no_link_in_the_docs_is_dead() {
    let root = root();
    let pages = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<_> = pages.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect();
    pages.extend(files(&root.join("docs"), &["md"]));
    let dead: Vec<_> =
        pages.iter().flat_map(|page| links(&read(page)).into_iter().filter_map(|link| dead(page, &link))).collect();
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
}

#[test]
fn the_code_quotes_only_rules_that_exist() {
    let root = root();
    let rules = sections(&read(&root.join(RULES_PAGE)));
    let this_file = Path::new(file!()).file_name();
    let mut unknown = Vec::new();
    let mut known = 0;
    for file in QUOTING_FOLDERS.iter().flat_map(|folder| files(&root.join(folder), &QUOTING_EXTENSIONS)) {
        if file.file_name() == this_file {
            continue;
        }
        for rule in quoted(&read(&file)) {
            if rules.contains_key(&rule) {
                known += 1;
            } else {
                unknown.push(format!("{}: {rule}", file.display()));
            }
        }
    }
    assert!(unknown.is_empty(), "rules that {RULES_PAGE} does not have:\n{}", unknown.join("\n"));
    assert!(known > 100, "only {known} quotations were found; is the pattern still right?");
}

#[test]
fn quotations_are_told_from_other_words() {
    let quotes = |text| quoted(text).into_iter().collect::<Vec<_>>();
    assert_eq!(quotes("/// The state hash (spec H1)."), ["H1"]);
    assert_eq!(quotes("/// Rules F6, F7 and F9 for a message."), ["F6", "F7", "F9"]);
    assert_eq!(quotes("//! What two deliveries are (spec I1-I3), (T3)"), ["I1", "I3", "T3"]);
    assert_eq!(quotes("//! The fold: spec F1 to F11"), ["F1", "F11"]);
    assert_eq!(quotes("//! (W1, W5, section 8)"), ["W1", "W5"]);
    assert_eq!(quotes("    (T99)"), ["T99"]);
    for no_quotation in ["trim(T0)", "message(\"c\", T0)", "(T0 + 1)", "T00:00:00Z", "spec F", "W3C", "(F16C)", "P1"] {
        assert!(quoted(no_quotation).is_empty(), "{no_quotation}");
    }
}

#[test]
fn links_and_anchors_are_found_outside_of_code() {
    let page = "# The rules\n[a](b.md) and [c](d.md#e) `[f](g)`\n```\n[h](i)\n```\n## W1, again\n";
    assert_eq!(links(page), ["b.md", "d.md#e"]);
    assert_eq!(anchors(page).into_iter().collect::<Vec<_>>(), ["the-rules", "w1-again"]);
}
