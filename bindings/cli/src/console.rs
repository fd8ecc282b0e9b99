//! Standard output and standard error.
//!
//! Results go to standard output, which is buffered; a failed write ends the command. Notes, progress and errors go to
//! standard error, where failed writes are ignored.

use std::cell::RefCell;
use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::rc::Rc;

use anstyle::{AnsiColor, Style};
use clap::builder::StyledStr;
use serde::Serialize;
use terminal_size::{Height, Width};

use crate::error::{CliError, Failure};
use crate::output::spool::Output;
use crate::output::text;

const BLOCK: usize = 64 * 1024;
const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Standard output and standard error of a command.
pub struct Console {
    out: BufWriter<Box<dyn Write>>,
    /// The output behind it, if it is that of the process.
    stdout: Option<Output>,
    err: Box<dyn Write>,
    /// Width and height of the terminal on standard output, if there is one.
    size: Option<(usize, usize)>,
    colours: Colours,
    progress: bool,
}

/// Which streams use colours.
#[derive(Clone, Copy, Debug, Default)]
struct Colours {
    out: bool,
    err: bool,
}

impl Console {
    /// The console of this process, with colours, fitted tables and progress bars on a terminal.
    #[must_use]
    pub fn of_process() -> Self {
        let (out, err) = (io::stdout(), io::stderr());
        let stdout = Output::stdout();
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let size = terminal_size::terminal_size_of(&out);
        Self {
            size: size.map(|(Width(columns), Height(lines))| (columns.into(), lines.into())),
            colours: Colours { out: out.is_terminal() && !plain, err: err.is_terminal() && !plain },
            progress: err.is_terminal(),
            out: BufWriter::with_capacity(BLOCK, Box::new(stdout.clone())),
            stdout: Some(stdout),
            err: Box::new(err),
        }
    }

    /// A console without a terminal.
    #[must_use]
    pub fn plain(out: Box<dyn Write>, err: Box<dyn Write>) -> Self {
        let out = BufWriter::with_capacity(BLOCK, out);
        Self { out, stdout: None, err, size: None, colours: Colours::default(), progress: false }
    }

    /// Standard output.
    pub fn out(&mut self) -> &mut impl Write {
        &mut self.out
    }

    /// The width of the terminal on standard output, if there is one.
    #[must_use]
    pub fn width(&self) -> Option<usize> {
        self.size.map(|(columns, _)| columns)
    }

    /// The height of the terminal on standard output, if there is one.
    #[must_use]
    pub fn height(&self) -> Option<usize> {
        self.size.map(|(_, lines)| lines)
    }

    /// Whether results may be coloured.
    #[must_use]
    pub fn has_colours(&self) -> bool {
        self.colours.out
    }

    /// Whether standard error is a terminal, so that progress bars are shown.
    #[must_use]
    pub fn shows_progress(&self) -> bool {
        self.progress
    }

    /// Prints a result as one line of JSON.
    ///
    /// # Errors
    /// [`CliError`] if standard output cannot be written.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        serde_json::to_writer(&mut self.out, value)?;
        self.out.write_all(b"\n")?;
        Ok(())
    }

    /// Prints a note on standard error.
    pub fn note(&mut self, text: impl Display) {
        let _ = writeln!(self.err, "{}", text::safe(&text.to_string()));
    }

    /// Prints a usage error on standard error; it can contain colours.
    pub fn usage_error(&mut self, text: &StyledStr) {
        let _ = if self.colours.err { writeln!(self.err, "{}", text.ansi()) } else { writeln!(self.err, "{text}") };
    }

    /// Prints an error and its hint on standard error.
    pub fn failure(&mut self, failure: &Failure) {
        let style = |style: Style| if self.colours.err { style } else { Style::new() };
        let (error, hint) = (style(ERROR), style(HINT));
        let what = text::safe(&failure.to_string());
        let _ = writeln!(self.err, "{error}error:{error:#} {what}");
        if let Some(advice) = failure.advice() {
            let _ = writeln!(self.err, "{hint}hint:{hint:#} {}", text::safe(advice));
        }
    }

    /// From now on, the command does not wait for the reader of its standard output, so that a paused pager does not keep a
    /// database open. What is not read yet is kept in memory, or in a temporary file.
    pub fn spool(&self) {
        if let Some(stdout) = &self.stdout {
            stdout.spool();
        }
    }

    /// Waits until standard output has everything.
    ///
    /// # Errors
    /// [`CliError`] if standard output cannot be written.
    pub fn finish(&mut self) -> Result<(), CliError> {
        self.flush()?;
        Ok(self.stdout.as_ref().map_or(Ok(()), Output::finish)?)
    }

    /// A console of the same width and colours that keeps what is printed.
    #[must_use]
    pub fn frame(&self) -> Frame {
        let (out, err) = (Kept::default(), Kept::default());
        let mut console = Self::plain(Box::new(out.clone()), Box::new(err.clone()));
        (console.size, console.colours) = (self.size, self.colours);
        Frame { console, out, err }
    }

    /// Prints notes and errors of a frame on standard error.
    pub fn put_notes(&mut self, notes: &str) {
        let _ = self.err.write_all(notes.as_bytes());
    }

    /// Flushes standard output.
    ///
    /// # Errors
    /// [`CliError`] if standard output cannot be written.
    pub fn flush(&mut self) -> Result<(), CliError> {
        Ok(self.out.flush()?)
    }
}

/// A result that is kept instead of printed.
pub struct Frame {
    console: Console,
    out: Kept,
    err: Kept,
}

impl Frame {
    /// The console to print on.
    pub fn console(&mut self) -> &mut Console {
        &mut self.console
    }

    /// What was printed on standard output and on standard error.
    ///
    /// # Errors
    /// [`CliError`] if the result cannot be flushed.
    pub fn into_texts(mut self) -> Result<(String, String), CliError> {
        self.console.flush()?;
        let text = |kept: &Kept| String::from_utf8_lossy(&kept.0.borrow()).into_owned();
        Ok((text(&self.out), text(&self.err)))
    }
}

#[derive(Clone, Default)]
struct Kept(Rc<RefCell<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
