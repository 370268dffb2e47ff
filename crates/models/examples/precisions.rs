//! What the fast precisions of an encoder cost in quality, on real text and trained weights.
//!
//! ```text
//! cargo run --release -p ragdex-models --example precisions -- MODEL PASSAGES.jsonl
//! ```
//!
//! A line of the file is a passage with questions that it answers:
//! `{"title": "…", "text": "…", "questions": ["…", …]}`. For each precision this prints the cosines
//! between its vectors and those of `f32`; for how many questions the best passage is the same; how
//! many of the best 5 and 20 are the same; and how often the passage of a question is among the best
//! 1, 5 and 20. Questions are encoded in the precision of the passages, as in a knowledge base.

#![expect(clippy::print_stdout, reason = "a report")]

use std::error::Error;
use std::fs;

use ragdex_models::{
    BertEncoder, Checkpoint, EncodeOptions, Encoder, EncoderOptions, PassageText, Precision,
};
use serde::Deserialize;

/// How many of the best passages are compared.
const DEPTHS: [usize; 3] = [1, 5, 20];

/// A line of the input.
#[derive(Deserialize)]
struct Record {
    title: String,
    text: String,
    questions: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [model, path] = &args[..] else {
        return Err("a model and a file of passages expected".into());
    };
    let records: Vec<Record> = fs::read_to_string(path)?
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let checkpoint = Checkpoint::from_folder(model)?;
    let exact = Run::new(&checkpoint, Precision::F32, &records)?;
    let (n, questions) = (records.len(), exact.rankings.len());
    println!("{n} passages, {questions} questions");
    println!("precision  cosine: mean, least  same top 1, 5, 20     recall at 1, 5, 20");
    for precision in Precision::ALL {
        Run::new(&checkpoint, precision, &records)?.report(&exact, &records);
    }
    Ok(())
}

/// The vectors of one precision, and what they find.
struct Run {
    precision: Precision,
    dim: usize,
    passages: Vec<f32>,
    /// The best passages of each question, best first.
    rankings: Vec<Vec<usize>>,
}

impl Run {
    fn new(
        checkpoint: &Checkpoint,
        precision: Precision,
        records: &[Record],
    ) -> Result<Self, Box<dyn Error>> {
        let mut options = EncoderOptions::default();
        options.precision = precision.into();
        let encoder = BertEncoder::open(checkpoint, &options)?;
        let texts = records.iter().map(|record| PassageText {
            title: &record.title,
            text: &record.text,
        });
        let options = EncodeOptions::default();
        let passages = encoder.encode_passages(&texts.collect::<Vec<_>>(), &options)?;
        let questions: Vec<&str> = records
            .iter()
            .flat_map(|record| &record.questions)
            .map(String::as_str)
            .collect();
        let questions = encoder.encode_questions(&questions, &options)?;
        let dim = encoder.dim();
        let rankings = questions.chunks_exact(dim);
        Ok(Self {
            precision,
            dim,
            rankings: rankings.map(|row| ranking(row, &passages)).collect(),
            passages,
        })
    }

    fn report(&self, exact: &Self, records: &[Record]) {
        let rows = self.passages.chunks_exact(self.dim);
        let cosines: Vec<f64> = rows
            .zip(exact.passages.chunks_exact(self.dim))
            .map(|(a, b)| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt())
            .collect();
        let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
        let least = cosines.iter().copied().fold(1.0, f64::min);
        let overlaps = DEPTHS.map(|depth| self.overlap(exact, depth));
        let recalls = DEPTHS.map(|depth| self.recall(records, depth));
        println!(
            "{:9}  {mean:.7}  {least:.7}  {:6.2} {:6.2} {:6.2} %  {:6.2} {:6.2} {:6.2} %",
            self.precision.name(),
            overlaps[0],
            overlaps[1],
            overlaps[2],
            recalls[0],
            recalls[1],
            recalls[2],
        );
    }

    /// How many in a hundred of the best `depth` passages are among the best in single precision.
    fn overlap(&self, exact: &Self, depth: usize) -> f64 {
        let pairs = self.rankings.iter().zip(&exact.rankings);
        let same = pairs.map(|(found, expected)| {
            let expected = &expected[..depth];
            found[..depth]
                .iter()
                .filter(|passage| expected.contains(passage))
                .count()
        });
        100.0 * same.sum::<usize>() as f64 / (depth * self.rankings.len()) as f64
    }

    /// For how many in a hundred questions their passage is among the best `depth`.
    fn recall(&self, records: &[Record], depth: usize) -> f64 {
        let gold = records
            .iter()
            .enumerate()
            .flat_map(|(passage, record)| record.questions.iter().map(move |_| passage));
        let hits = gold
            .zip(&self.rankings)
            .filter(|(gold, ranking)| ranking[..depth].contains(gold));
        100.0 * hits.count() as f64 / self.rankings.len() as f64
    }
}

/// The best passages of a question, by inner product; of equal ones the first.
fn ranking(question: &[f32], passages: &[f32]) -> Vec<usize> {
    let rows = passages.chunks_exact(question.len());
    let scores: Vec<f64> = rows.map(|row| dot(row, question)).collect();
    let mut ranking: Vec<usize> = (0..scores.len()).collect();
    ranking.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    ranking.truncate(DEPTHS[DEPTHS.len() - 1]);
    ranking
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(&a, &b)| f64::from(a) * f64::from(b))
        .sum()
}
