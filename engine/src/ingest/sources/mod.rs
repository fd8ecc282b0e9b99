//! The sources whose events are read.

#[cfg(feature = "airship")]
pub(super) mod airship;
pub(super) mod convofold;
#[cfg(feature = "superoffice")]
pub(super) mod superoffice;
