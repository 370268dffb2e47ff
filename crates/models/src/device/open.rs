//! From the name of a device to the device.

use std::fmt;
use std::sync::OnceLock;

use candle_core::Device;
use ragdex_core::Reporter;

use super::platform::{Platform, ThisMachine};
use super::{CudaDevices, DeviceChoice, DeviceKind};
use crate::Error;

/// The kinds of GPUs that [`DeviceChoice::Auto`] looks for.
const GPUS: [DeviceKind; 2] = [DeviceKind::Cuda, DeviceKind::Metal];

/// The devices of a choice, opened when the first model needs them and shared by all models.
pub struct Devices {
    choice: DeviceChoice,
    opened: OnceLock<Vec<Device>>,
}

impl Devices {
    /// Remembers a choice; touches no device.
    pub const fn new(choice: DeviceChoice) -> Self {
        Self {
            choice,
            opened: OnceLock::new(),
        }
    }

    /// What was asked for.
    pub fn choice(&self) -> &DeviceChoice {
        &self.choice
    }

    /// Gives the devices, at least one, in the order asked for.
    ///
    /// `auto` takes the first GPU of a kind that is compiled in. Where that finds none, or one that does not
    /// start, `reporter` is warned, once, that the processor computes instead. Without support for any
    /// GPU, `auto` is the processor and nothing is said.
    ///
    /// # Errors
    /// A GPU that was asked for by name: [`Error::DeviceNotCompiledIn`], [`Error::NoDevice`],
    /// [`Error::DeviceFailed`].
    pub fn open(&self, reporter: &dyn Reporter) -> Result<&[Device], Error> {
        if let Some(devices) = self.opened.get() {
            return Ok(devices);
        }
        let devices = resolve(&self.choice, &ThisMachine, reporter)?;
        Ok(self.opened.get_or_init(|| devices))
    }
}

impl fmt::Debug for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.opened.get().map(|devices| {
            let names = devices.iter().map(super::name);
            names.collect::<Vec<_>>()
        });
        f.debug_struct("Devices")
            .field("choice", &self.choice)
            .field("opened", &names)
            .finish()
    }
}

fn resolve(
    choice: &DeviceChoice,
    platform: &dyn Platform,
    reporter: &dyn Reporter,
) -> Result<Vec<Device>, Error> {
    match choice {
        DeviceChoice::Cpu => Ok(vec![Device::Cpu]),
        DeviceChoice::Metal => open(platform, DeviceKind::Metal, &CudaDevices::All),
        DeviceChoice::Cuda(which) => open(platform, DeviceKind::Cuda, which),
        DeviceChoice::Auto => Ok(vec![best(platform, reporter)]),
    }
}

/// The first GPU of a kind that is compiled in, or the processor.
fn best(platform: &dyn Platform, reporter: &dyn Reporter) -> Device {
    for kind in GPUS.into_iter().filter(|&kind| platform.supports(kind)) {
        match open(platform, kind, &CudaDevices::These(vec![0])) {
            Ok(devices) => return devices[0].clone(),
            Err(error) => reporter.warn(&fallback(&error)),
        }
    }
    Device::Cpu
}

fn fallback(error: &Error) -> String {
    let mut text = error.to_string();
    if let Some(cause) = std::error::Error::source(error) {
        text = format!("{text}: {cause}");
    }
    format!("no GPU is used, models run on the processor: {text} (`--device cpu` chooses that)")
}

fn open(
    platform: &dyn Platform,
    kind: DeviceKind,
    which: &CudaDevices,
) -> Result<Vec<Device>, Error> {
    if !platform.supports(kind) {
        return Err(Error::DeviceNotCompiledIn { kind });
    }
    let failed = |source| Error::DeviceFailed {
        device: kind.name().to_owned(),
        source: Box::new(source),
    };
    let count = platform.count(kind).map_err(failed)?;
    let numbers = match which {
        CudaDevices::All if count > 0 => (0..count).collect(),
        CudaDevices::All => vec![0],
        CudaDevices::These(numbers) => numbers.clone(),
    };
    let open_one = |number| {
        if number >= count {
            return Err(Error::NoDevice {
                kind,
                number,
                count,
            });
        }
        let failed = |source| Error::DeviceFailed {
            device: format!("{kind}:{number}"),
            source: Box::new(source),
        };
        platform.open(kind, number).map_err(failed)
    };
    numbers.into_iter().map(open_one).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use candle_core::Result as CandleResult;

    use super::*;

    /// A machine whose GPUs are the processor.
    struct Pretended {
        cuda: Option<usize>,
        /// The GPU that does not start.
        broken: Option<usize>,
        opened: Mutex<Vec<usize>>,
    }

    impl Pretended {
        fn with(cuda: Option<usize>) -> Self {
            Self {
                cuda,
                broken: None,
                opened: Mutex::default(),
            }
        }
    }

    impl Platform for Pretended {
        fn supports(&self, kind: DeviceKind) -> bool {
            kind == DeviceKind::Cuda && self.cuda.is_some()
        }

        fn count(&self, _kind: DeviceKind) -> CandleResult<usize> {
            Ok(self.cuda.unwrap())
        }

        fn open(&self, _kind: DeviceKind, number: usize) -> CandleResult<Device> {
            if self.broken == Some(number) {
                candle_core::bail!("the driver sleeps");
            }
            self.opened.lock().unwrap().push(number);
            Ok(Device::Cpu)
        }
    }

    #[derive(Default)]
    struct Warnings(Mutex<Vec<String>>);

    impl Reporter for Warnings {
        fn warn(&self, message: &str) {
            self.0.lock().unwrap().push(message.to_owned());
        }
    }

    /// The numbers of the devices opened, and the warnings; or the error with its remedy.
    fn open_on(choice: &str, machine: &Pretended) -> Result<(Vec<usize>, Vec<String>), String> {
        let warnings = Warnings::default();
        let devices = resolve(&choice.parse().unwrap(), machine, &warnings);
        let devices =
            devices.map_err(|error| format!("{error} | {}", error.hint().unwrap_or_default()))?;
        let opened = machine.opened.lock().unwrap().clone();
        assert_eq!(devices.len(), opened.len().max(1));
        Ok((opened, warnings.0.into_inner().unwrap()))
    }

    #[test]
    fn devices_are_opened_in_the_order_asked_for() {
        for (choice, expected) in [
            ("cpu", vec![]),
            ("auto", vec![0]),
            ("cuda", vec![0]),
            ("cuda:2,0", vec![2, 0]),
            ("cuda:all", vec![0, 1, 2]),
        ] {
            let found = open_on(choice, &Pretended::with(Some(3)));
            assert_eq!(found, Ok((expected, vec![])), "{choice}");
        }
    }

    #[test]
    fn auto_without_support_is_the_processor_and_says_nothing() {
        assert_eq!(
            open_on("auto", &Pretended::with(None)),
            Ok((vec![], vec![]))
        );
    }

    #[test]
    fn auto_says_aloud_why_no_gpu_is_used() {
        let (opened, warnings) = open_on("auto", &Pretended::with(Some(0))).unwrap();
        assert!(opened.is_empty());
        assert_eq!(
            warnings,
            [
                "no GPU is used, models run on the processor: device `cuda:0`: more than 0 devices of this \
                 kind expected, found 0 (`--device cpu` chooses that)"
            ]
        );
        let machine = Pretended {
            broken: Some(0),
            ..Pretended::with(Some(2))
        };
        let (_, warnings) = open_on("auto", &machine).unwrap();
        assert!(warnings[0].contains("the driver sleeps"), "{warnings:?}");
        assert_eq!(warnings.len(), 1);
    }

    #[test]
    fn a_gpu_asked_for_by_name_is_there_or_an_error() {
        let error = open_on("cuda", &Pretended::with(None)).unwrap_err();
        assert!(
            error.starts_with("device `cuda`: this program is built without"),
            "{error}"
        );
        assert!(error.contains("`--features cuda`"), "{error}");
        assert!(open_on("metal", &Pretended::with(Some(1))).is_err());
        for choice in ["cuda", "cuda:all"] {
            let error = open_on(choice, &Pretended::with(Some(0))).unwrap_err();
            assert!(error.contains("found 0"), "{error}");
            assert!(error.contains("CUDA_VISIBLE_DEVICES"), "{error}");
        }
        let error = open_on("cuda:0,2", &Pretended::with(Some(2))).unwrap_err();
        assert!(
            error
                .starts_with("device `cuda:2`: more than 2 devices of this kind expected, found 2"),
            "{error}"
        );
        let machine = Pretended {
            broken: Some(1),
            ..Pretended::with(Some(2))
        };
        let error = open_on("cuda:0,1", &machine).unwrap_err();
        assert!(error.starts_with("device `cuda:1`"), "{error}");
    }

    #[test]
    fn the_processor_is_opened_once_for_all() {
        let devices = Devices::new(DeviceChoice::Cpu);
        assert!(format!("{devices:?}").contains("None"));
        let first = devices.open(&Warnings::default()).unwrap().as_ptr();
        assert_eq!(devices.open(&Warnings::default()).unwrap().as_ptr(), first);
        assert!(format!("{devices:?}").contains("cpu"));
    }
}
