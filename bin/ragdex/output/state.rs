//! What a knowledge base holds.

use std::io::{self, Write};

use ragdex::results::{EncoderPairInfo, IndexInfo, Info};

use super::{FAINT, Output, json};

impl Output {
    /// Prints the state of a knowledge base.
    pub(crate) fn info(&self, info: &Info) -> io::Result<()> {
        if self.json {
            return json(info);
        }
        let out = &mut anstream::stdout().lock();
        writeln!(
            out,
            "snapshot          {} of {}",
            info.snapshot, info.created
        )?;
        writeln!(out, "documents         {}", info.documents)?;
        writeln!(out, "passages          {}", info.passages)?;
        writeln!(
            out,
            "vectors           {} × {}",
            info.dimension, info.vectors
        )?;
        let EncoderPairInfo { context, question } = &info.encoder;
        for (role, encoder) in [("context encoder", context), ("question encoder", question)] {
            model(out, role, name(encoder), encoder["sha256"].as_str())?;
        }
        if let Some(sum) = info.encoder.context["tokenizer_sha256"].as_str() {
            writeln!(out, "tokenizer         sha256 {sum}")?;
        }
        if let Some(generator) = &info.generator {
            model(
                out,
                "generator",
                generator,
                info.generator_sha256.as_deref(),
            )?;
        }
        for index in &info.indexes {
            writeln!(out, "index             {}", described(index))?;
        }
        writeln!(out, "on disk           {:.1} MB", info.bytes as f64 / 1e6)
    }
}

/// Prints the name of a model and the checksum of its weights.
fn model(out: &mut impl Write, role: &str, name: &str, sha256: Option<&str>) -> io::Result<()> {
    match sha256 {
        Some(sum) => writeln!(out, "{role:<17} {name} {FAINT}sha256 {sum}{FAINT:#}"),
        None => writeln!(out, "{role:<17} {name}"),
    }
}

/// The name of an encoder.
pub(super) fn name(encoder: &serde_json::Value) -> &str {
    encoder["id"].as_str().unwrap_or("unknown")
}

/// An index with what it takes and finds.
pub(super) fn described(index: &IndexInfo) -> String {
    let files = match index.bytes {
        0 => "no files of its own".to_owned(),
        bytes => {
            let megabytes = bytes as f64 / 1e6;
            format!(
                "{megabytes:.1} MB, {:.0} bytes a passage",
                index.bytes_per_passage
            )
        }
    };
    let memory = index.memory_bytes as f64 / 1e6;
    if index.parameters["graphs"] == 0 {
        return format!(
            "{} (no graph: too few passages for one, all are scanned)",
            index.kind
        );
    }
    let recall = &index.parameters["recall"];
    let share = |at: &str| {
        recall[at]
            .as_f64()
            .map(|share| format!("{:.2} %", share * 100.0))
    };
    let found = match (share("at_5"), share("at_20"), share("at_100")) {
        (Some(at_5), Some(at_20), Some(at_100)) => {
            format!("; finds of the nearest 5 {at_5}, 20 {at_20}, 100 {at_100}")
        }
        _ => String::new(),
    };
    let kind = &index.kind;
    format!("{kind} ({files}; searching without the disk takes {memory:.1} MB of memory){found}")
}
