//! The list of sources; [`source`](super::source) tells how to add one.

#[macro_use]
mod list;
#[cfg(feature = "airship")]
mod airship;
pub(super) mod convofold;
#[cfg(feature = "test-source")]
mod helpdesk;
#[cfg(feature = "superoffice")]
mod superoffice;

use super::fields::Checked;
use super::source::{Claim, Object, Site, Source, Understood};
use crate::json::{Fault, Name, Reader, Value};

// In the order in which an object's field names are tried: the most frequent source first. Where two sources claim an object
// equally, the one further down gets it (rule W6). The numbers are those of the C header and never change.
sources! {
    /// Airship Live Chat, in both envelopes.
    1 => Airship: airship::Airship if "airship";
    /// SuperOffice chat webhooks.
    2 => SuperOffice: superoffice::SuperOffice if "superoffice";
    /// A source for tests.
    99 => Helpdesk: helpdesk::Helpdesk if "test-source";
    /// convofold's own form, in which every event can be written and read back: `{"convofold":1,...}`.
    3 => Convofold: convofold::Convofold;
}
