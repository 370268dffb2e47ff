//! Work on several threads whose results come in the order of the input.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

/// Items in flight for each thread: one being worked on, one waiting so that no thread idles.
const QUEUED_PER_THREAD: usize = 2;

/// Applies `work` to each item on `threads` threads and gives the results in order.
///
/// With one thread everything happens on the caller's, when a result is asked for. Otherwise a
/// further thread draws the items, at most [`QUEUED_PER_THREAD`] ahead for each worker. Dropping the
/// iterator lets the threads end at their next hand-over; it does not wait for them, since one may
/// wait for standard input.
///
/// # Panics
/// The iterator panics when `work` or the input did.
pub(crate) fn map<I, T, F>(threads: usize, items: I, work: F) -> Box<dyn Iterator<Item = T> + Send>
where
    I: Iterator + Send + 'static,
    I::Item: Send + 'static,
    T: Send + 'static,
    F: Fn(I::Item) -> T + Send + Sync + 'static,
{
    if threads <= 1 {
        return Box::new(items.map(work));
    }
    let depth = threads * QUEUED_PER_THREAD;
    let (send_task, tasks) = bounded(depth);
    let (send_slot, slots) = bounded(depth);
    let work = Arc::new(work);
    let mut handles = vec![thread::spawn(move || deal(items, &send_task, &send_slot))];
    handles.extend((0..threads).map(|_| {
        let (tasks, work) = (tasks.clone(), Arc::clone(&work));
        thread::spawn(move || {
            for (item, slot) in tasks {
                // The receiver is gone once nobody wants results any more.
                let _: Result<(), _> = Sender::send(&slot, work(item));
            }
        })
    }));
    Box::new(Results { slots, handles })
}

/// Gives each item to the workers and the place of its result to the caller, in order.
fn deal<I: Iterator, T>(
    items: I,
    tasks: &Sender<(I::Item, Sender<T>)>,
    slots: &Sender<Receiver<T>>,
) {
    for item in items {
        let (send, slot) = bounded(1);
        if slots.send(slot).is_err() || tasks.send((item, send)).is_err() {
            return;
        }
    }
}

struct Results<T> {
    slots: Receiver<Receiver<T>>,
    handles: Vec<JoinHandle<()>>,
}

impl<T> Iterator for Results<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let result = self.slots.recv().ok().and_then(|slot| slot.recv().ok());
        if result.is_none() {
            self.join();
        }
        result
    }
}

impl<T> Results<T> {
    /// Ends the threads; a panic of one of them goes on here, so that it cannot pass for the end.
    fn join(&mut self) {
        let (_, closed) = bounded(0);
        self.slots = closed;
        for handle in self.handles.drain(..) {
            if let Err(panic) = handle.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        for threads in [1, 2, 7] {
            let squares = map(threads, 0..1000u64, |n| {
                if n % 13 == 0 {
                    thread::yield_now();
                }
                n * n
            });
            assert!(squares.eq((0..1000).map(|n| n * n)), "{threads} threads");
        }
    }

    #[test]
    fn an_iterator_that_is_dropped_stops_its_threads() {
        let (send, dropped) = bounded::<()>(0);
        let items = (0..).inspect(move |_: &u32| {
            let _ = &send;
        });
        let mut results = map(2, items, |n| n);
        assert_eq!(results.next(), Some(0));
        drop(results);
        assert!(dropped.recv().is_err(), "the thread still holds the items");
    }

    #[test]
    #[should_panic(expected = "seventh")]
    fn a_panic_is_not_an_end() {
        map(2, 0..20, |n| assert!(n != 7, "seventh")).for_each(drop);
    }
}
