//! Interaction types that an operator chooses to ignore (rule W5).

use std::str::FromStr;
use std::sync::Arc;

/// The interaction types that have a meaning (rule W1).
const KNOWN: [&str; 6] = ["convo_open", "convo_close", "sms_in", "sms_out", "app_in", "app_out"];

/// Unknown values of Airship's `interaction_type` that are ignored instead of rejected (rule W5). The value is the
/// reason under which such an event is counted.
///
/// ```
/// use convofold_engine::ingest::IgnoreList;
///
/// let ignored: IgnoreList = "typing_start,convo_snooze".parse()?;
/// assert!(ignored.contains("convo_snooze"));
/// assert!("convo_open".parse::<IgnoreList>().is_err());
/// # Ok::<_, convofold_engine::ingest::IgnoreListError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IgnoreList(Arc<[Box<str>]>);

/// An interaction type that cannot be ignored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IgnoreListError {
    /// It has a meaning, so that ignoring it would lose events.
    #[error("{found:?} is a known interaction type and cannot be ignored")]
    Known {
        /// The given type.
        found: String,
    },
    /// It is empty.
    #[error("an interaction type to ignore must not be empty")]
    Empty,
}

impl IgnoreList {
    /// A list of these interaction types.
    ///
    /// # Errors
    /// [`IgnoreListError`] if one of them is known or empty.
    pub fn new(types: impl IntoIterator<Item = impl Into<Box<str>>>) -> Result<Self, IgnoreListError> {
        let check = |interaction: Box<str>| match &*interaction {
            "" => Err(IgnoreListError::Empty),
            known if KNOWN.contains(&known) => Err(IgnoreListError::Known { found: known.to_owned() }),
            _ => Ok(interaction),
        };
        types.into_iter().map(|interaction| check(interaction.into())).collect::<Result<_, _>>().map(Self)
    }

    /// Whether this interaction type is ignored.
    #[must_use]
    pub fn contains(&self, interaction: &str) -> bool {
        self.find(interaction).is_some()
    }

    /// The interaction type as the list holds it.
    pub(super) fn find(&self, interaction: &str) -> Option<&str> {
        self.0.iter().find(|ignored| ***ignored == *interaction).map(|ignored| &**ignored)
    }
}

impl FromStr for IgnoreList {
    type Err = IgnoreListError;

    /// Names, separated by commas.
    fn from_str(names: &str) -> Result<Self, IgnoreListError> {
        Self::new(names.split(',').map(str::trim))
    }
}
