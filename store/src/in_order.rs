//! Work on all processors with results in order.

use std::thread;

use crossbeam_channel::bounded;

/// More threads would only wait for sled.
const MAX_THREADS: usize = 8;
/// Maximum number of results that wait to be taken, for all threads together.
const RESULTS_AHEAD: usize = 64;

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
    thread::scope(|scope| {
        // Each thread handles every n-th number and has a queue of its own.
        let mut queues: Vec<Box<dyn Iterator<Item = T>>> = (0..threads)
            .map(|first| {
                let (sender, receiver) = bounded(RESULTS_AHEAD / threads);
                let (work, numbers) = (&work, (first..count).step_by(threads));
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
        let mut next = (0..threads).cycle();
        let results = std::iter::from_fn(|| queues.get_mut(next.next()?)?.next());
        let taken = take(&mut results.take(count));
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
        for count in [0, 1, 2, 1_000] {
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
