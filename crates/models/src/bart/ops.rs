//! GELU and softmax by the kernels' functions of slices.
//!
//! candle's own call the C library once per element: at the size of the bundled reader they would
//! take longer than its matrix products. Values agree to about 1e-7; other devices and types use
//! candle's.

use candle_core::{CpuStorage, DType, InplaceOp1, Layout, Result, Tensor};
use ragdex_kernels as kernels;
use rayon::prelude::*;

/// Elements handled by one task: large enough to hide the cost of handing it out.
const CHUNK: usize = 16 * 1024;

/// The exact (erf) GELU of every element. `x` must not share its storage.
pub(super) fn gelu(x: Tensor) -> Result<Tensor> {
    if !on_cpu_in_f32(&x) {
        return x.gelu_erf();
    }
    x.inplace_op1(&Gelu)?;
    Ok(x)
}

/// The softmax over the last dimension. `x` must not share its storage; a row needs an element
/// above minus infinity.
pub(super) fn softmax(x: Tensor) -> Result<Tensor> {
    if !on_cpu_in_f32(&x) {
        return candle_nn::ops::softmax_last_dim(&x);
    }
    x.inplace_op1(&Softmax)?;
    Ok(x)
}

fn on_cpu_in_f32(x: &Tensor) -> bool {
    x.device().is_cpu() && x.dtype() == DType::F32 && x.is_contiguous()
}

struct Gelu;

impl InplaceOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        values(storage, layout)?
            .par_chunks_mut(CHUNK)
            .for_each(kernels::gelu);
        Ok(())
    }
}

struct Softmax;

impl InplaceOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let width = layout.dims().last().copied().unwrap_or(1).max(1);
        let rows = (CHUNK / width).max(1);
        values(storage, layout)?
            .par_chunks_mut(width * rows)
            .for_each(|chunk| kernels::softmax_rows(chunk, width));
        Ok(())
    }
}

fn values<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    let CpuStorage::F32(values) = storage else {
        candle_core::bail!("f32 expected");
    };
    let start = layout.start_offset();
    Ok(&mut values[start..start + layout.shape().elem_count()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn gelu_agrees_with_candle() -> Result<()> {
        let x = Tensor::arange(-6.0f32, 6.0, &Device::Cpu)?;
        let x = (x.reshape((3, 4))? * 0.77)?;
        let expected = x.gelu_erf()?.flatten_all()?.to_vec1::<f32>()?;
        let found = gelu(x.copy()?)?.flatten_all()?.to_vec1::<f32>()?;
        for (a, b) in expected.iter().zip(found) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
        Ok(())
    }

    #[test]
    fn masked_places_get_nothing() -> Result<()> {
        let x = Tensor::new(&[[1.0f32, f32::NEG_INFINITY, 1.0]], &Device::Cpu)?;
        assert_eq!(softmax(x)?.to_vec2::<f32>()?, [[0.5, 0.0, 0.5]]);
        Ok(())
    }
}
