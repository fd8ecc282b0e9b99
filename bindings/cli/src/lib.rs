//! The `convofold` command.
//!
//! The crate `convofold`, which hosts use as well, does the work. This crate contains arguments, inputs, tables and exit
//! codes. Start at [`run`]; each command is one file in [`commands`] with its arguments and its behaviour.

#![forbid(unsafe_code)]

// In the order in which to read them.
pub mod exit;
pub mod error;
pub mod console;
pub mod commands;
pub mod agent_names;
pub mod opened;
pub mod changes;
pub mod care;
#[cfg(feature = "serve")]
mod client_error;
#[cfg(feature = "cluster")]
pub mod across;
#[cfg(feature = "cluster")]
pub mod owners;
pub mod personal;
pub mod database;
pub mod past;
pub mod inputs;
pub mod rejects;
pub mod interrupt;
pub mod output;
pub mod parsing;
pub mod values;
mod cli;

pub use cli::{Cli, Command, run};
