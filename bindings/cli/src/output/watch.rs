//! `--watch`: prints a result again and again.

use std::io::Write;

use convofold::Time;

use super::column::Precision;
use super::format::{FormatArgs, Rows};
use super::zone::DisplayZone;
use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;
use crate::interrupt::Interruption;
use crate::past::Reader;
use crate::values::Interval;

/// Moves the cursor to the upper left corner and clears the screen.
const CLEAR: &str = "\x1b[H\x1b[2J";

impl<R: Rows> FormatArgs<R> {
    /// Prints an answer of the database, once or, with --watch, until the user interrupts the command. `open` opens it each
    /// time, because an opening for reading is a snapshot and keeps writers out.
    ///
    /// # Errors
    /// [`CliError`] if the database cannot be opened, and that of `show`.
    pub fn each_time(
        &self,
        open: impl Fn(&mut Console) -> Result<Reader, CliError>,
        console: &mut Console,
        show: impl Fn(&Reader, &mut Console) -> Result<(), CliError>,
    ) -> Result<Exit, CliError> {
        let show = |console: &mut Console| {
            let db = open(console)?;
            show(&db, console)?;
            Ok(db.end(console))
        };
        let Some(every) = self.watch() else { return show(console) };
        Watch { every, zone: self.zone(), has_heading: self.format().is_for_people() }.run(console, show)
    }
}

/// How a result is repeated.
#[derive(Clone, Copy, Debug)]
struct Watch<'a> {
    /// The time between two refreshes.
    every: Interval,
    /// The time zone of the heading.
    zone: &'a DisplayZone,
    /// Whether the format allows a heading.
    has_heading: bool,
}

impl Watch<'_> {
    /// Prints with `show` until the user interrupts the command.
    ///
    /// On a terminal each result replaces the one before; otherwise they follow each other, separated by an empty line.
    /// A database that another process holds exclusively is tried again.
    ///
    /// # Errors
    /// [`CliError`] of the first result, or any except [`Exit::InUse`] of a later one.
    fn run(
        self,
        console: &mut Console,
        mut show: impl FnMut(&mut Console) -> Result<Exit, CliError>,
    ) -> Result<Exit, CliError> {
        let interruption = Interruption::install()?;
        let mut is_first = true;
        loop {
            let mut frame = console.frame();
            match show(frame.console()) {
                Err(CliError::Failed(failure)) if !is_first && failure.exit() == Exit::InUse => {
                    frame.console().failure(&failure);
                }
                shown => drop(shown?),
            }
            let (result, notes) = frame.into_texts()?;
            self.draw(&result, &notes, is_first, console)?;
            is_first = false;
            if interruption.wait(self.every.0) {
                return Ok(Exit::Success);
            }
        }
    }

    fn draw(self, result: &str, notes: &str, is_first: bool, console: &mut Console) -> Result<(), CliError> {
        let at = format!("{} ({})", self.zone.show(Time::now().ms(), Precision::Second), self.zone);
        let height = console.height();
        let out = console.out();
        if let Some(height) = height {
            write!(out, "{CLEAR}{at}, every {} s\n\n", self.every.0.as_secs_f64())?;
            // The heading, the empty line, and the line of the cursor.
            let free = height.saturating_sub(3 + notes.lines().count());
            for line in result.lines().take(free) {
                writeln!(out, "{line}")?;
            }
        } else {
            match (self.has_heading, is_first) {
                (true, true) => writeln!(out, "{at}")?,
                (true, false) => writeln!(out, "\n{at}")?,
                (false, _) => {}
            }
            out.write_all(result.as_bytes())?;
        }
        console.flush()?;
        console.put_notes(notes);
        Ok(())
    }
}
