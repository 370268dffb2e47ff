//! What a machine has.

use candle_core::{Device, DeviceLocation, Error, Result};

use super::{DeviceKind, cuda};

/// The devices of a machine, or what stands for them in tests.
pub(super) trait Platform {
    /// Whether this program can use GPUs of a kind, should there be any.
    fn supports(&self, kind: DeviceKind) -> bool;

    /// How many of a kind there are.
    ///
    /// # Errors
    /// What the driver says.
    fn count(&self, kind: DeviceKind) -> Result<usize>;

    /// Makes one of a kind ready.
    ///
    /// # Errors
    /// What the driver says.
    fn open(&self, kind: DeviceKind, number: usize) -> Result<Device>;
}

/// The machine that the program runs on.
pub(super) struct ThisMachine;

impl Platform for ThisMachine {
    fn supports(&self, kind: DeviceKind) -> bool {
        match kind {
            DeviceKind::Cpu => true,
            DeviceKind::Cuda => cuda::IS_COMPILED_IN,
            DeviceKind::Metal => cfg!(feature = "metal"),
        }
    }

    fn count(&self, kind: DeviceKind) -> Result<usize> {
        match kind {
            DeviceKind::Cuda => cuda::count(),
            DeviceKind::Cpu | DeviceKind::Metal => Ok(1),
        }
    }

    fn open(&self, kind: DeviceKind, number: usize) -> Result<Device> {
        match kind {
            DeviceKind::Cpu => Ok(Device::Cpu),
            DeviceKind::Cuda => cuda::open(number),
            DeviceKind::Metal => Device::new_metal(number),
        }
    }
}

/// Gives a handle to the same device whose work runs beside that of `device`, where there is such a
/// thing.
///
/// # Errors
/// What the driver says.
pub(crate) fn another_stream(device: &Device) -> Result<Device> {
    cuda::another_stream(device)
}

/// The name of a device in options and messages.
pub(crate) fn name(device: &Device) -> String {
    match device.location() {
        DeviceLocation::Cpu => DeviceKind::Cpu.name().to_owned(),
        DeviceLocation::Cuda { gpu_id } => format!("{}:{gpu_id}", DeviceKind::Cuda),
        DeviceLocation::Metal { .. } => DeviceKind::Metal.name().to_owned(),
    }
}

/// Whether an operation failed because its device had no memory left.
pub(crate) fn is_out_of_memory(error: &Error) -> bool {
    match error {
        Error::Cuda(error) => cuda::is_out_of_memory(&**error),
        Error::WithBacktrace { inner, .. }
        | Error::Context { inner, .. }
        | Error::WithPath { inner, .. } => is_out_of_memory(inner),
        _ => false,
    }
}
