//! Several devices, or several handles to one, that take batches from one queue.

use super::batches::{by_length, in_input_order};
use super::halving::{BatchLimit, Compute};
use crate::Error;
use crate::encoder::schedule::{Queue, run_lanes};
use crate::encoder::{EncodeOptions, Encoded, Prepared};
use crate::padded::PaddedBatch;

/// What computes batches, at least one; each in a thread of its own.
#[derive(Debug)]
pub(super) struct Lanes<C> {
    lanes: Vec<C>,
    limit: BatchLimit,
}

impl<C: Compute> Lanes<C> {
    pub(super) fn new(lanes: Vec<C>) -> Self {
        Self {
            lanes,
            limit: BatchLimit::default(),
        }
    }

    /// Computes the vectors of texts, row-major, in their order. `finish` makes vectors of the rows that a
    /// device gave for so many texts.
    ///
    /// Which texts share a batch depends on all texts of the call and on the budget, not on the number of
    /// lanes or their speed.
    ///
    /// # Errors
    /// Those of [`Compute`]; [`Error::Cancelled`].
    pub(super) fn encode(
        &self,
        texts: &Prepared,
        options: &EncodeOptions<'_>,
        finish: impl Fn(Vec<f32>, usize) -> Result<Vec<f32>, Error> + Sync,
    ) -> Result<Vec<f32>, Error> {
        let lengths: Vec<usize> = (0..texts.len()).map(|i| texts.tokens(i).len()).collect();
        let batches = by_length(&lengths, budget(options));
        let queue = Queue::new(batches.len(), &options.cancel);
        let n_lanes = self.lanes.len().min(batches.len());
        let vectors = run_lanes(&self.lanes[..n_lanes], |lane| {
            if !ready(lane, &queue)? {
                return Ok(Vec::new());
            }
            queue.drain(|i| {
                let texts: Vec<&[u32]> = batches[i].iter().map(|&i| texts.tokens(i)).collect();
                let on_done = |batch: &PaddedBatch<'_>| (options.on_progress)(encoded(batch));
                finish(self.limit.compute(lane, &texts, &on_done)?, texts.len())
            })
        })?;
        Ok(in_input_order(&batches, &vectors))
    }
}

/// Makes a lane ready; where that fails, the others stop too.
fn ready(lane: &impl Compute, queue: &Queue<'_>) -> Result<bool, Error> {
    lane.make_ready().inspect_err(|_| queue.stop())
}

fn budget(options: &EncodeOptions<'_>) -> usize {
    let usual = EncodeOptions::DEFAULT_DEVICE_BATCH_TOKENS;
    options.batch_tokens.unwrap_or(usual).get()
}

fn encoded(batch: &PaddedBatch<'_>) -> Encoded {
    Encoded {
        texts: batch.rows(),
        tokens: batch.n_tokens(),
        padding: batch.padding(),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::sync::Mutex;

    use ragdex_core::Cancel;

    use super::*;
    use crate::Encoding;

    /// A device whose row of a text is its first token and its length.
    #[derive(Default)]
    struct Pretended {
        is_absent: bool,
        is_broken: bool,
        /// Memory in tokens.
        tokens: Option<usize>,
        /// Stops the call at the first batch.
        cancel: Option<Cancel>,
        rows: Mutex<Vec<usize>>,
    }

    impl Compute for Pretended {
        fn make_ready(&self) -> Result<bool, Error> {
            if self.is_broken {
                return Err(candle_core::Error::Msg("no power".into()).into());
            }
            Ok(!self.is_absent)
        }

        fn compute(&self, batch: &PaddedBatch<'_>) -> Result<Vec<f32>, Error> {
            self.cancel.iter().for_each(Cancel::cancel);
            let tokens = batch.rows() * batch.length();
            if self.tokens.is_some_and(|most| tokens > most) {
                return Err(Error::DeviceMemory {
                    device: "pretended".into(),
                    tokens,
                    source: Box::new(candle_core::Error::Msg("full".into())),
                });
            }
            self.rows.lock().unwrap().push(batch.rows());
            let row = |ids: &&[u32]| [ids[0] as f32, ids.len() as f32];
            Ok(batch.texts().iter().flat_map(row).collect())
        }
    }

    /// Texts of mixed lengths; the first token is the number of the text.
    fn texts(n: u32) -> Prepared {
        let ids = |text: u32| vec![text; 1 + (text * 37 % 50) as usize];
        let texts = (0..n).map(|text| Encoding {
            ids: ids(text),
            type_ids: Vec::new(),
        });
        texts.collect()
    }

    fn expected(texts: &Prepared) -> Vec<f32> {
        let row = |text: usize| [text as f32, texts.tokens(text).len() as f32];
        (0..texts.len()).flat_map(row).collect()
    }

    fn options(on_progress: &(dyn Fn(Encoded) + Sync)) -> EncodeOptions<'_> {
        EncodeOptions {
            batch_tokens: NonZeroUsize::new(256),
            on_progress,
            ..EncodeOptions::default()
        }
    }

    fn run(devices: Vec<Pretended>, texts: &Prepared) -> Result<Vec<f32>, Error> {
        Lanes::new(devices).encode(texts, &options(&|_| {}), |rows, _| Ok(rows))
    }

    #[test]
    fn any_number_of_devices_gives_the_vectors_in_input_order() {
        for n_texts in [0, 1, 2, 300] {
            let texts = texts(n_texts);
            for n in [1, 2, 5] {
                let devices = (0..n).map(|_| Pretended::default()).collect();
                assert_eq!(run(devices, &texts).unwrap(), expected(&texts));
            }
        }
    }

    #[test]
    fn devices_without_memory_halve_what_others_compute_whole() {
        let texts = texts(300);
        let small = || Pretended {
            tokens: Some(100),
            ..Pretended::default()
        };
        let devices = vec![Pretended::default(), small(), small()];
        assert_eq!(run(devices, &texts).unwrap(), expected(&texts));
        let tiny = Pretended {
            tokens: Some(40),
            ..Pretended::default()
        };
        let error = run(vec![tiny], &texts).unwrap_err();
        assert!(matches!(error, Error::DeviceMemory { .. }), "{error}");
    }

    #[test]
    fn a_lane_that_is_not_needed_leaves_its_batches_to_others() {
        let texts = texts(300);
        let absent = Pretended {
            is_absent: true,
            ..Pretended::default()
        };
        let devices = vec![Pretended::default(), absent];
        assert_eq!(run(devices, &texts).unwrap(), expected(&texts));
    }

    #[test]
    fn one_broken_device_ends_the_call() {
        let broken = Pretended {
            is_broken: true,
            ..Pretended::default()
        };
        let result = run(vec![Pretended::default(), broken], &texts(300));
        assert!(matches!(result, Err(Error::Candle(_))));
    }

    #[test]
    fn progress_counts_texts_tokens_and_padding_of_what_was_computed() {
        let texts = texts(300);
        let small = Pretended {
            tokens: Some(100),
            ..Pretended::default()
        };
        let total = Mutex::new(Encoded::default());
        let add = |done: Encoded| {
            let mut total = total.lock().unwrap();
            total.texts += done.texts;
            total.tokens += done.tokens;
            total.padding += done.padding;
        };
        let lanes = Lanes::new(vec![small]);
        let rows = lanes.encode(&texts, &options(&add), |rows, _| Ok(rows));
        assert_eq!(rows.unwrap(), expected(&texts));
        let total = total.into_inner().unwrap();
        assert_eq!((total.texts, total.tokens), (300, texts.n_tokens()));
        assert!(
            total.padding > 0 && total.padding < total.tokens,
            "{total:?}"
        );
    }

    #[test]
    fn cancelling_stops_between_batches() {
        let texts = texts(300);
        let options = options(&|_| {});
        let device = Pretended {
            cancel: Some(options.cancel.clone()),
            ..Pretended::default()
        };
        let lanes = Lanes::new(vec![device]);
        let result = lanes.encode(&texts, &options, |rows, _| Ok(rows));
        assert!(matches!(result, Err(Error::Cancelled(_))));
        assert_eq!(lanes.lanes[0].rows.lock().unwrap().len(), 1);
    }
}
