//! Work on all processors with results in order.

use std::thread;

use crossbeam_channel::bounded;

/// More threads would only wait for sled.
pub(crate) const MAX_THREADS: usize = 8;
/// Maximum number of results that wait to be taken, for all threads together.
const RESULTS_AHEAD: usize = 64;
/// The maximum number of successive numbers for the same thread. Neighbours are often stored together, and two threads would
/// both read them. No more than the results that wait for one thread.
pub(crate) const MAX_RUN: usize = RESULTS_AHEAD / MAX_THREADS;

/// Calls `work` with the numbers 0, 1, 2, ... on several threads and passes the results to `take` in that order. If
/// `take` stops early, the remaining work is skipped. If a thread cannot be started, the calling thread does its share.
pub(crate) fn in_order<T: Send, R>(
    count: usize,
    work: impl Fn(usize) -> T + Sync,
    take: impl FnOnce(&mut dyn Iterator<Item = T>) -> R,
) -> R {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS).min(count);
    if threads <= 1 {
        return take(&mut (0..count).map(work));
    }
    let run_length = count.div_ceil(threads).min(MAX_RUN);
    thread::scope(|scope| {
        // Each thread handles every n-th run of numbers and has a queue of its own.
        let mut queues: Vec<Box<dyn Iterator<Item = T>>> = (0..threads)
            .map(|first| {
                let (sender, receiver) = bounded(RESULTS_AHEAD / threads);
                let runs = (first * run_length..count).step_by(threads * run_length);
                let (work, numbers) = (&work, runs.flat_map(move |from| from..count.min(from + run_length)));
                let theirs = numbers.clone();
                let run = move || {
                    let _ = theirs.map(|number| sender.send(work(number))).take_while(Result::is_ok).count();
                };
                match thread::Builder::new().name("convofold-pages".to_owned()).spawn_scoped(scope, run) {
                    Ok(_) => Box::new(receiver.into_iter()) as Box<dyn Iterator<Item = T>>,
                    Err(_) => Box::new(numbers.map(work)),
                }
            })
            .collect();
        let mut results = (0..count).map_while(|number| queues.get_mut(number / run_length % threads)?.next());
        let taken = take(&mut results);
        // Dropping the receivers ends the threads that wait to send a result.
        drop(queues);
        taken
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_once() {
        for count in [0, 1, 2, 7, 1_000] {
            let results: Vec<_> = in_order(count, |number| number * 2, |results| results.collect());
            assert_eq!(results, (0..count).map(|number| number * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_nobody_takes_holds_nobody_up() {
        let first: Vec<_> = in_order(1_000_000, |number| number, |results| results.take(3).collect());
        assert_eq!(first, [0, 1, 2]);
    }
}
