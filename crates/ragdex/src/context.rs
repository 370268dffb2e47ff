//! What every call works with.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use ragdex_core::{Cancel, Reporter};
use ragdex_models::EncodeOptions;

use crate::{Error, Result};

/// The surroundings of a call: nothing here changes a result.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The models inside the program, if it has any.
    pub bundled: Option<Bundled>,
    /// Hears of progress.
    pub reporter: &'a dyn Reporter,
    /// Stops the work.
    pub cancel: &'a Cancel,
    /// Where models run.
    pub device: Device,
    /// Threads to work with.
    pub threads: NonZeroUsize,
}

impl<'a> Context<'a> {
    /// No bundled models, the CPU, all cores.
    pub fn new(reporter: &'a dyn Reporter, cancel: &'a Cancel) -> Self {
        Self {
            bundled: None,
            reporter,
            cancel,
            device: Device::Cpu,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
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
            .field("device", &self.device)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// Models inside the program, as the bytes of their files.
#[derive(Clone, Copy)]
pub struct Bundled {
    /// The weights of the encoder (8-bit safetensors with its configuration).
    pub encoder: &'static [u8],
    /// The weights of the generator, likewise.
    pub generator: &'static [u8],
    /// `tokenizer.json` of both.
    pub tokenizer: &'static [u8],
    /// `tokenizer_config.json` of both.
    pub tokenizer_config: &'static [u8],
}

/// Where models run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
}

/// A device that this program cannot use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// A device whose support is not compiled in.
    #[error("this program is built without support for `{name}`; `cpu` or `auto` expected")]
    NotCompiledIn {
        /// The device.
        name: String,
    },
    /// No such device.
    #[error("`cpu`, `cuda`, `metal` or `auto` expected, found `{name}`")]
    Unknown {
        /// The text.
        name: String,
    },
}

impl FromStr for Device {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let kind = name.split(':').next().unwrap_or(name);
        match kind {
            "auto" | "cpu" if kind == name => Ok(Self::Cpu),
            "cuda" | "metal" => Err(DeviceError::NotCompiledIn { name: name.into() }),
            _ => Err(DeviceError::Unknown { name: name.into() }),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named() {
        assert_eq!("auto".parse(), Ok(Device::Cpu));
        assert_eq!("cpu".parse(), Ok(Device::Cpu));
        for name in ["cuda", "cuda:0,1", "metal"] {
            let error = DeviceError::NotCompiledIn { name: name.into() };
            assert_eq!(name.parse::<Device>(), Err(error));
        }
        for name in ["", "abacus", "cpu:1"] {
            let error = DeviceError::Unknown { name: name.into() };
            assert_eq!(name.parse::<Device>(), Err(error));
        }
    }
}
