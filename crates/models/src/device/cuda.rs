//! NVIDIA's driver, through candle.

use candle_core::cuda_backend::{CudaError, cudarc};
use candle_core::{Device, DeviceLocation, Result};
use cudarc::cublas::sys::cublasStatus_t;
use cudarc::driver::sys::CUresult;

/// Whether this program can talk to the driver.
pub(super) const IS_COMPILED_IN: bool = true;

/// How many devices the driver shows; `CUDA_VISIBLE_DEVICES` hides some.
pub(super) fn count() -> Result<usize> {
    match cudarc::driver::CudaContext::device_count() {
        Ok(count) => Ok(count.max(0) as usize),
        Err(error) if error.0 == CUresult::CUDA_ERROR_NO_DEVICE => Ok(0),
        Err(error) => Err(CudaError::from(error).into()),
    }
}

/// Opens a device with a stream of its own, on which what one thread does comes after what another did
/// before it. candle's usual stream differs from thread to thread: nothing orders the upload of weights
/// before their use.
pub(super) fn open(number: usize) -> Result<Device> {
    Device::new_cuda_with_stream(number)
}

/// Opens the device of a handle once more: work of the two handles overlaps, and each has a workspace of
/// cuBLAS for itself, without which results would not repeat.
pub(super) fn another_stream(device: &Device) -> Result<Device> {
    match device.location() {
        DeviceLocation::Cuda { gpu_id } => open(gpu_id),
        _ => Ok(device.clone()),
    }
}

/// Whether a device had no memory left.
pub(super) fn is_out_of_memory(error: &(dyn std::error::Error + 'static)) -> bool {
    match error.downcast_ref::<CudaError>() {
        Some(CudaError::Cuda(driver)) => driver.0 == CUresult::CUDA_ERROR_OUT_OF_MEMORY,
        Some(CudaError::Cublas(cublas)) => cublas.0 == cublasStatus_t::CUBLAS_STATUS_ALLOC_FAILED,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use cudarc::cublas::result::CublasError;
    use cudarc::driver::DriverError;

    use super::*;
    use crate::device::is_out_of_memory as is_memory_error;

    #[test]
    fn full_memory_is_told_from_other_errors() {
        let error = |error: CudaError| candle_core::Error::from(error);
        let driver = |code| error(CudaError::Cuda(DriverError(code)));
        assert!(is_memory_error(&driver(CUresult::CUDA_ERROR_OUT_OF_MEMORY)));
        assert!(!is_memory_error(&driver(
            CUresult::CUDA_ERROR_ILLEGAL_ADDRESS
        )));
        let full = CublasError(cublasStatus_t::CUBLAS_STATUS_ALLOC_FAILED);
        let full = error(CudaError::Cublas(full));
        assert!(is_memory_error(&full.context("in a layer")));
    }
}
