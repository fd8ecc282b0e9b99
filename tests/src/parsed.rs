//! The result of the engine's parser for an input.

use convofold::Event;
use convofold::ingest::{Format, Ignored, Limits, Origin, Parser, Rejection, Sink};

/// What was read, in the order of the input.
#[derive(Debug, Default)]
pub struct Parsed {
    /// The events.
    pub events: Vec<Event>,
    /// Number of ignored objects.
    pub ignored: u64,
    /// What was rejected.
    pub rejections: Vec<Rejection>,
}

impl Parsed {
    /// Reads an input, detects its format and applies the default limits.
    #[must_use]
    pub fn of(input: &[u8]) -> Self {
        Self::within(Limits::default(), input)
    }

    /// As [`Parsed::of`], with other limits.
    #[must_use]
    pub fn within(limits: Limits, input: &[u8]) -> Self {
        let mut parsed = Self::default();
        Parser::new(Format::Auto, limits).parse_input(input, &mut parsed);
        parsed
    }
}

impl Sink for Parsed {
    fn event(&mut self, _origin: Origin, event: Event) {
        self.events.push(event);
    }

    fn ignored(&mut self, _origin: Origin, _why: Ignored) {
        self.ignored += 1;
    }

    fn rejected(&mut self, rejection: Rejection) {
        self.rejections.push(rejection);
    }
}
