//! Untrusted texts, made safe to print on a terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Placeholder for an unknown value.
pub const UNKNOWN: &str = "-";
/// Placeholder for no agent.
pub const NOBODY: &str = "(nobody)";
/// Marks what was cut.
pub const CUT: char = '\u{2026}';

/// A text whose invisible characters are replaced. Line feeds stay.
#[must_use]
pub fn safe(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(|line| one_line(line.strip_suffix('\r').unwrap_or(line))).collect();
    lines.join("\n")
}

/// A text on one line whose invisible characters are replaced.
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut before = ' ';
    let visible = |c| {
        let shown = visible(c, before);
        before = c;
        shown
    };
    text.replace("\r\n", " ").chars().map(visible).collect()
}

/// Control characters could move the cursor or change colours, direction controls would reorder the text, and with
/// zero-width characters two different names look the same.
fn visible(c: char, before: char) -> char {
    /// Of the characters that Unicode calls ignorable, variation selectors belong to emoji.
    const INVISIBLE: [std::ops::RangeInclusive<char>; 16] = [
        '\u{AD}'..='\u{AD}',
        '\u{34F}'..='\u{34F}',
        '\u{61C}'..='\u{61C}',
        '\u{115F}'..='\u{1160}',
        '\u{17B4}'..='\u{17B5}',
        '\u{180B}'..='\u{180F}',
        '\u{200B}'..='\u{200F}',
        '\u{202A}'..='\u{202E}',
        '\u{2060}'..='\u{206F}',
        '\u{3164}'..='\u{3164}',
        '\u{FEFF}'..='\u{FEFF}',
        '\u{FFA0}'..='\u{FFA0}',
        '\u{FFF0}'..='\u{FFFB}',
        '\u{1BCA0}'..='\u{1BCA3}',
        '\u{1D173}'..='\u{1D17A}',
        '\u{E0000}'..='\u{E0FFF}',
    ];
    // Between the parts of an emoji such as a family.
    let joins_emoji = c == '\u{200D}' && before > '\u{2000}' && !before.is_alphanumeric();
    match c {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
        c if joins_emoji => c,
        c if c.is_control() || INVISIBLE.iter().any(|range| range.contains(&c)) => char::REPLACEMENT_CHARACTER,
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
    fn invisible_characters_become_visible_except_in_emoji() {
        for invisible in ['\u{61c}', '\u{200b}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{ad}', '\u{e0041}'] {
            assert_eq!(one_line(&format!("I{invisible}da")), "I\u{fffd}da", "{}", invisible.escape_unicode());
        }
        let family = "\u{1f469}\u{200d}\u{1f467} \u{2764}\u{fe0f}";
        assert_eq!(one_line(family), family);
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
