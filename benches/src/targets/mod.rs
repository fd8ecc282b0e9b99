//! The targets P1 to P9 of `docs/benchmarks.md`, one file each.

pub mod cold;
pub mod disk;
pub mod disorder;
pub mod growth;
pub mod hostile;
pub mod live;
pub mod memory;
pub mod opening;
pub mod pages;
pub mod recovery;
pub mod replay;
mod scale;

pub use scale::Scale;

use crate::task::Task;

/// All functions that the targets call in a process of their own.
#[must_use]
pub fn tasks() -> Vec<Task> {
    vec![
        Task::new(replay::parse_log),
        Task::new(replay::replay_log),
        Task::new(replay::watch_log),
        Task::new(replay::replay_files),
        Task::new(recovery::leave),
        Task::new(recovery::fold),
        Task::new(opening::leave),
        Task::new(opening::open),
        Task::new(opening::leave_sqlite),
        Task::new(opening::open_sqlite),
        Task::new(cold::fill),
        Task::new(cold::open),
        Task::new(cold::read),
        Task::new(pages::ours),
        Task::new(pages::theirs),
        Task::new(memory::held),
        Task::new(memory::growing),
        Task::new(disk::used),
        Task::new(disk::used_by),
        Task::new(growth::course),
    ]
}
