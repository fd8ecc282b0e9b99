//! What to generate.

use std::str::FromStr;

/// 2021-07-29T05:11:08.595Z, the time in the samples of Airship's documentation.
const DEFAULT_START_MS: i64 = 1_627_535_468_595;

/// 9000-01-01: a thousand years before the end of four-digit years.
const LATEST_START_MS: i64 = 221_845_392_000_000;

/// What to generate. Every option has a default; probabilities and shares are numbers from 0 to 1.
///
/// ```
/// use convofold_generator::{Envelope, Mix, Options};
///
/// let options = Options::new().events(5_000).seed(42).mix(Mix::only(Envelope::AirshipRtds)).leave_open(0.5);
/// assert_eq!(options.tenants, 3);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// Number of distinct events. Default: 10,000.
    pub events: u64,
    /// Seed of the random choices: selects one of many possible logs. Default: 1.
    pub seed: u64,
    /// Distribution of conversations over the envelopes. Default: equal shares.
    pub mix: Mix,
    /// Number of agents of all tenants together, at least 1. Each tenant gets at least one. Default: 20.
    pub agents: u32,
    /// Number of businesses, at least 1. Default: 3.
    pub tenants: u32,
    /// Average number of conversations that are active at once, at least 1; determines how often a new one starts.
    /// Default: 200.
    ///
    /// At most four times as many are held in memory; further ones start later.
    pub in_flight: u32,
    /// Time of the first event, in milliseconds since the Unix epoch. Default: 2021-07-29T05:11:08.595Z.
    pub start_ms: i64,
    /// Share of Airship conversations that use SMS instead of the app. Default: 0.35.
    pub sms: f64,
    /// Probability that a conversation is started by a member who had one before. Default: 0.2.
    pub returning: f64,
    /// Probability that a conversation is transferred to another agent. Default: 0.08.
    pub transfer: f64,
    /// Probability that a conversation returns to the queue and is taken again. Default: 0.02.
    pub requeue: f64,
    /// Probability that no agent ever answers. Default: 0.02.
    pub abandon: f64,
    /// Probability, after a message, of an event that only updates the last activity. Default: 0.03.
    pub updates: f64,
    /// Probability that a conversation is never closed. Default: 0.06.
    pub leave_open: f64,
    /// Probability that a closed conversation is reopened. Default: 0.05.
    pub reopen: f64,
    /// Faults in delivery. Default: none.
    pub faults: Faults,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            events: 10_000,
            seed: 1,
            mix: Mix::default(),
            agents: 20,
            tenants: 3,
            in_flight: 200,
            start_ms: DEFAULT_START_MS,
            sms: 0.35,
            returning: 0.2,
            transfer: 0.08,
            requeue: 0.02,
            abandon: 0.02,
            updates: 0.03,
            leave_open: 0.06,
            reopen: 0.05,
            faults: Faults::default(),
        }
    }
}

impl Options {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`Options::events`](#structfield.events).
    #[must_use]
    pub fn events(mut self, events: u64) -> Self {
        self.events = events;
        self
    }

    /// Sets [`Options::seed`](#structfield.seed).
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets [`Options::mix`](#structfield.mix).
    #[must_use]
    pub fn mix(mut self, mix: Mix) -> Self {
        self.mix = mix;
        self
    }

    /// Sets [`Options::agents`](#structfield.agents).
    #[must_use]
    pub fn agents(mut self, agents: u32) -> Self {
        self.agents = agents;
        self
    }

    /// Sets [`Options::tenants`](#structfield.tenants).
    #[must_use]
    pub fn tenants(mut self, tenants: u32) -> Self {
        self.tenants = tenants;
        self
    }

    /// Sets [`Options::in_flight`](#structfield.in_flight).
    #[must_use]
    pub fn in_flight(mut self, in_flight: u32) -> Self {
        self.in_flight = in_flight;
        self
    }

    /// Sets [`Options::start_ms`](#structfield.start_ms).
    #[must_use]
    pub fn start_ms(mut self, start_ms: i64) -> Self {
        self.start_ms = start_ms;
        self
    }

    /// Sets [`Options::sms`](#structfield.sms).
    #[must_use]
    pub fn sms(mut self, sms: f64) -> Self {
        self.sms = sms;
        self
    }

    /// Sets [`Options::returning`](#structfield.returning).
    #[must_use]
    pub fn returning(mut self, returning: f64) -> Self {
        self.returning = returning;
        self
    }

    /// Sets [`Options::transfer`](#structfield.transfer).
    #[must_use]
    pub fn transfer(mut self, transfer: f64) -> Self {
        self.transfer = transfer;
        self
    }

    /// Sets [`Options::requeue`](#structfield.requeue).
    #[must_use]
    pub fn requeue(mut self, requeue: f64) -> Self {
        self.requeue = requeue;
        self
    }

    /// Sets [`Options::abandon`](#structfield.abandon).
    #[must_use]
    pub fn abandon(mut self, abandon: f64) -> Self {
        self.abandon = abandon;
        self
    }

    /// Sets [`Options::updates`](#structfield.updates).
    #[must_use]
    pub fn updates(mut self, updates: f64) -> Self {
        self.updates = updates;
        self
    }

    /// Sets [`Options::leave_open`](#structfield.leave_open).
    #[must_use]
    pub fn leave_open(mut self, leave_open: f64) -> Self {
        self.leave_open = leave_open;
        self
    }

    /// Sets [`Options::reopen`](#structfield.reopen).
    #[must_use]
    pub fn reopen(mut self, reopen: f64) -> Self {
        self.reopen = reopen;
        self
    }

    /// Sets [`Options::faults`](#structfield.faults).
    #[must_use]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Checks every option that has a range.
    pub(crate) fn check(&self) -> Result<(), OptionsError> {
        let counts = [("agents", self.agents), ("tenants", self.tenants), ("in_flight", self.in_flight)];
        if let Some((option, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(OptionsError::Zero { option });
        }
        let probabilities = [
            ("sms", self.sms),
            ("returning", self.returning),
            ("transfer", self.transfer),
            ("requeue", self.requeue),
            ("abandon", self.abandon),
            ("updates", self.updates),
            ("leave_open", self.leave_open),
            ("reopen", self.reopen),
            ("duplicates", self.faults.duplicates),
            ("garbage", self.faults.garbage),
            ("message_first", self.faults.message_first),
        ];
        if let Some((option, found)) = probabilities.into_iter().find(|(_, p)| !(0.0..=1.0).contains(p)) {
            return Err(OptionsError::Probability { option, found });
        }
        if !(1..=LATEST_START_MS).contains(&self.start_ms) {
            return Err(OptionsError::Start { found: self.start_ms, max: LATEST_START_MS });
        }
        if self.mix.total() == 0 {
            return Err(OptionsError::EmptyMix);
        }
        Ok(())
    }

    /// [`Options::start_ms`], unsigned; checked before.
    pub(crate) fn start(&self) -> u64 {
        u64::try_from(self.start_ms).unwrap_or(1)
    }
}

/// Why a log cannot be generated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// A number that must be at least 1 is 0.
    #[error("{option} must be at least 1, found 0")]
    Zero {
        /// Name of the option.
        option: &'static str,
    },
    /// A probability or share is not from 0 to 1.
    #[error("{option} must be from 0 to 1, found {found}")]
    Probability {
        /// Name of the option.
        option: &'static str,
        /// Its value.
        found: f64,
    },
    /// The log starts too early or too late.
    #[error("start_ms must be from 1 to {max}, found {found}")]
    Start {
        /// Its value.
        found: i64,
        /// The latest start.
        max: i64,
    },
    /// All shares of the mix are 0.
    #[error("mix must have a share above 0")]
    EmptyMix,
}

/// Faults in delivery. They do not change the events.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct Faults {
    /// Probability that an event is delivered a second time, byte for byte, up to 200 events later.
    pub duplicates: f64,
    /// Maximum number of events that can overtake an event; 0 keeps the order.
    pub shuffle: u32,
    /// Probability, after an event, of a line that is not an event: truncated, not UTF-8, of another type, and so on.
    pub garbage: f64,
    /// Probability that the first message arrives before the event that opens its conversation.
    pub message_first: f64,
}

impl Faults {
    /// No faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`Faults::duplicates`](#structfield.duplicates).
    #[must_use]
    pub fn duplicates(mut self, duplicates: f64) -> Self {
        self.duplicates = duplicates;
        self
    }

    /// Sets [`Faults::shuffle`](#structfield.shuffle).
    #[must_use]
    pub fn shuffle(mut self, shuffle: u32) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// Sets [`Faults::garbage`](#structfield.garbage).
    #[must_use]
    pub fn garbage(mut self, garbage: f64) -> Self {
        self.garbage = garbage;
        self
    }

    /// Sets [`Faults::message_first`](#structfield.message_first).
    #[must_use]
    pub fn message_first(mut self, message_first: f64) -> Self {
        self.message_first = message_first;
        self
    }

    /// Whether delivery is perfect.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.shuffle == 0 && self.duplicates <= 0.0 && self.garbage <= 0.0 && self.message_first <= 0.0
    }
}

/// The format of the events of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Envelope {
    /// Airship, as sent to the Custom Events API: `{occurred, user, body}`.
    AirshipApi,
    /// Airship, as delivered by Real-Time Data Streaming: `{id, offset, occurred, processed, device, type, body}`.
    AirshipRtds,
    /// SuperOffice chat webhooks.
    SuperOffice,
}

/// Shares of conversations by envelope, relative to each other. Default: 1 each.
///
/// Parses from `airship-api`, `airship-rtds`, `superoffice` and `mixed`:
///
/// ```
/// use convofold_generator::{Envelope, Mix};
///
/// assert_eq!("superoffice".parse(), Ok(Mix::only(Envelope::SuperOffice)));
/// assert_eq!("mixed".parse(), Ok(Mix::default()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mix {
    /// Share of [`Envelope::AirshipApi`].
    pub airship_api: u32,
    /// Share of [`Envelope::AirshipRtds`].
    pub airship_rtds: u32,
    /// Share of [`Envelope::SuperOffice`].
    pub superoffice: u32,
}

impl Default for Mix {
    fn default() -> Self {
        Self { airship_api: 1, airship_rtds: 1, superoffice: 1 }
    }
}

impl Mix {
    /// The names that a [`Mix`] can be parsed from.
    pub const NAMES: [&'static str; 4] = ["airship-api", "airship-rtds", "superoffice", "mixed"];

    /// All conversations in one envelope.
    #[must_use]
    pub fn only(envelope: Envelope) -> Self {
        let share = |of| u32::from(envelope == of);
        Self {
            airship_api: share(Envelope::AirshipApi),
            airship_rtds: share(Envelope::AirshipRtds),
            superoffice: share(Envelope::SuperOffice),
        }
    }

    /// Sets the share of [`Envelope::AirshipApi`].
    #[must_use]
    pub fn airship_api(mut self, share: u32) -> Self {
        self.airship_api = share;
        self
    }

    /// Sets the share of [`Envelope::AirshipRtds`].
    #[must_use]
    pub fn airship_rtds(mut self, share: u32) -> Self {
        self.airship_rtds = share;
        self
    }

    /// Sets the share of [`Envelope::SuperOffice`].
    #[must_use]
    pub fn superoffice(mut self, share: u32) -> Self {
        self.superoffice = share;
        self
    }

    /// The sum of all shares.
    fn total(self) -> u64 {
        u64::from(self.airship_api) + u64::from(self.airship_rtds) + u64::from(self.superoffice)
    }

    /// The envelope of a conversation with these 64 random bits.
    pub(crate) fn envelope(self, bits: u64) -> Envelope {
        let position = bits % self.total().max(1);
        let api = u64::from(self.airship_api);
        if position < api {
            Envelope::AirshipApi
        } else if position < api + u64::from(self.airship_rtds) {
            Envelope::AirshipRtds
        } else {
            Envelope::SuperOffice
        }
    }
}

impl FromStr for Mix {
    type Err = UnknownEnvelope;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "airship-api" => Ok(Self::only(Envelope::AirshipApi)),
            "airship-rtds" => Ok(Self::only(Envelope::AirshipRtds)),
            "superoffice" => Ok(Self::only(Envelope::SuperOffice)),
            "mixed" => Ok(Self::default()),
            _ => Err(UnknownEnvelope { found: name.to_owned() }),
        }
    }
}

/// A name that is not one of [`Mix::NAMES`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("unknown envelope {found:?}, expected one of {}", Mix::NAMES.join(", "))]
pub struct UnknownEnvelope {
    /// The name.
    pub found: String,
}
