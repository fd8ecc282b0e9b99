//! Progress of a replay, for people.

use convofold::replay::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::text;

const OF_KNOWN_SIZE: &str = "{bar:30} {percent:>3} %  {bytes} of {total_bytes}  {msg}  {eta} left";
const OF_UNKNOWN_SIZE: &str = "{spinner} {bytes}  {msg}";

/// A progress bar on standard error, or nothing.
pub(super) struct Watch {
    bar: ProgressBar,
    events_per_second: f64,
}

impl Watch {
    pub(super) fn new(is_wanted: bool) -> Self {
        let target = if is_wanted { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target).with_style(style(OF_UNKNOWN_SIZE));
        Self { bar, events_per_second: 0.0 }
    }

    pub(super) fn show(&mut self, progress: &Progress<'_>) {
        self.events_per_second = progress.events_per_second;
        if self.bar.is_hidden() {
            return;
        }
        if let Some(total) = progress.bytes_total.filter(|total| self.bar.length() != Some(*total)) {
            self.bar.set_style(style(OF_KNOWN_SIZE));
            self.bar.set_length(total);
        }
        let events = text::counted(progress.events, "event");
        self.bar.set_message(format!("{events}, {}", rate(progress.events_per_second)));
        self.bar.set_position(progress.bytes_read);
    }

    /// Removes the bar; returns the rate of the whole run.
    pub(super) fn finish(self) -> f64 {
        self.bar.finish_and_clear();
        self.events_per_second
    }
}

/// The plain bar stands in for a template that does not parse; a test excludes that.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A rate in events per second, for people.
pub(super) fn rate(per_second: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is neither huge nor negative")]
    let per_second = per_second.round() as u64;
    format!("{} events/s", text::count(per_second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_templates() {
        for template in [OF_KNOWN_SIZE, OF_UNKNOWN_SIZE] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn a_rate_is_a_whole_number() {
        assert_eq!(rate(1_499.6), "1,500 events/s");
        assert_eq!(rate(0.0), "0 events/s");
    }
}
