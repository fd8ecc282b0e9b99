//! Tables in GitHub Flavored Markdown.

use std::io::Write;

use super::column::Kind;
use super::print::Shown;
use super::text;
use crate::console::Console;
use crate::error::CliError;

/// Characters that have a meaning in Markdown or HTML. An underscore has one only at the edge of a word.
const SPECIAL: &str = "\\`*[]<>|~&";

/// Prints a table.
pub(super) fn print(columns: &[Shown], rows: &[Vec<String>], console: &mut Console) -> Result<(), CliError> {
    let out = console.out();
    writeln!(out, "{}", line(columns.iter().map(|column| escaped(&column.heading))))?;
    let rule =
        |column: &Shown| if matches!(column.kind, Kind::Number | Kind::Length) { "---:" } else { "---" }.to_owned();
    writeln!(out, "{}", line(columns.iter().map(rule)))?;
    for row in rows {
        writeln!(out, "{}", line(row.iter().map(|cell| escaped(cell))))?;
    }
    Ok(())
}

fn line(cells: impl Iterator<Item = String>) -> String {
    cells.fold(String::from("|"), |line, cell| format!("{line} {cell} |"))
}

/// A text on one line that is shown as it is.
fn escaped(text: &str) -> String {
    let safe = text::safe(text);
    let mut escaped = String::with_capacity(safe.len());
    let mut before = ' ';
    let mut rest = safe.chars().peekable();
    while let Some(c) = rest.next() {
        let is_inside_word = before.is_alphanumeric() && rest.peek().is_some_and(|next| next.is_alphanumeric());
        match c {
            '\n' => escaped.push_str("<br>"),
            '_' if !is_inside_word => escaped.push_str("\\_"),
            c if SPECIAL.contains(c) => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
        before = c;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_ends_its_row_or_becomes_markup() {
        assert_eq!(escaped("a|b\r\nc"), "a\\|b<br>c");
        assert_eq!(escaped("<b>*x*</b> [l](u) `c` \\"), "\\<b\\>\\*x\\*\\</b\\> \\[l\\](u) \\`c\\` \\\\");
        assert_eq!(escaped("700100_16275 _x_"), "700100_16275 \\_x\\_");
    }
}
