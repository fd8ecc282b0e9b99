//! Checks of an open database against its own log.

pub mod audit;
pub mod verify;
mod shadow;

#[cfg(feature = "tracing")]
use crate::trace::tell;

/// Tells what a check of the whole found. What it says of conversations is in its report alone.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "nobody is told"))]
pub(crate) fn checked(by: &str, problems: usize) {
    #[cfg(feature = "tracing")]
    if problems == 0 {
        tell!(info, by, "nothing is wrong");
    } else {
        tell!(error, by, problems, "the store is not what its log says");
    }
}
