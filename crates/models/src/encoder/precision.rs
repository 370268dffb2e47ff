//! The arithmetic of an encoder.

use std::fmt;
use std::str::FromStr;

use candle_core::Device;
use ragdex_kernels::InstructionSet;
use serde::{Deserialize, Serialize};

use super::EncoderOptions;
use super::options::Computing;
use crate::Error;

/// What the matrix products of an encoder compute in; all else is single precision on a processor, and
/// of the same precision, with sums in `f32`, on a GPU.
///
/// Every processor computes each of them, and the same input gives the same bits on one machine
/// whatever is encoded beside it; GPUs compute all but `int8`. Vectors of two precisions lie close to each other, but questions
/// are best encoded in the precision of the passages: the description records it.
///
/// | precision | memory of weights | cosine to `f32` | speed |
/// | --- | --- | --- | --- |
/// | `f32` | all | 1 | the measure |
/// | `f16` | half | 0.9999999 | the same; less to read from memory for a single question |
/// | `bf16` | half | 0.99999 | higher on AMD from Zen 4, lower elsewhere |
/// | `int8` | a quarter | 0.999 | several times as high with VNNI; near passages change places |
///
/// Figures, and how they were measured, are in `benches/README.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Precision {
    /// Single precision throughout.
    #[default]
    F32,
    /// Weights in half precision.
    F16,
    /// Weights and activations in bfloat16.
    Bf16,
    /// Weights and activations in bytes, with scales for each row.
    Int8,
}

impl Precision {
    /// All precisions, the most exact first.
    pub const ALL: [Self; 4] = [Self::F32, Self::F16, Self::Bf16, Self::Int8];

    /// The name in options, manifests and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }

    /// What the kernels call it.
    pub(crate) fn of_kernels(self) -> ragdex_kernels::Precision {
        match self {
            Self::F32 => ragdex_kernels::Precision::F32,
            Self::F16 => ragdex_kernels::Precision::F16,
            Self::Bf16 => ragdex_kernels::Precision::Bf16,
            Self::Int8 => ragdex_kernels::Precision::Int8,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no precision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`f32`, `f16`, `bf16`, `int8` or `auto` expected, found `{found}`")]
pub struct UnknownPrecision {
    /// The text.
    pub found: String,
}

impl FromStr for Precision {
    type Err = UnknownPrecision;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|known| known.name() == text);
        named.ok_or_else(|| UnknownPrecision { found: text.into() })
    }
}

/// The precision that a user asks for: one by name, or `auto`.
///
/// `auto` is the fastest precision that passed on a trained model (`benches/README.md`): every cosine
/// to single precision at least 0.9999, and 99.5 % of the best, the best 5 and the best 20 passages
/// the same. `f16` and `bf16` pass, `int8` does not. Where the processor multiplies pairs of bfloat16
/// as fast as single numbers, `bf16` is taken; on other processors `f32`, since `f16` is no faster. On GPUs
/// it is `f16`, which every one of them multiplies faster than `f32` and which passes there too, activations
/// included. Record what was taken: another machine may take another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrecisionChoice {
    /// This one.
    Exact(Precision),
    /// The fastest that loses nothing.
    Auto,
}

impl PrecisionChoice {
    /// Whether devices compute in this precision; the processor does in all.
    pub fn is_computed_by(self, devices: &[Device]) -> bool {
        let on_processor = devices.iter().all(Device::is_cpu);
        match self {
            Self::Exact(precision) => on_processor || PADDED.contains(&precision),
            Self::Auto => true,
        }
    }

    /// The name of [`PrecisionChoice::Auto`].
    const AUTO: &'static str = "auto";

    /// Decides what `options` lead to on this machine.
    ///
    /// # Errors
    /// [`Error::Precision`] for what the device does not compute.
    pub(super) fn resolve(options: &EncoderOptions) -> Result<Precision, Error> {
        match options.precision {
            Self::Exact(precision) => check(precision, options),
            Self::Auto => Ok(fastest(options)),
        }
    }
}

/// The precisions of [`Computing::Padded`].
const PADDED: [Precision; 3] = [Precision::F32, Precision::F16, Precision::Bf16];

/// Refuses a precision that what computes does not have.
fn check(precision: Precision, options: &EncoderOptions) -> Result<Precision, Error> {
    let (is_computed, computed) = match options.computing() {
        Computing::Kernels => (true, ""),
        Computing::Reference => (precision == Precision::F32, "`f32`"),
        Computing::Padded => (PADDED.contains(&precision), "`f32`, `f16` and `bf16`"),
    };
    if is_computed {
        return Ok(precision);
    }
    Err(Error::Precision {
        precision,
        device: device_name(options),
        computed,
    })
}

/// The precision of [`PrecisionChoice::Auto`].
fn fastest(options: &EncoderOptions) -> Precision {
    let is_gpu = options.devices.iter().any(|device| !device.is_cpu());
    match options.computing() {
        Computing::Kernels if InstructionSet::best().gains_by_bf16() => Precision::Bf16,
        Computing::Padded if is_gpu => Precision::F16,
        _ => Precision::F32,
    }
}

/// What computes when the kernels do not.
fn device_name(options: &EncoderOptions) -> &'static str {
    let other = options.devices.iter().find(|device| !device.is_cpu());
    match other {
        Some(Device::Cuda(_)) => "cuda",
        Some(Device::Metal(_)) => "metal",
        Some(Device::Cpu) | None => "candle on the processor",
    }
}

impl Default for PrecisionChoice {
    fn default() -> Self {
        Self::Exact(Precision::default())
    }
}

impl From<Precision> for PrecisionChoice {
    fn from(precision: Precision) -> Self {
        Self::Exact(precision)
    }
}

impl fmt::Display for PrecisionChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(precision) => precision.fmt(f),
            Self::Auto => f.write_str(Self::AUTO),
        }
    }
}

impl FromStr for PrecisionChoice {
    type Err = UnknownPrecision;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            Self::AUTO => Ok(Self::Auto),
            name => name.parse().map(Self::Exact),
        }
    }
}
