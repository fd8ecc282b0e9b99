//! For tests of sources, and of hosts that follow a log: a log in memory that misbehaves on request ([`Twin`]), the rules that
//! every source keeps ([`RULES`]), and a clock that only a test moves.

mod twin;
mod rules;
mod clock;
mod rejects;

pub use clock::DrivenClock;
pub use rejects::KeptRejects;
pub use rules::{RULES, Rule, Subject, departures};
pub use twin::{Twin, TwinSource, TwinSubject};
