//! Options of the commands that parse input.

use clap::Args;
use convofold::Zone;
use convofold::ingest::{Format, IgnoreList, Limits, Parser};

use crate::values;

/// How input is parsed.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Input")]
pub struct ParsingArgs {
    /// Format of the events: that of a source, or `convofold` for that of `export --events`; auto detects it for each event.
    #[arg(long, value_parser = values::named::<Format>(Format::NAMES), default_value_t)]
    pub format: Format,
    /// Time zone of times that are written without one, by its name in the IANA database, such as Europe/Berlin.
    #[arg(long, value_name = "ZONE", default_value_t)]
    pub zone: Zone,
    /// Unknown interaction types to ignore instead of rejecting them, separated by commas.
    #[arg(long, value_name = "TYPE,...")]
    pub ignore: Option<IgnoreList>,
    /// Maximum length of a line, and of an element of an array: bytes, or a number with KiB or MiB [default: 1MiB].
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    max_line: Option<usize>,
    /// Maximum length of an id [default: 1KiB].
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    max_id: Option<usize>,
    /// Maximum length of an object over several lines [default: 64MiB].
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    max_document: Option<usize>,
}

impl ParsingArgs {
    /// The limits on the input.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let mut limits = Limits::new();
        limits.max_line_bytes = self.max_line.unwrap_or(limits.max_line_bytes);
        limits.max_id_bytes = self.max_id.unwrap_or(limits.max_id_bytes);
        limits.max_document_bytes = self.max_document.unwrap_or(limits.max_document_bytes);
        limits
    }

    /// The interaction types to ignore.
    #[must_use]
    pub fn ignored(&self) -> IgnoreList {
        self.ignore.clone().unwrap_or_default()
    }

    /// A parser with these options.
    #[must_use]
    pub fn parser(&self) -> Parser {
        Parser::new(self.format, self.limits()).zone(self.zone.clone()).ignore(self.ignored())
    }
}
