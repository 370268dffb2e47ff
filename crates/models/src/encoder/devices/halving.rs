//! A device whose memory does not suffice for a batch.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Error;
use crate::padded::PaddedBatch;

/// What computes padded batches: a device that holds the weights, or what stands for one in tests.
pub(super) trait Compute: Sync {
    /// Makes ready for batches; `false` where it cannot and is not needed, as others are there.
    ///
    /// # Errors
    /// What loading weights gives.
    fn make_ready(&self) -> Result<bool, Error>;

    /// Computes a row for each text, one behind the other.
    ///
    /// # Errors
    /// [`Error::DeviceMemory`] where fewer texts might do; others.
    fn compute(&self, batch: &PaddedBatch<'_>) -> Result<Vec<f32>, Error>;
}

/// The largest batch that is tried, in tokens with padding: what was too large once is not tried again.
#[derive(Debug)]
pub(super) struct BatchLimit(AtomicUsize);

impl Default for BatchLimit {
    fn default() -> Self {
        Self(AtomicUsize::new(usize::MAX))
    }
}

impl BatchLimit {
    fn allows(&self, tokens: usize) -> bool {
        tokens <= self.0.load(Ordering::Relaxed)
    }

    /// Remembers that `tokens` were too many. Halves of as many are tried still, and batches that are but a
    /// little smaller are not.
    fn lower(&self, tokens: usize) {
        self.0.fetch_min(tokens / 4 * 3, Ordering::Relaxed);
    }

    /// Computes texts as one batch or, where memory does not suffice, as halves of it, and so on. Tells
    /// `on_done` of every batch that was computed.
    ///
    /// # Errors
    /// [`Error::DeviceMemory`] when it does not suffice for a single text; any other at once.
    pub(super) fn compute(
        &self,
        device: &dyn Compute,
        texts: &[&[u32]],
        on_done: &dyn Fn(&PaddedBatch<'_>),
    ) -> Result<Vec<f32>, Error> {
        let batch = PaddedBatch::new(texts);
        let tokens = batch.rows() * batch.length();
        if texts.len() <= 1 || self.allows(tokens) {
            match device.compute(&batch) {
                Ok(rows) => {
                    on_done(&batch);
                    return Ok(rows);
                }
                Err(Error::DeviceMemory { .. }) if texts.len() > 1 => self.lower(tokens),
                Err(error) => return Err(error),
            }
        }
        let (first, second) = texts.split_at(texts.len().div_ceil(2));
        let mut rows = self.compute(device, first, on_done)?;
        rows.extend(self.compute(device, second, on_done)?);
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::Mutex;

    use super::*;

    /// A device with memory for so many tokens, whose row of a text is its first token.
    struct Small {
        tokens: usize,
        tried: Mutex<Vec<usize>>,
    }

    impl Small {
        fn new(tokens: usize) -> Self {
            Self {
                tokens,
                tried: Mutex::default(),
            }
        }
    }

    impl Compute for Small {
        fn make_ready(&self) -> Result<bool, Error> {
            Ok(true)
        }

        fn compute(&self, batch: &PaddedBatch<'_>) -> Result<Vec<f32>, Error> {
            self.tried.lock().unwrap().push(batch.rows());
            if batch.rows() * batch.length() > self.tokens {
                return Err(Error::DeviceMemory {
                    device: "small".into(),
                    tokens: batch.rows() * batch.length(),
                    source: Box::new(candle_core::Error::Msg("full".into())),
                });
            }
            Ok(batch.texts().iter().map(|ids| ids[0] as f32).collect())
        }
    }

    fn texts(n: u32) -> Vec<Vec<u32>> {
        (0..n).map(|i| vec![i; 8]).collect()
    }

    fn run(limit: &BatchLimit, device: &Small, n: u32) -> (Result<Vec<f32>, Error>, Vec<usize>) {
        let texts = texts(n);
        let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let done = RefCell::new(Vec::new());
        let rows = limit.compute(device, &texts, &|batch| {
            done.borrow_mut().push(batch.rows())
        });
        (rows, done.into_inner())
    }

    #[test]
    fn batches_are_halved_until_they_fit_and_rows_keep_their_order() {
        for n in 1..40 {
            let (rows, done) = run(&BatchLimit::default(), &Small::new(5 * 8), n);
            let expected: Vec<f32> = (0..n).map(|i| i as f32).collect();
            assert_eq!(rows.unwrap(), expected);
            assert!(done.iter().all(|&rows| rows <= 5));
            assert_eq!(done.iter().sum::<usize>(), n as usize);
        }
    }

    #[test]
    fn what_was_too_large_once_is_not_tried_again() {
        let (limit, device) = (BatchLimit::default(), Small::new(4 * 8));
        let (_, done) = run(&limit, &device, 8);
        assert_eq!(done, [4, 4]);
        assert_eq!(*device.tried.lock().unwrap(), [8, 4, 4]);
        run(&limit, &device, 8).0.unwrap();
        assert_eq!(*device.tried.lock().unwrap(), [8, 4, 4, 4, 4]);
    }

    #[test]
    fn a_single_text_that_does_not_fit_is_an_error_with_a_remedy() {
        let (rows, done) = run(&BatchLimit::default(), &Small::new(7), 3);
        let error = rows.unwrap_err();
        assert!(
            matches!(error, Error::DeviceMemory { tokens: 8, .. }),
            "{error}"
        );
        assert!(
            error
                .hint()
                .is_some_and(|hint| hint.contains("--batch-tokens"))
        );
        assert!(done.is_empty());
    }

    /// A device that fails in another way.
    struct Broken;

    impl Compute for Broken {
        fn make_ready(&self) -> Result<bool, Error> {
            Ok(true)
        }

        fn compute(&self, _batch: &PaddedBatch<'_>) -> Result<Vec<f32>, Error> {
            Err(candle_core::Error::Msg("the bus is gone".into()).into())
        }
    }

    #[test]
    fn other_errors_are_not_tried_again() {
        let texts: [&[u32]; 2] = [&[1], &[2]];
        let result = BatchLimit::default().compute(&Broken, &texts, &|_| unreachable!());
        assert!(matches!(result, Err(Error::Candle(_))));
    }
}
