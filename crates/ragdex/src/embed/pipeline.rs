//! Parts in, vectors out: one batch is read while the next is tokenised, another computed and one written.
//!
//! ```text
//! passages ──► reading ──► tokenising ──► computing ──► writing ──► vectors
//!              a thread    a thread that   the caller's   a thread
//!                          spreads over    thread, which
//!                          all cores       does likewise
//! ```
//!
//! Between two stages wait at most [`DEPTH`] batches: whichever is slower never lets the others run far
//! ahead, so memory is that of a few batches, whatever the corpus. The stages do not stop between two parts.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope, ScopedJoinHandle};

use ragdex_core::{Cancel, Vectors};
use ragdex_models::{EncodeOptions, Encoder, PassageText, Prepared};
use ragdex_store::PassageRecord;

use crate::{Error, Result};

/// Passages of a batch at most: enough work for all threads, and 6 MB of vectors of 768 dimensions.
const BATCH_PASSAGES: usize = 2048;

/// Bytes of text from which on a batch is full, for corpora of long passages.
const BATCH_BYTES: usize = 4 << 20;

/// Batches between two stages: one is being taken when the next is ready.
const DEPTH: usize = 1;

/// The passages of a part, in row order.
pub(crate) type Passages = Box<dyn Iterator<Item = Result<PassageRecord>>>;

/// A part whose vectors are to be made.
pub(crate) trait Part: Send {
    /// Streams its passages.
    fn passages(&self) -> Result<Passages>;

    /// Takes the vectors of the next passages.
    fn push(&mut self, vectors: Vectors<'_>) -> Result<()>;

    /// Takes note that these were all. Not called when anything went wrong.
    fn finish(self) -> Result<()>;
}

/// What goes from stage to stage: of each part its beginning, its batches in row order, its end.
enum Step<P, B> {
    Begin(P),
    Batch(B),
    End,
}

/// Title and text of some passages.
type Texts = Vec<(String, String)>;

/// Makes the vectors of parts, in their order.
///
/// `parts` is drawn from as reading goes on, from another thread. Stops at the first error of any stage; all
/// threads have ended when it returns, and parts that were not finished are dropped.
///
/// # Errors
/// Those of the parts and of the encoder; [`Error::Cancelled`] soon after `options.cancel` was called.
pub(crate) fn run<P: Part>(
    parts: impl Iterator<Item = Result<P>> + Send,
    encoder: &dyn Encoder,
    options: &EncodeOptions<'_>,
) -> Result<()> {
    let (to_tokenising, texts) = sync_channel(DEPTH);
    let (to_computing, tokens) = sync_channel(DEPTH);
    let (to_writing, vectors) = sync_channel(DEPTH);
    let cancel = &options.cancel;
    thread::scope(|scope| {
        let reading = spawn(scope, "read", move || read(parts, &to_tokenising, cancel))?;
        let tokenising = spawn(scope, "tokenise", move || {
            each(&texts, &to_computing, |texts: Texts| {
                Ok(encoder.prepare_passages(&borrow(&texts), options)?)
            })
        })?;
        let writing = spawn(scope, "write", move || write(&vectors, encoder.dim()))?;
        let computed = each(&tokens, &to_writing, |tokens: Prepared| {
            Ok(encoder.encode(&tokens, options)?)
        });
        // Closed, so that the others end: those before find no taker, the one behind finds no more.
        drop((tokens, to_writing));
        let [read, tokenised, written] = [reading, tokenising, writing].map(join);
        read.and(tokenised).and(computed).and(written)
    })
}

/// Starts a stage.
fn spawn<'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    stage: impl FnOnce() -> Result<()> + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, Result<()>>> {
    let named = thread::Builder::new().name(format!("ragdex-{name}"));
    let started = named.spawn_scoped(scope, stage);
    started.map_err(|source| Error::Thread { source })
}

fn join(stage: ScopedJoinHandle<'_, Result<()>>) -> Result<()> {
    match stage.join() {
        Ok(result) => result,
        Err(panic) => resume_unwind(panic),
    }
}

/// Reads the passages of parts in batches.
fn read<P: Part>(
    parts: impl Iterator<Item = Result<P>>,
    to: &SyncSender<Step<P, Texts>>,
    cancel: &Cancel,
) -> Result<()> {
    for part in parts {
        let part = part?;
        let mut passages = part.passages()?;
        // A stage that takes no more has failed, and tells why.
        if to.send(Step::Begin(part)).is_err() {
            return Ok(());
        }
        loop {
            cancel.check()?;
            let batch = next_batch(&mut passages)?;
            if batch.is_empty() {
                break;
            }
            if to.send(Step::Batch(batch)).is_err() {
                return Ok(());
            }
        }
        if to.send(Step::End).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// The next batch; empty at the end.
fn next_batch(passages: &mut Passages) -> Result<Texts> {
    let (mut batch, mut bytes) = (Texts::new(), 0);
    while batch.len() < BATCH_PASSAGES && bytes < BATCH_BYTES {
        let Some(record) = passages.next().transpose()? else {
            break;
        };
        let passage = record.passage;
        bytes += passage.title.len() + passage.text.len();
        batch.push((passage.title, passage.text));
    }
    Ok(batch)
}

fn borrow(texts: &[(String, String)]) -> Vec<PassageText<'_>> {
    texts
        .iter()
        .map(|(title, text)| PassageText { title, text })
        .collect()
}

/// Does the work of a stage on each batch.
fn each<P, A, B>(
    from: &Receiver<Step<P, A>>,
    to: &SyncSender<Step<P, B>>,
    work: impl Fn(A) -> Result<B>,
) -> Result<()> {
    for step in from {
        let step = match step {
            Step::Begin(part) => Step::Begin(part),
            Step::Batch(batch) => Step::Batch(work(batch)?),
            Step::End => Step::End,
        };
        if to.send(step).is_err() {
            break;
        }
    }
    Ok(())
}

/// Hands vectors to their parts. A part whose end does not come is dropped.
fn write<P: Part>(from: &Receiver<Step<P, Vec<f32>>>, dim: usize) -> Result<()> {
    let mut current = None;
    for step in from {
        match (step, &mut current) {
            (Step::Begin(part), _) => current = Some(part),
            (Step::Batch(vectors), Some(part)) => {
                part.push(Vectors::f32(&vectors, dim).expect("rows of the encoder's width"))?;
            }
            (Step::End, part) => part.take().map_or(Ok(()), Part::finish)?,
            (Step::Batch(_), None) => unreachable!("batches come behind a beginning"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
