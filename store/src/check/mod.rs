//! Checks of an open database against its own log.

pub mod audit;
pub mod verify;
mod shadow;

#[cfg(feature = "tracing")]
use crate::trace::tell;

/// Logs the result of a check of the whole database. Details about conversations are only in the report.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "used only by tracing"))]
pub(crate) fn checked(by: &str, problems: usize) {
    #[cfg(feature = "tracing")]
    if problems == 0 {
        tell!(info, by, "no problems found");
    } else {
        tell!(error, by, problems, "the database does not agree with its log");
    }
}
