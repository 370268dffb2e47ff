//! The twin of `cuda` in a program without it.

use candle_core::{Device, Error, Result};

/// Whether this program can talk to the driver.
pub(super) const IS_COMPILED_IN: bool = false;

/// There are none.
pub(super) fn count() -> Result<usize> {
    Err(Error::NotCompiledWithCudaSupport)
}

/// There is nothing to open.
pub(super) fn open(_number: usize) -> Result<Device> {
    Err(Error::NotCompiledWithCudaSupport)
}

/// The same device: no other is known to run several things at a time.
#[expect(clippy::unnecessary_wraps, reason = "its twin with CUDA can fail")]
pub(super) fn another_stream(device: &Device) -> Result<Device> {
    Ok(device.clone())
}

/// No error comes from the driver.
pub(super) fn is_out_of_memory(_error: &(dyn std::error::Error + 'static)) -> bool {
    false
}
