//! The `convofold` command: event logs in, answers about conversations out.
//!
//! Everything it does is done by the crate `convofold`, which a host calls as well; here are only arguments, inputs,
//! tables and exit codes. Start at [`run`]; each command is one file in [`commands`], arguments and behaviour together.

#![forbid(unsafe_code)]

// In the order in which to read them.
pub mod exit;
pub mod error;
pub mod console;
pub mod commands;
pub mod database;
pub mod inputs;
pub mod interrupt;
pub mod output;
pub mod values;
mod cli;

pub use cli::{Cli, Command, run};
