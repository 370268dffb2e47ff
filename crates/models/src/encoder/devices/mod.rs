//! Encoding on GPUs: batches padded to equal length, on several devices from one queue.

mod batches;
mod halving;
mod lanes;
mod replica;

use candle_core::{Device, Tensor};

use self::lanes::Lanes;
pub(super) use self::replica::Loader;
use self::replica::Replica;
use super::head::Head;
use super::{EncodeOptions, Prepared};
use crate::Error;

/// How many batches a device is given at a time: while it computes one, the tokens of the next are sent
/// and its operations queued.
const BATCHES_IN_FLIGHT: usize = 2;

/// The layers of an encoder on one device or more.
///
/// Each batch in flight has a handle of its own to its device, and the weights with it: the work of two
/// handles overlaps, and nothing of the one disturbs the other. All but the first load their weights when
/// a call has a batch for them; a single question needs one.
#[derive(Debug)]
pub(super) struct DeviceEngine(Lanes<Replica>);

impl DeviceEngine {
    /// Loads the layers onto the first of the devices, of which there is at least one.
    ///
    /// # Errors
    /// [`Error::DeviceMemory`] when they do not fit; what reading weights gives.
    pub(super) fn load(loader: &Loader, devices: &[Device]) -> Result<Self, Error> {
        // Two batches go to two devices before two go to one.
        let rounds = (0..BATCHES_IN_FLIGHT).flat_map(|round| {
            let replica = move |device| Replica::new(loader, device, round > 0);
            devices.iter().map(replica)
        });
        let replicas: Vec<Replica> = rounds.collect();
        replicas[0].load()?;
        Ok(Self(Lanes::new(replicas)))
    }

    /// Computes the vectors of texts, row-major, in their order.
    pub(super) fn encode(
        &self,
        texts: &Prepared,
        head: &Head,
        options: &EncodeOptions<'_>,
    ) -> Result<Vec<f32>, Error> {
        self.0.encode(texts, options, |states, n_texts| {
            let width = states.len() / n_texts;
            let states = Tensor::from_vec(states, (n_texts, width), &Device::Cpu)?;
            Ok(head.finish(states)?)
        })
    }
}
