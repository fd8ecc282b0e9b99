//! Untrusted texts, made safe to print on a terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use convofold::AgentRef;

/// Placeholder for an unknown value.
pub const UNKNOWN: &str = "-";
/// Placeholder for no agent.
pub const NOBODY: &str = "(nobody)";
const CUT: char = '\u{2026}';

/// A text without control characters. Line feeds stay.
#[must_use]
pub fn safe(text: &str) -> String {
    let shown = |c: char| if c == '\n' { c } else { visible(c) };
    text.replace("\r\n", "\n").chars().map(shown).collect()
}

/// A text on one line, made safe.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.replace("\r\n", " ").chars().map(visible).collect()
}

/// Control characters could move the cursor or change colours; direction overrides would reorder the text.
fn visible(c: char) -> char {
    let overrides = matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    match c {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
        c if c.is_control() || overrides => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

/// A text cut to a maximum width in columns.
#[must_use]
pub fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut used = 1;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= columns
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push(CUT);
    cut
}

/// A text on one line, or the placeholder.
#[must_use]
pub fn or_unknown(text: Option<&str>) -> String {
    text.map_or_else(|| UNKNOWN.to_owned(), one_line)
}

/// The name of an agent, or its id.
#[must_use]
pub fn agent(agent: Option<&AgentRef>) -> String {
    match agent {
        None => NOBODY.to_owned(),
        Some(agent) => or_unknown(agent.name.as_deref().or(agent.id.as_deref())),
    }
}

/// An agent with name and id, as far as both are known.
#[must_use]
pub fn agent_in_full(agent: Option<&AgentRef>) -> String {
    match agent {
        Some(AgentRef { id: Some(id), name: Some(name), .. }) => format!("{} ({})", one_line(name), one_line(id)),
        other => self::agent(other),
    }
}

/// A number with thousands separators.
#[must_use]
pub fn count(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}

/// A number of things, `1 event` or `2 events`.
#[must_use]
pub fn counted(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", count(number))
}

/// A size in bytes, KiB, MiB or GiB.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

/// An argument quoted for a shell, so that a suggested command can be copied.
#[must_use]
pub fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_give_orders_to_the_terminal() {
        assert_eq!(
            one_line("a\u{1b}[31mb\u{7}\u{9b}2J\r\nc\td\u{202e}e"),
            "a\u{fffd}[31mb\u{fffd}\u{fffd}2J c d\u{fffd}e"
        );
        assert_eq!(safe("a\r\nb\nc\rd"), "a\nb\nc d");
    }

    #[test]
    fn a_cut_text_fits_in_columns_and_not_in_bytes() {
        assert_eq!(cut("hello", 5), "hello");
        assert_eq!(cut("hello!", 5), "hell\u{2026}");
        assert_eq!(cut("\u{4f60}\u{597d}\u{4f60}\u{597d}", 5), "\u{4f60}\u{597d}\u{2026}");
    }

    #[test]
    fn thousands_are_apart() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(12_345_678), "12,345,678");
    }

    #[test]
    fn a_suggested_argument_survives_the_shell() {
        assert_eq!(quoted("a-1:b"), "a-1:b");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
