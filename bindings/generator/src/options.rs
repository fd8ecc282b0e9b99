//! What to generate.

use std::fmt;
use std::io;
use std::str::FromStr;

/// 2021-07-29T05:11:08.595Z, the moment of the samples in Airship's documentation.
const DEFAULT_START_MS: i64 = 1_627_535_468_595;

/// 9000-01-01: leaves a thousand years of room before the four-digit years end.
const LATEST_START_MS: i64 = 221_845_392_000_000;

/// What to generate; every field has a default.
///
/// Chances are numbers from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateOptions {
    /// How many different events to make. Default 10,000.
    pub events: u64,
    /// Which of the many possible logs to make. Default 1.
    pub seed: u64,
    /// How the conversations are shared out among the envelopes. Default: all three alike.
    pub mix: Mix,
    /// How many agents there are, over all tenants; each tenant gets at least one. Default 20.
    pub agents: u32,
    /// How many businesses there are. Default 3.
    pub tenants: u32,
    /// How many conversations are talked in at once, on average; sets how often a new one begins. Default 200.
    ///
    /// Never more than four times as many are held in memory; beyond that, new ones wait.
    pub in_flight: u32,
    /// When the log begins, in milliseconds since the epoch. Default 2021-07-29T05:11:08.595Z.
    pub start_ms: i64,
    /// The share of Airship conversations that go over SMS, the others over the app. Default 0.35.
    pub sms: f64,
    /// The chance that a conversation is begun by a member who was there before. Default 0.2.
    pub returning: f64,
    /// The chance that a conversation is handed to another agent. Default 0.08.
    pub transfer: f64,
    /// The chance that a conversation goes back to the queue and is taken again. Default 0.02.
    pub requeue: f64,
    /// The chance that no agent ever answers. Default 0.02.
    pub abandon: f64,
    /// The chance, after a message, of an event that changes nothing but the activity. Default 0.03.
    pub updates: f64,
    /// The chance that a conversation is never closed. Default 0.06.
    pub leave_open: f64,
    /// The chance that a closed conversation is opened again. Default 0.05.
    pub reopen: f64,
    /// What goes wrong in delivery. Default: nothing.
    pub faults: Faults,
}

impl Default for GenerateOptions {
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

impl GenerateOptions {
    /// Tells what makes no sense, by the name of the field.
    pub(super) fn check(&self) -> io::Result<()> {
        let counts = [("agents", self.agents), ("tenants", self.tenants), ("in_flight", self.in_flight)];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(invalid(format!("{name} must be at least 1")));
        }
        let chances = [
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
        if let Some((name, chance)) = chances.iter().find(|(_, c)| !(0.0..=1.0).contains(c)) {
            return Err(invalid(format!("{name} must lie between 0 and 1, not {chance}")));
        }
        if !(1..=LATEST_START_MS).contains(&self.start_ms) {
            return Err(invalid(format!("start_ms must lie between 1 and {LATEST_START_MS}, not {}", self.start_ms)));
        }
        if self.mix.total() == 0 {
            return Err(invalid("the mix has no share for any envelope".to_owned()));
        }
        Ok(())
    }

    /// [`GenerateOptions::start_ms`] as the generator counts; checked before.
    pub(super) fn start(&self) -> u64 {
        u64::try_from(self.start_ms).unwrap_or(1)
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

/// What goes wrong in delivery. The events themselves stay the same.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Faults {
    /// The chance that an event is delivered a second time, byte for byte, a little later.
    pub duplicates: f64,
    /// How many events may overtake an event, at most; 0 keeps the order.
    pub shuffle: u32,
    /// The chance, after an event, of a line that is no event.
    pub garbage: f64,
    /// The chance that the first message arrives before the event that opens its conversation.
    pub message_first: f64,
}

impl Faults {
    /// Whether delivery is perfect.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.shuffle == 0 && self.duplicates <= 0.0 && self.garbage <= 0.0 && self.message_first <= 0.0
    }
}

/// The form in which the events of one conversation are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// Airship, as sent to the Custom Events API: `{occurred, user, body}`.
    AirshipApi,
    /// Airship, as delivered by Real-Time Data Streaming: `{id, offset, occurred, processed, device, type, body}`.
    AirshipRtds,
    /// SuperOffice chat webhooks.
    SuperOffice,
}

/// Shares of conversations by envelope, relative to each other.
///
/// Parses from `airship-api`, `airship-rtds`, `superoffice` and `mixed`:
///
/// ```text
/// "superoffice".parse() == Ok(Mix::only(Envelope::SuperOffice))
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    /// The share of [`Envelope::AirshipApi`].
    pub airship_api: u32,
    /// The share of [`Envelope::AirshipRtds`].
    pub airship_rtds: u32,
    /// The share of [`Envelope::SuperOffice`].
    pub superoffice: u32,
}

impl Default for Mix {
    fn default() -> Self {
        Self { airship_api: 1, airship_rtds: 1, superoffice: 1 }
    }
}

impl Mix {
    /// The words that a [`Mix`] can be parsed from.
    pub const NAMES: [&'static str; 4] = ["airship-api", "airship-rtds", "superoffice", "mixed"];

    /// Everything in one envelope.
    #[must_use]
    pub fn only(envelope: Envelope) -> Self {
        let share = |of| u32::from(envelope == of);
        Self {
            airship_api: share(Envelope::AirshipApi),
            airship_rtds: share(Envelope::AirshipRtds),
            superoffice: share(Envelope::SuperOffice),
        }
    }

    /// All shares together.
    fn total(self) -> u64 {
        u64::from(self.airship_api) + u64::from(self.airship_rtds) + u64::from(self.superoffice)
    }

    /// The envelope that falls to a conversation for which 64 random `bits` were drawn.
    pub(super) fn envelope(self, bits: u64) -> Envelope {
        let place = bits % self.total().max(1);
        let api = u64::from(self.airship_api);
        if place < api {
            Envelope::AirshipApi
        } else if place < api + u64::from(self.airship_rtds) {
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
            _ => Err(UnknownEnvelope(name.to_owned())),
        }
    }
}

/// A word that names no envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownEnvelope(pub String);

impl fmt::Display for UnknownEnvelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown envelope {:?}, expected one of {}", self.0, Mix::NAMES.join(", "))
    }
}

impl std::error::Error for UnknownEnvelope {}
