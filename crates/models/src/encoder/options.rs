//! Options of opening and of running an encoder.

use std::fmt;
use std::num::NonZeroUsize;

use candle_core::Device;
use ragdex_core::Cancel;

use super::{PassageForm, Pooling, PrecisionChoice};

/// Settings that override what a checkpoint says of itself.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EncoderOptions {
    /// How token vectors become one. A checkpoint that is a bare BERT needs it.
    pub pooling: Option<Pooling>,
    /// How title and text are joined.
    pub passage_form: Option<PassageForm>,
    /// What is put before each passage; some models are published without the prompts that they were
    /// trained with, such as `passage: ` of E5.
    pub passage_prompt: Option<String>,
    /// What is put before each question, such as `query: `.
    pub question_prompt: Option<String>,
    /// Whether vectors are brought to length 1.
    pub normalize: Option<bool>,
    /// A factor on the vectors; 1 by default.
    pub scale: Option<f32>,
    /// The longest input in tokens; the model's own limits still hold.
    pub max_tokens: Option<usize>,
    /// Where the model runs; the processor by default, and when there is none. Of several devices each
    /// holds the weights, and takes batches from one queue.
    pub devices: Vec<Device>,
    /// What the matrix products compute in; `f32` by default.
    pub precision: PrecisionChoice,
    /// Whether own kernels compute on the CPU; otherwise candle's operations do, which are the
    /// reference, two to four times slower, and equal but for rounding. On by default.
    pub kernels: bool,
    /// Whether the processor computes as a GPU does, in padded batches by candle's operations. Slow: to try
    /// out what runs on a GPU. Off by default.
    pub padded: bool,
}

/// What computes the layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Computing {
    /// Own kernels on the processor.
    Kernels,
    /// candle's operations on the processor, text by text.
    Reference,
    /// candle's operations on any devices, in padded batches.
    Padded,
}

impl Default for EncoderOptions {
    fn default() -> Self {
        Self {
            pooling: None,
            passage_form: None,
            passage_prompt: None,
            question_prompt: None,
            normalize: None,
            scale: None,
            max_tokens: None,
            devices: vec![Device::Cpu],
            precision: PrecisionChoice::default(),
            kernels: true,
            padded: false,
        }
    }
}

impl EncoderOptions {
    /// The devices, at least one.
    pub(super) fn devices(&self) -> &[Device] {
        match &self.devices[..] {
            [] => &[Device::Cpu],
            devices => devices,
        }
    }

    /// What computes the layers.
    pub(super) fn computing(&self) -> Computing {
        let on_processor = self.devices.iter().all(Device::is_cpu);
        match (on_processor && !self.padded, self.kernels) {
            (false, _) => Computing::Padded,
            (true, true) => Computing::Kernels,
            (true, false) => Computing::Reference,
        }
    }

    /// The settings of the bundled encoder, whose file is a bare BERT: mean pooling, then length
    /// [`EncoderOptions::BUNDLED_SCALE`].
    pub fn bundled() -> Self {
        Self {
            pooling: Some(Pooling::Mean),
            passage_form: Some(PassageForm::Joined),
            normalize: Some(true),
            scale: Some(Self::BUNDLED_SCALE),
            ..Self::default()
        }
    }

    /// The length of the bundled encoder's vectors. Inner products of unit vectors, at most 1,
    /// would leave RAG's softmax over passages nearly flat; these are 25 times as large.
    pub const BUNDLED_SCALE: f32 = 5.0;
}

/// Options of one call of an encoder.
#[derive(Clone)]
#[non_exhaustive]
pub struct EncodeOptions<'a> {
    /// The threads to use; all by default.
    pub threads: Option<NonZeroUsize>,
    /// How many tokens one unit of work holds at most; a longer text is one of its own. `None` leaves it to
    /// what computes: [`EncodeOptions::DEFAULT_BATCH_TOKENS`] on the processor, where no vector depends on
    /// it; [`EncodeOptions::DEFAULT_DEVICE_BATCH_TOKENS`] on others, padding included.
    pub batch_tokens: Option<NonZeroUsize>,
    /// Stops the call between two units of work.
    pub cancel: Cancel,
    /// Hears of every unit of work that is done.
    pub on_progress: &'a (dyn Fn(Encoded) + Sync),
}

/// What one unit of work was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Encoded {
    /// Texts whose vectors are done.
    pub texts: usize,
    /// Their tokens, special ones included.
    pub tokens: usize,
    /// Places that were computed beside them and hold no token; 0 where sequences are packed.
    pub padding: usize,
}

impl EncodeOptions<'_> {
    /// Tokens of a unit of work on the processor: activations of a BERT-base batch stay within the
    /// second-level cache of one core. Between 256 and 1024 the speed differs by less than 5%.
    pub const DEFAULT_BATCH_TOKENS: NonZeroUsize = NonZeroUsize::new(512).expect("not 0");

    /// Tokens of a unit of work on a GPU, padding included: products of a few thousand rows leave most of
    /// a large one idle, and each batch costs a millisecond for starting its operations.
    pub const DEFAULT_DEVICE_BATCH_TOKENS: NonZeroUsize = NonZeroUsize::new(32_768).expect("not 0");
}

impl Default for EncodeOptions<'_> {
    fn default() -> Self {
        Self {
            threads: None,
            batch_tokens: None,
            cancel: Cancel::default(),
            on_progress: &|_| {},
        }
    }
}

impl fmt::Debug for EncodeOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodeOptions")
            .field("threads", &self.threads)
            .field("batch_tokens", &self.batch_tokens)
            .finish_non_exhaustive()
    }
}
