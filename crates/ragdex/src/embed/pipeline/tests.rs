use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ragdex_core::{ContentHash, Passage, PassageId, Rows, Sha256};
use ragdex_models::{
    EncoderDescription, Encoding, Error as ModelError, PassageForm, Pooling, Precision,
};

use super::*;

/// An encoder whose vector is the length of the text. Refuses one word when tokenising and another when
/// computing, which it recognises by their lengths.
struct Lengths {
    description: EncoderDescription,
    /// How long a batch takes.
    pause: Duration,
}

/// Texts that make a stage fail.
const NO_TOKENS: &str = "tokenising ends here";
const NO_VECTOR: &str = "here computing comes to its end";

impl Lengths {
    fn new() -> Self {
        let description = EncoderDescription {
            id: "lengths".into(),
            revision: None,
            sha256: Sha256::of(b""),
            tokenizer_sha256: None,
            dim: 1,
            pooling: Pooling::Cls,
            normalize: false,
            scale: 1.0,
            max_tokens: 512,
            passage_form: PassageForm::Joined,
            passage_prompt: String::new(),
            question_prompt: String::new(),
            precision: Precision::F32,
        };
        Self {
            description,
            pause: Duration::ZERO,
        }
    }

    fn error(text: usize) -> ModelError {
        ModelError::Overflow {
            id: "lengths".into(),
            text,
        }
    }
}

impl Encoder for Lengths {
    fn dim(&self) -> usize {
        1
    }

    fn description(&self) -> &EncoderDescription {
        &self.description
    }

    fn prepare_passages(
        &self,
        passages: &[PassageText<'_>],
        _: &EncodeOptions<'_>,
    ) -> Result<Prepared, ModelError> {
        let encoding = |passage: &PassageText<'_>| match passage.text {
            NO_TOKENS => Err(Self::error(1)),
            text => Ok(Encoding {
                ids: vec![0; text.len()],
                type_ids: vec![0; text.len()],
            }),
        };
        passages.iter().map(encoding).collect()
    }

    fn prepare_questions(&self, _: &[&str], _: &EncodeOptions<'_>) -> Result<Prepared, ModelError> {
        Ok(Prepared::default())
    }

    fn encode(
        &self,
        texts: &Prepared,
        options: &EncodeOptions<'_>,
    ) -> Result<Vec<f32>, ModelError> {
        options.cancel.check()?;
        thread::sleep(self.pause);
        let length = |text| match texts.tokens(text).len() {
            length if length == NO_VECTOR.len() => Err(Self::error(2)),
            length => Ok(length as f32),
        };
        (0..texts.len()).map(length).collect()
    }
}

/// What became of all parts.
#[derive(Default)]
struct Log {
    finished: Mutex<Vec<Vec<f32>>>,
    read: AtomicUsize,
    written: AtomicUsize,
    /// Passages that were read and not yet written, at most.
    in_flight: AtomicUsize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fails {
    Never,
    Opening,
    Reading,
    Writing,
    Finishing,
}

struct Toy {
    texts: Vec<String>,
    log: &'static Log,
    fails: Fails,
    vectors: Vec<f32>,
}

/// An error that tells where it comes from.
fn error(fails: Fails) -> Error {
    Error::UnknownPreset {
        name: format!("{fails:?}"),
    }
}

impl Part for Toy {
    fn passages(&self) -> Result<Passages> {
        if self.fails == Fails::Opening {
            return Err(error(self.fails));
        }
        let (log, fails, last) = (self.log, self.fails, self.texts.len().saturating_sub(1));
        let texts = self.texts.clone().into_iter().enumerate();
        Ok(Box::new(texts.map(move |(row, text)| {
            if fails == Fails::Reading && row == last {
                return Err(error(fails));
            }
            let read = log.read.fetch_add(1, Ordering::SeqCst) + 1;
            let in_flight = read - log.written.load(Ordering::SeqCst);
            log.in_flight.fetch_max(in_flight, Ordering::SeqCst);
            Ok(PassageRecord {
                id: PassageId(row as u64),
                document: String::new(),
                passage: Passage {
                    text,
                    ..Passage::default()
                },
                hash: ContentHash::default(),
            })
        })))
    }

    fn push(&mut self, vectors: Vectors<'_>) -> Result<()> {
        if self.fails == Fails::Writing {
            return Err(error(self.fails));
        }
        let Rows::F32(values) = vectors.rows() else {
            panic!("encoders give single precision");
        };
        self.log.written.fetch_add(values.len(), Ordering::SeqCst);
        self.vectors.extend(values);
        Ok(())
    }

    fn finish(self) -> Result<()> {
        if self.fails == Fails::Finishing {
            return Err(error(self.fails));
        }
        self.log.finished.lock().unwrap().push(self.vectors);
        Ok(())
    }
}

/// Parts of so many passages; the lengths of their texts tell their places.
fn parts(log: &'static Log, sizes: &[usize]) -> Vec<Toy> {
    let part = |(number, size): (usize, &usize)| Toy {
        texts: (0..*size)
            .map(|row| "x".repeat((number + row) % 20))
            .collect(),
        log,
        fails: Fails::Never,
        vectors: Vec::new(),
    };
    sizes.iter().enumerate().map(part).collect()
}

fn log() -> &'static Log {
    Box::leak(Box::default())
}

fn run_all(parts: Vec<Toy>, encoder: &Lengths, options: &EncodeOptions<'_>) -> Result<()> {
    run(parts.into_iter().map(Ok), encoder, options)
}

fn expected(sizes: &[usize]) -> Vec<Vec<f32>> {
    let part = |(number, size): (usize, &usize)| {
        (0..*size).map(|row| ((number + row) % 20) as f32).collect()
    };
    sizes.iter().enumerate().map(part).collect()
}

#[test]
fn every_part_gets_its_vectors_in_row_order_and_is_finished_in_its_turn() {
    let sizes = [3, 0, 1, 5000, 2048, 2049, 0, 7];
    let log = log();
    run_all(
        parts(log, &sizes),
        &Lengths::new(),
        &EncodeOptions::default(),
    )
    .unwrap();
    assert_eq!(*log.finished.lock().unwrap(), expected(&sizes));
}

#[test]
fn no_part_is_no_work() {
    run_all(Vec::new(), &Lengths::new(), &EncodeOptions::default()).unwrap();
}

#[test]
fn the_error_of_any_stage_is_the_one_that_is_told() {
    for fails in [
        Fails::Opening,
        Fails::Reading,
        Fails::Writing,
        Fails::Finishing,
    ] {
        let log = log();
        let mut parts = parts(log, &[30, 3000, 3000, 9000]);
        parts[2].fails = fails;
        let found = run_all(parts, &Lengths::new(), &EncodeOptions::default()).unwrap_err();
        assert_eq!(found.to_string(), error(fails).to_string());
        let finished = log.finished.lock().unwrap();
        // Those before it may not have been reached.
        assert!(finished.len() <= 2, "{fails:?}");
        assert_eq!(*finished, expected(&[30, 3000])[..finished.len()]);
    }
    for (text, place) in [(NO_TOKENS, 1), (NO_VECTOR, 2)] {
        let mut parts = parts(log(), &[30, 9000, 3000]);
        parts[1].texts[5000] = text.into();
        let found = run_all(parts, &Lengths::new(), &EncodeOptions::default());
        let Err(Error::Models(ModelError::Overflow { text, .. })) = found else {
            panic!("{found:?}");
        };
        assert_eq!(text, place);
    }
}

#[test]
fn an_error_of_what_gives_the_parts_is_told_and_the_others_are_finished() {
    let log = log();
    let given = parts(log, &[30, 40]).into_iter().map(Ok);
    let given = given.chain([Err(error(Fails::Opening))]);
    let found = run(given, &Lengths::new(), &EncodeOptions::default()).unwrap_err();
    assert_eq!(found.to_string(), error(Fails::Opening).to_string());
    assert_eq!(*log.finished.lock().unwrap(), expected(&[30, 40]));
}

#[test]
fn a_request_to_stop_is_heard() {
    let log = log();
    let options = EncodeOptions::default();
    options.cancel.cancel();
    let found = run_all(parts(log, &[3000; 50]), &Lengths::new(), &options).unwrap_err();
    assert_eq!(found.kind(), crate::ErrorKind::Cancelled);
    assert!(log.finished.lock().unwrap().is_empty());
}

#[test]
fn reading_waits_for_computing() {
    let encoder = Lengths {
        pause: Duration::from_millis(5),
        ..Lengths::new()
    };
    let log = log();
    run_all(
        parts(log, &[1000; 100]),
        &encoder,
        &EncodeOptions::default(),
    )
    .unwrap();
    let in_flight = log.in_flight.load(Ordering::SeqCst);
    // A batch in the hands of each stage, and one before each but the first.
    assert!(in_flight <= 8 * BATCH_PASSAGES, "{in_flight}");
    assert_eq!(log.finished.lock().unwrap().len(), 100);
}
