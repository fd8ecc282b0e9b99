//! A progress bar for commands that read the whole database.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const TEMPLATE: &str = "{msg:12} {bar:30} {percent:>3} %  {eta} left";

/// A progress bar on standard error, or nothing.
#[derive(Debug)]
pub struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// A progress bar, hidden unless wanted.
    #[must_use]
    pub fn new(is_wanted: bool) -> Self {
        let target = if is_wanted { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        // The plain bar stands in for a template that does not parse; a test excludes that.
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self { bar: ProgressBar::with_draw_target(None, target).with_style(style) }
    }

    /// Shows the progress of a step.
    pub fn show(&self, step: &'static str, done: u64, of: u64) {
        if self.bar.is_hidden() {
            return;
        }
        if self.bar.message() != step {
            self.bar.reset();
            self.bar.set_message(step);
        }
        self.bar.set_length(of);
        self.bar.set_position(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_a_template() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
