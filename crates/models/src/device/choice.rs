//! Devices as users name them.

use std::fmt;
use std::str::FromStr;

/// A kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceKind {
    /// The processor.
    Cpu,
    /// GPUs of NVIDIA.
    Cuda,
    /// The GPU of an Apple machine.
    Metal,
}

impl DeviceKind {
    /// The name in options and messages, and of the feature that compiles its support in.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Metal => "metal",
        }
    }
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where models are to run: `cpu`, `cuda`, `cuda:1`, `cuda:0,1`, `cuda:all`, `metal` or `auto`.
///
/// ```
/// use ragdex_models::{CudaDevices, DeviceChoice};
///
/// let choice: DeviceChoice = "cuda:1,0".parse()?;
/// assert_eq!(choice, DeviceChoice::Cuda(CudaDevices::These(vec![1, 0])));
/// assert_eq!(choice.to_string(), "cuda:1,0");
/// assert!("cuda:one".parse::<DeviceChoice>().is_err());
/// # Ok::<(), ragdex_models::UnknownDevice>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The first GPU of the kind that is compiled in, else the processor; see [`Devices::open`].
    ///
    /// [`Devices::open`]: crate::Devices::open
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// GPUs of NVIDIA.
    Cuda(CudaDevices),
    /// The GPU of an Apple machine.
    Metal,
}

/// Which GPUs of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CudaDevices {
    /// All that there are.
    All,
    /// Those of these numbers, at least one, none of them twice. The first one also serves questions
    /// and the generator.
    These(Vec<usize>),
}

/// A text that names no device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`cpu`, `cuda`, `cuda:0,1`, `cuda:all`, `metal` or `auto` expected, found `{found}`")]
pub struct UnknownDevice {
    /// The text.
    pub found: String,
}

impl FromStr for DeviceChoice {
    type Err = UnknownDevice;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = match text {
            "auto" => Some(Self::Auto),
            "cpu" => Some(Self::Cpu),
            "metal" => Some(Self::Metal),
            "cuda" => Some(Self::Cuda(CudaDevices::These(vec![0]))),
            "cuda:all" => Some(Self::Cuda(CudaDevices::All)),
            text => text.strip_prefix("cuda:").and_then(numbered),
        };
        named.ok_or_else(|| UnknownDevice { found: text.into() })
    }
}

/// The devices of a list such as `0,2`, each number once.
fn numbered(list: &str) -> Option<DeviceChoice> {
    let number = |text: &str| {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().ok()).flatten()
    };
    let numbers = list
        .split(',')
        .map(number)
        .collect::<Option<Vec<usize>>>()?;
    let is_repeated = |i: usize| numbers[..i].contains(&numbers[i]);
    if (0..numbers.len()).any(is_repeated) {
        return None;
    }
    Some(DeviceChoice::Cuda(CudaDevices::These(numbers)))
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Metal => f.write_str("metal"),
            Self::Cuda(CudaDevices::All) => f.write_str("cuda:all"),
            Self::Cuda(CudaDevices::These(numbers)) => {
                let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
                write!(f, "cuda:{}", numbers.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuda(numbers: &[usize]) -> DeviceChoice {
        DeviceChoice::Cuda(CudaDevices::These(numbers.to_vec()))
    }

    #[test]
    fn devices_are_named_as_users_name_them() {
        for (text, choice, written) in [
            ("auto", DeviceChoice::Auto, "auto"),
            ("cpu", DeviceChoice::Cpu, "cpu"),
            ("metal", DeviceChoice::Metal, "metal"),
            ("cuda", cuda(&[0]), "cuda:0"),
            ("cuda:3", cuda(&[3]), "cuda:3"),
            ("cuda:01", cuda(&[1]), "cuda:1"),
            ("cuda:2,0", cuda(&[2, 0]), "cuda:2,0"),
            ("cuda:all", DeviceChoice::Cuda(CudaDevices::All), "cuda:all"),
        ] {
            assert_eq!(text.parse(), Ok(choice.clone()), "{text}");
            assert_eq!(choice.to_string(), written);
            assert_eq!(written.parse(), Ok(choice));
        }
    }

    #[test]
    fn other_texts_name_no_device() {
        for text in [
            "",
            "abacus",
            "CUDA",
            " cpu",
            "cpu:0",
            "metal:0",
            "auto:1",
            "cuda:",
            "cuda:-1",
            "cuda:+1",
            "cuda:a",
            "cuda:0,",
            "cuda:,0",
            "cuda:0,0",
            "cuda:0,00",
            "cuda:0, 1",
            "cuda:all,0",
            "cuda:0x1",
            "cuda:99999999999999999999999",
            "cuda0",
        ] {
            let error = text.parse::<DeviceChoice>().unwrap_err();
            assert_eq!(error.found, text);
        }
        assert_eq!(
            "gpu".parse::<DeviceChoice>().unwrap_err().to_string(),
            "`cpu`, `cuda`, `cuda:0,1`, `cuda:all`, `metal` or `auto` expected, found `gpu`"
        );
    }
}
