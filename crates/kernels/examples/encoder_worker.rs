//! Encodes the passages of `benches/peers/encoder.py` once for each line of standard input.
//!
//! ```text
//! encoder_worker FOLDER f32|f16|bf16|int8
//! ```
//!
//! `FOLDER` holds `model.safetensors`, a BERT-base, and `passages.json`, lists of token ids. Each answer
//! is a line of JSON: the processor time in seconds, the operations that reach the result, the rate of
//! the arithmetic unit alone, measured beside it, and the share of each stage. The first also writes
//! the vectors to `ours-NAME.vectors`.

#![expect(clippy::print_stdout, reason = "answers")]

#[path = "../benches/measure/mod.rs"]
mod measure;

use std::error::Error;
use std::fs;
use std::io::stdin;
use std::path::Path;

use measure::{Clock, operations, peak};
use ragdex_kernels::{
    BertLayerWeights, BertShape, BertWeights, InstructionSet, LayerNormWeights, LinearWeights,
    Output, PackedBert, Precision, Stage,
};
use safetensors::SafeTensors;
use serde_json::{Map, Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, name] = &args[..] else {
        return Err("a folder and a precision expected".into());
    };
    let precision = precision(name).ok_or("`f32`, `f16`, `bf16` or `int8` expected")?;
    let folder = Path::new(folder);
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread()
        .build_global()?;
    let encoder = PackedBert::new(read_weights(&folder.join("model.safetensors"))?, precision);
    let passages: Vec<Vec<u32>> = serde_json::from_slice(&fs::read(folder.join("passages.json"))?)?;
    let mut offsets = vec![0];
    for passage in &passages {
        offsets.push(offsets[offsets.len() - 1] + passage.len());
    }
    let tokens = passages.concat();

    let mut written = false;
    for line in stdin().lines() {
        line?;
        let clock = Clock::start();
        let vectors = encoder.forward(&tokens, None, &offsets, Output::Cls);
        let answer = json!({
            "seconds": clock.seconds(),
            "operations": operations(encoder.shape(), &offsets),
            "peak": peak(InstructionSet::best(), precision),
            "stages": stages(&encoder),
        });
        if !written {
            let bytes: Vec<u8> = vectors.iter().flat_map(|x| x.to_le_bytes()).collect();
            fs::write(folder.join(format!("ours-{name}.vectors")), bytes)?;
            written = true;
        }
        println!("{answer}");
    }
    Ok(())
}

fn precision(name: &str) -> Option<Precision> {
    Some(match name {
        "f32" => Precision::F32,
        "f16" => Precision::F16,
        "bf16" => Precision::Bf16,
        "int8" => Precision::Int8,
        _ => return None,
    })
}

fn stages(encoder: &PackedBert) -> Value {
    let times = encoder.stage_times();
    let share = |stage: Stage| (stage.name().to_owned(), times.share(stage).into());
    Value::Object(Stage::ALL.into_iter().map(share).collect::<Map<_, _>>())
}

/// Reads a BERT-base as transformers writes it.
fn read_weights(path: &Path) -> Result<BertWeights> {
    let file = fs::read(path)?;
    let weights = Weights(SafeTensors::deserialize(&file)?);
    let shape = BertShape::bert_base();
    let layers = (0..shape.num_hidden_layers).map(|i| weights.layer(i));
    Ok(BertWeights {
        word_embeddings: weights.numbers("embeddings.word_embeddings.weight")?.into(),
        position_embeddings: weights.numbers("embeddings.position_embeddings.weight")?,
        token_type_embeddings: weights.numbers("embeddings.token_type_embeddings.weight")?,
        embedding_norm: weights.norm("embeddings.LayerNorm")?,
        layers: layers.collect::<Result<_>>()?,
        shape,
    })
}

struct Weights<'a>(SafeTensors<'a>);

impl Weights<'_> {
    fn numbers(&self, name: &str) -> Result<Vec<f32>> {
        let bytes = self.0.tensor(name)?.data().as_chunks().0;
        Ok(bytes
            .iter()
            .map(|&bytes| f32::from_le_bytes(bytes))
            .collect())
    }

    fn linear(&self, name: &str) -> Result<LinearWeights> {
        Ok(LinearWeights {
            weight: self.numbers(&format!("{name}.weight"))?,
            bias: self.numbers(&format!("{name}.bias"))?,
        })
    }

    fn norm(&self, name: &str) -> Result<LayerNormWeights> {
        let LinearWeights { weight, bias } = self.linear(name)?;
        Ok(LayerNormWeights { weight, bias })
    }

    fn layer(&self, i: usize) -> Result<BertLayerWeights> {
        let name = |part: &str| format!("encoder.layer.{i}.{part}");
        Ok(BertLayerWeights {
            query: self.linear(&name("attention.self.query"))?,
            key: self.linear(&name("attention.self.key"))?,
            value: self.linear(&name("attention.self.value"))?,
            attention_output: self.linear(&name("attention.output.dense"))?,
            attention_norm: self.norm(&name("attention.output.LayerNorm"))?,
            intermediate: self.linear(&name("intermediate.dense"))?,
            output: self.linear(&name("output.dense"))?,
            output_norm: self.norm(&name("output.LayerNorm"))?,
        })
    }
}
