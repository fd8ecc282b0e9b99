//! Where results, progress and reports go.
//!
//! Results go to standard output, which is gathered in blocks and whose failures end a command; everything said about
//! them goes to standard error, whose failures are nobody's business.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use terminal_size::Width;

use crate::error::{CliError, Failure};

const BLOCK: usize = 64 * 1024;
const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Standard output and standard error of a command.
pub struct Console {
    out: BufWriter<Box<dyn Write>>,
    err: Box<dyn Write>,
    /// The width of the terminal that shows the results, if one does.
    width: Option<usize>,
    colours: Colours,
    progress: bool,
}

/// Where colours are wanted.
#[derive(Clone, Copy, Debug, Default)]
struct Colours {
    out: bool,
    err: bool,
}

impl Console {
    /// The console of this process: colours, fitted tables and progress bars on a terminal only.
    #[must_use]
    pub fn of_process() -> Self {
        let (out, err) = (io::stdout(), io::stderr());
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let width = terminal_size::terminal_size_of(&out).map(|(Width(columns), _)| usize::from(columns));
        Self {
            width,
            colours: Colours { out: out.is_terminal() && !plain, err: err.is_terminal() && !plain },
            progress: err.is_terminal(),
            out: BufWriter::with_capacity(BLOCK, Box::new(out.lock())),
            err: Box::new(err),
        }
    }

    /// A console that is no terminal.
    #[must_use]
    pub fn plain(out: Box<dyn Write>, err: Box<dyn Write>) -> Self {
        let out = BufWriter::with_capacity(BLOCK, out);
        Self { out, err, width: None, colours: Colours::default(), progress: false }
    }

    /// Standard output.
    pub fn out(&mut self) -> &mut impl Write {
        &mut self.out
    }

    /// The width of the terminal that shows the results, if one does.
    #[must_use]
    pub fn width(&self) -> Option<usize> {
        self.width
    }

    /// Whether results may be coloured.
    #[must_use]
    pub fn has_colours(&self) -> bool {
        self.colours.out
    }

    /// Whether what is said on standard error may be coloured.
    #[must_use]
    pub fn has_error_colours(&self) -> bool {
        self.colours.err
    }

    /// Whether somebody watches standard error, so that a progress bar makes sense.
    #[must_use]
    pub fn shows_progress(&self) -> bool {
        self.progress
    }

    /// Prints a result as one line of JSON.
    ///
    /// # Errors
    /// [`CliError`] where standard output takes no more.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        serde_json::to_writer(&mut self.out, value)?;
        self.out.write_all(b"\n")?;
        Ok(())
    }

    /// Says something about the results, on standard error.
    pub fn note(&mut self, text: impl Display) {
        let _ = writeln!(self.err, "{text}");
    }

    /// Says what went wrong and what to do next, on standard error.
    pub fn failure(&mut self, failure: &Failure) {
        let style = |style: Style| if self.colours.err { style } else { Style::new() };
        let (error, hint) = (style(ERROR), style(HINT));
        let _ = writeln!(self.err, "{error}error:{error:#} {failure}");
        if let Some(advice) = failure.advice() {
            let _ = writeln!(self.err, "{hint}hint:{hint:#} {advice}");
        }
    }

    /// Hands everything printed so far to standard output.
    ///
    /// # Errors
    /// [`CliError`] where standard output takes no more.
    pub fn flush(&mut self) -> Result<(), CliError> {
        Ok(self.out.flush()?)
    }
}
