//! Devices: what a user names, what a machine has, and when its memory is full.
//!
//! Support for GPUs is compiled in by the features `cuda` and `metal`. `cfg` stays in this folder: each
//! has a twin without it that knows no device.

mod choice;
#[cfg_attr(not(feature = "cuda"), path = "without_cuda.rs")]
mod cuda;
mod open;
mod platform;

pub use self::choice::{CudaDevices, DeviceChoice, DeviceKind, UnknownDevice};
pub use self::open::Devices;
pub(crate) use self::platform::{another_stream, is_out_of_memory, name};
