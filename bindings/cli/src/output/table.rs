//! Tables without lines, easy to read and to process.

use std::io::Write;

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table, presets};

use super::text;
use crate::console::Console;
use crate::error::CliError;

/// The space between two columns.
pub(super) const GAP: usize = 2;
const PADDING: (u16, u16) = (0, 2);
/// A text column is never narrower than this, and without a terminal not wider than the second.
const LEAST_TEXT_COLUMNS: usize = 16;
const TEXT_COLUMNS: usize = 60;

/// A table with a heading.
#[derive(Debug)]
pub struct Listing {
    headings: Vec<String>,
    /// The columns that are aligned to the right.
    right: Vec<usize>,
    rows: Vec<Vec<String>>,
    has_text: bool,
}

impl Listing {
    /// An empty table with these columns.
    #[must_use]
    pub fn new(headings: &[&str]) -> Self {
        let headings = headings.iter().map(|heading| (*heading).to_owned()).collect();
        Self { headings, right: Vec::new(), rows: Vec::new(), has_text: false }
    }

    /// Aligns a column to the right.
    #[must_use]
    pub fn right(mut self, column: usize) -> Self {
        self.right.push(column);
        self
    }

    /// Cuts the texts of the last column, so that a row fits on a line of the terminal.
    #[must_use]
    pub fn ends_in_text(mut self) -> Self {
        self.has_text = true;
        self
    }

    /// Adds a row. Invisible characters of its cells are replaced.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells.iter().map(|cell| text::one_line(cell)).collect());
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Prints the table on standard output.
    ///
    /// # Errors
    /// [`CliError`] where standard output takes no more.
    pub fn print(mut self, console: &mut Console) -> Result<(), CliError> {
        if self.has_text {
            self.cut_texts(console.width());
        }
        let table = self.lay_out(console.has_colours());
        for line in table.lines() {
            writeln!(console.out(), "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// The table as text, as reports on standard error need it.
    #[must_use]
    pub fn plain(&self) -> String {
        let table = self.lay_out(false);
        let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n")
    }

    fn cut_texts(&mut self, width: Option<usize>) {
        let taken: usize = self.widths().iter().rev().skip(1).map(|width| width + GAP).sum();
        let left = width.map_or(TEXT_COLUMNS, |width| width.saturating_sub(taken + GAP));
        for text in self.rows.iter_mut().filter_map(|row| row.last_mut()) {
            *text = text::cut(text, left.max(LEAST_TEXT_COLUMNS));
        }
    }

    fn widths(&self) -> Vec<usize> {
        use unicode_width::UnicodeWidthStr as _;
        let widest = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max();
        let headings = self.headings.iter().enumerate();
        headings.map(|(column, heading)| widest(column).unwrap_or(0).max(heading.width())).collect()
    }

    fn lay_out(&self, colours: bool) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if colours {
            table.enforce_styling()
        } else {
            table.force_no_tty()
        };
        if self.headings.iter().any(|heading| !heading.is_empty()) {
            table.set_header(self.headings.iter().map(|heading| Cell::new(heading).add_attribute(Attribute::Bold)));
        }
        table.add_rows(&self.rows);
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding(PADDING);
            if self.right.contains(&index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }
}

/// Facts in two columns: what, and how it is.
#[derive(Debug)]
pub struct Facts(Listing);

impl Default for Facts {
    fn default() -> Self {
        Self(Listing::new(&["", ""]))
    }
}

impl Facts {
    /// Adds a fact.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) -> &mut Self {
        self.0.row(vec![name.into(), value.into()]);
        self
    }

    /// Adds a fact where it is known.
    pub fn add_known(&mut self, name: &str, value: Option<String>) -> &mut Self {
        if let Some(value) = value {
            self.add(name, value);
        }
        self
    }

    /// Prints the facts on standard output.
    ///
    /// # Errors
    /// [`CliError`] where standard output takes no more.
    pub fn print(self, console: &mut Console) -> Result<(), CliError> {
        self.0.print(console)
    }

    /// The facts as text.
    #[must_use]
    pub fn plain(&self) -> String {
        self.0.plain()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_on_the_right_and_lines_end_where_their_text_ends() {
        let mut listing = Listing::new(&["AGENT", "OPEN"]).right(1);
        listing.row(vec!["Agnes".to_owned(), "7".to_owned()]);
        listing.row(vec!["(nobody)".to_owned(), "123".to_owned()]);
        assert_eq!(listing.plain(), "AGENT     OPEN\nAgnes        7\n(nobody)   123");
    }

    #[test]
    fn no_cell_contains_invisible_characters() {
        let mut listing = Listing::new(&["AGENT"]);
        listing.row(vec!["Id\u{61c}a\u{200b}\u{1b}".to_owned()]);
        assert_eq!(listing.plain(), "AGENT\nId\u{fffd}a\u{fffd}\u{fffd}");
    }

    #[test]
    fn facts_have_no_heading() {
        let mut facts = Facts::default();
        facts.add("lines", "3").add_known("rate", None);
        assert_eq!(facts.plain(), "lines  3");
    }
}
