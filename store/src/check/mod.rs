//! Checks of an open database against its own log.

pub mod audit;
pub mod verify;
mod shadow;
