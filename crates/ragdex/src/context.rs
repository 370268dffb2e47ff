//! What every call works with.

use std::fmt;
use std::num::NonZeroUsize;

use ragdex_core::{Cancel, Reporter};
use ragdex_models::{Device, DeviceChoice, Devices, EncodeOptions};

use crate::{Error, Result};

/// The surroundings of a call: nothing here changes a result, but for the rounding of vectors on GPUs.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The models inside the program, if it has any.
    pub bundled: Option<Bundled>,
    /// Hears of progress.
    pub reporter: &'a dyn Reporter,
    /// Stops the work.
    pub cancel: &'a Cancel,
    /// Where models run: passages on all of these devices, questions and the generator on the first.
    pub devices: &'a Devices,
    /// Threads to work with.
    pub threads: NonZeroUsize,
}

/// The devices of a context that names none.
static PROCESSOR: Devices = Devices::new(DeviceChoice::Cpu);

impl<'a> Context<'a> {
    /// No bundled models, the CPU, all cores.
    pub fn new(reporter: &'a dyn Reporter, cancel: &'a Cancel) -> Self {
        Self {
            bundled: None,
            reporter,
            cancel,
            devices: &PROCESSOR,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }

    /// The devices, opened by the first call.
    ///
    /// # Errors
    /// Those of [`Devices::open`].
    pub(crate) fn open_devices(&self) -> Result<&'a [Device]> {
        Ok(self.devices.open(self.reporter)?)
    }

    /// The device of questions and of the generator.
    pub(crate) fn first_device(&self) -> Result<Device> {
        let devices = self.open_devices()?;
        Ok(devices.first().cloned().unwrap_or(Device::Cpu))
    }

    pub(crate) fn encode_options(&self) -> EncodeOptions<'static> {
        let mut options = EncodeOptions::default();
        options.threads = Some(self.threads);
        options.cancel = self.cancel.clone();
        options
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("bundled", &self.bundled.is_some())
            .field("devices", &self.devices)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// Models inside the program, as the bytes of their files.
#[derive(Clone, Copy)]
pub struct Bundled {
    /// The weights of the encoder (8-bit safetensors with its configuration).
    pub encoder: &'static [u8],
    /// The weights of the generator, likewise. It may borrow tables of [`Bundled::ENCODER_FILE`].
    pub generator: &'static [u8],
    /// `tokenizer.json` of both.
    pub tokenizer: &'static [u8],
    /// `tokenizer_config.json` of both.
    pub tokenizer_config: &'static [u8],
}

impl Bundled {
    /// The name by which the weights of the generator know those of the encoder.
    pub const ENCODER_FILE: &str = "encoder-q8.safetensors";
}

/// Sizes the pool of threads that searching and generating share; once, before any other call.
///
/// # Errors
/// [`Error::Threads`] when the pool exists already or the system refuses.
pub fn set_threads(threads: NonZeroUsize) -> Result<()> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.get())
        .thread_name(|i| format!("ragdex-{i}"))
        .build_global()
        .map_err(|source| Error::Threads {
            threads: threads.get(),
            source,
        })
}
