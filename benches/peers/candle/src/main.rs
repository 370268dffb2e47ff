//! candle's `BertModel` on one thread, on sorted batches with padding.
//!
//! ```text
//! RAYON_NUM_THREADS=1 ragdex-peer-candle CHECKPOINT
//! ```
//!
//! `CHECKPOINT` holds `config.json`, `model.safetensors` and the batches that `../encoder.py` wrote,
//! `batches.json`: `[{"ids": [[…]], "mask": [[…]]}, …]`. Each line of standard input encodes all of
//! them once and prints the processor time of the process in seconds; the first also writes the
//! vectors of the first tokens to `candle-f32.vectors`, so that the script can compare them.

use std::error::Error;
use std::fs;
use std::io::{Write, stdin, stdout};
use std::path::Path;

use candle_core::{DType, Device, IndexOp, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use serde_json::Value;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).ok_or("a checkpoint expected")?;
    let folder = Path::new(&folder);
    let config: Config = serde_json::from_slice(&fs::read(folder.join("config.json"))?)?;
    let weights = fs::read(folder.join("model.safetensors"))?;
    let weights = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)?;
    let model = BertModel::load(weights, &config)?;
    let batches: Vec<Value> = serde_json::from_slice(&fs::read(folder.join("batches.json"))?)?;
    let batches: Vec<Batch> = batches.iter().map(Batch::read).collect::<Result<_>>()?;

    let mut written = false;
    for line in stdin().lines() {
        line?;
        let start = processor_seconds()?;
        let rows = batches.iter().map(|batch| batch.encode(&model));
        let rows = rows.collect::<Result<Vec<_>>>()?.concat();
        let seconds = processor_seconds()? - start;
        if !written {
            let bytes: Vec<u8> = rows.iter().flat_map(|number| number.to_le_bytes()).collect();
            fs::write(folder.join("candle-f32.vectors"), bytes)?;
            written = true;
        }
        println!("{seconds}");
        stdout().flush()?;
    }
    Ok(())
}

/// Token ids of equal length, and which of them are text.
struct Batch {
    ids: Tensor,
    types: Tensor,
    mask: Tensor,
}

impl Batch {
    fn read(json: &Value) -> Result<Self> {
        let ids = table(&json["ids"])?;
        Ok(Self {
            types: ids.zeros_like()?,
            mask: table(&json["mask"])?,
            ids,
        })
    }

    /// The last state of the first token of each sequence.
    fn encode(&self, model: &BertModel) -> Result<Vec<f32>> {
        let states = model.forward(&self.ids, &self.types, Some(&self.mask))?;
        let firsts = states.i((.., 0))?.contiguous()?;
        Ok(firsts.flatten_all()?.to_vec1()?)
    }
}

fn table(json: &Value) -> Result<Tensor> {
    let rows: Vec<Vec<u32>> = serde_json::from_value(json.clone())?;
    Ok(Tensor::new(rows, &Device::Cpu)?)
}

/// Processor time of all threads of this process, as Linux counts it.
fn processor_seconds() -> Result<f64> {
    let mut nanoseconds = 0.0;
    for thread in fs::read_dir("/proc/self/task")? {
        let counters = fs::read_to_string(thread?.path().join("schedstat"))?;
        let first = counters.split_whitespace().next();
        nanoseconds += first.ok_or("an empty schedstat")?.parse::<f64>()?;
    }
    Ok(nanoseconds / 1e9)
}
