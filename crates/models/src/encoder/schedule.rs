//! Work items over threads, each computed by one.

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use ragdex_core::Cancel;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::EncodeOptions;
use crate::Error;

/// Runs `work` for the items `0..n_items` and returns the results in their order.
///
/// Items are independent and go to lanes of threads, as they become free. candle spreads each
/// product over the rayon pool it runs in; a lane is such a pool, of one thread as long as there
/// are enough items, so that there are no barriers within an item. A single item gets all threads.
pub(super) fn run<T: Send>(
    n_items: usize,
    options: &EncodeOptions<'_>,
    work: impl Fn(usize) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    if n_items == 0 {
        return Ok(Vec::new());
    }
    if n_items == 1 && options.threads.is_none() {
        options.cancel.check()?;
        return Ok(vec![work(0)?]);
    }
    let available = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = options.threads.map_or_else(available, NonZeroUsize::get);
    let n_lanes = threads.min(n_items);
    let queue = Queue::new(n_items, &options.cancel);
    let pools: Vec<ThreadPool> = (0..n_lanes)
        .map(|_| pool(threads / n_lanes))
        .collect::<Result<_, _>>()?;
    run_lanes(&pools, |pool| pool.install(|| queue.drain(&work)))
}

/// Items that lanes take one after another, until there are none or one of them fails.
pub(super) struct Queue<'a> {
    next: AtomicUsize,
    n_items: usize,
    cancel: &'a Cancel,
}

impl<'a> Queue<'a> {
    /// The items `0..n_items`.
    pub(super) fn new(n_items: usize, cancel: &'a Cancel) -> Self {
        Self {
            next: AtomicUsize::new(0),
            n_items,
            cancel,
        }
    }

    /// Takes items and gives their results with their numbers; called by each lane.
    pub(super) fn drain<T>(
        &self,
        work: impl Fn(usize) -> Result<T, Error>,
    ) -> Result<Vec<(usize, T)>, Error> {
        let mut done = Vec::new();
        loop {
            let item = self.next.fetch_add(1, Ordering::Relaxed);
            if item >= self.n_items {
                return Ok(done);
            }
            let cancelled = self.cancel.check().map_err(Error::from);
            match cancelled.and_then(|()| work(item)) {
                Ok(result) => done.push((item, result)),
                Err(error) => {
                    self.stop();
                    return Err(error);
                }
            }
        }
    }

    /// Leaves nothing to take.
    pub(super) fn stop(&self) {
        self.next.store(self.n_items, Ordering::Relaxed);
    }
}

/// Runs each lane in a thread of its own and returns the results of all in the order of the items.
pub(super) fn run_lanes<L: Sync, T: Send>(
    lanes: &[L],
    run: impl Fn(&L) -> Result<Vec<(usize, T)>, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let done = thread::scope(|scope| {
        let run = &run;
        let spawn = |lane| scope.spawn(move || run(lane));
        let handles: Vec<_> = lanes.iter().map(spawn).collect();
        let join = |handle: thread::ScopedJoinHandle<_>| match handle.join() {
            Ok(result) => result,
            Err(panic) => resume_unwind(panic),
        };
        handles
            .into_iter()
            .map(join)
            .collect::<Result<Vec<_>, Error>>()
    })?;
    let mut results: Vec<(usize, T)> = done.into_iter().flatten().collect();
    results.sort_unstable_by_key(|(item, _)| *item);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

fn pool(threads: usize) -> Result<ThreadPool, Error> {
    let name = |i: usize| format!("ragdex-encode-{i}");
    Ok(ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(name)
        .build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(threads: usize) -> EncodeOptions<'static> {
        EncodeOptions {
            threads: NonZeroUsize::new(threads),
            ..EncodeOptions::default()
        }
    }

    #[test]
    fn results_keep_the_order_of_items() {
        for threads in [1, 3, 8] {
            let squares = run(100, &options(threads), |i| Ok(i * i)).unwrap();
            assert_eq!(squares, (0..100).map(|i| i * i).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_lane_has_one_thread_when_items_suffice() {
        let widths = run(8, &options(4), |_| Ok(rayon::current_num_threads())).unwrap();
        assert_eq!(widths, [1; 8]);
        let widths = run(1, &options(4), |_| Ok(rayon::current_num_threads())).unwrap();
        assert_eq!(widths, [4]);
    }

    #[test]
    fn cancelling_stops_between_items() {
        let options = options(2);
        let done = AtomicUsize::new(0);
        let result = run(1000, &options, |i| {
            done.fetch_add(1, Ordering::Relaxed);
            if i == 5 {
                options.cancel.cancel();
            }
            Ok(())
        });
        assert!(matches!(result, Err(Error::Cancelled(_))));
        assert!(done.load(Ordering::Relaxed) < 1000);
    }
}
