//! The list of sources. [`source`](super::source) describes how to add one.

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
use super::source::{Claim, Object, Site, Source, Take, Understood};
use crate::json::{Fault, Name, Reader, Shape, Value, names};

// In the order in which field names are tried: the most frequent source is first. If two sources have equally strong
// claims on an object, the later one gets it (rule W6). The numbers are those of the C header and never change.
sources! {
    /// Airship Live Chat, in both envelopes.
    1 => Airship: airship::Airship if "airship";
    /// SuperOffice chat webhooks.
    2 => SuperOffice: superoffice::SuperOffice if "superoffice";
    /// A source for tests.
    99 => Helpdesk: helpdesk::Helpdesk if "test-source";
    /// convofold's own form, which can express every event: `{"convofold":1,...}`.
    3 => Convofold: convofold::Convofold;
}

/// Whether an object is a reject record: it has the key, and nothing that shows another source.
pub(super) fn is_reject(top: &[Value; TOP.len()]) -> bool {
    const SIGNS: [Name; 3] = names!["convofold_reject", "body", "Event"];
    const PLACES: [usize; SIGNS.len()] = list::places(&TOP, &SIGNS);
    let [reject, body, event] = list::values_at(top, &PLACES);
    !reject.is_missing() && body.shape != Shape::Object && matches!(event.shape, Shape::Missing | Shape::Null)
}
