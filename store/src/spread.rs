//! Work on all processors, with one result of each thread.

use std::iter;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::in_order::{MAX_RUN, MAX_THREADS};

/// The number of runs for each thread, so that all end at about the same time.
const RUNS: usize = 16;

/// Calls `work` with each number below `count` once, on several threads. Each thread has a state of its own, made by `new`.
/// Returns the states, or the first error of a thread; then the remaining work is skipped.
pub(crate) fn spread<S: Send, E: Send>(
    count: usize,
    new: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> Result<(), E> + Sync,
) -> Result<Vec<S>, E> {
    let threads = thread::available_parallelism().map_or(1, usize::from).clamp(1, MAX_THREADS);
    // Neighbours are often stored together, so a thread takes several.
    let run_length = (count / (threads * RUNS)).clamp(1, MAX_RUN);
    let next = AtomicUsize::new(0);
    let run = || {
        let mut state = new();
        loop {
            let first = next.fetch_add(run_length, Ordering::Relaxed);
            if first >= count {
                return Ok(state);
            }
            for number in first..count.min(first + run_length) {
                work(&mut state, number).inspect_err(|_| next.store(count, Ordering::Relaxed))?;
            }
        }
    };
    thread::scope(|scope| {
        let start = |_| thread::Builder::new().name("convofold-pages".to_owned()).spawn_scoped(scope, run).ok();
        let started: Vec<_> = (1..threads.min(count)).filter_map(start).collect();
        let own = run();
        let others = started.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        iter::once(own).chain(others).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_worked_on_once() {
        for count in [0, 1, 2, 7, 1_000] {
            let add = |numbers: &mut Vec<usize>, number| {
                numbers.push(number);
                Ok::<_, ()>(())
            };
            let mut numbers = spread(count, Vec::new, add).unwrap().concat();
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..count), "{count}");
        }
    }

    #[test]
    fn an_error_ends_the_work() {
        let worked = AtomicUsize::new(0);
        let work = |(): &mut (), number| {
            worked.fetch_add(1, Ordering::Relaxed);
            if number == 3 { Err(number) } else { Ok(()) }
        };
        assert_eq!(spread(usize::MAX / 2, || (), work), Err(3));
        assert!(worked.load(Ordering::Relaxed) < usize::MAX / 2);
    }
}
