//! Vectors that a source brings along.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float32Array, ListArray, RecordBatch, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Float32Type};
use arrow::ipc::reader::FileReader;
use parquet::arrow::ArrowWriter;
use serde_json::Value;

use crate::util::{Dir, files, repository};

/// Rows with and without text; those without give no passage.
const ROWS: [(&str, &str); 8] = [
    ("Ohre", "The Ohre is a river."),
    ("Separators", "\u{1c}\u{1f}"),
    ("Empty", ""),
    ("Elbe", "The Elbe flows to the North Sea near Cuxhaven."),
    ("Aare", "The Aare joins the Rhine at Koblenz."),
    ("Blank", "  "),
    ("None", ""),
    ("Thur", "The Thur is a river in Switzerland."),
];

fn encoder() -> String {
    let folder = repository("tests/data/golden/rag/dpr-ctx-encoder");
    folder.to_str().unwrap().to_owned()
}

/// Builds from a Parquet file and gives the report.
fn build(dir: &Dir, kb: &str, source: &str, more: &[&str]) -> Value {
    let (encoder, question) = (encoder(), encoder().replace("ctx", "question"));
    let arguments = [
        "build",
        kb,
        source,
        "--json",
        "--part-passages",
        "2",
        "--context-encoder",
        &encoder,
        "--question-encoder",
        &question,
    ];
    let arguments = arguments.iter().chain(more);
    dir.ragdex(arguments).succeeds().json().remove(0)
}

/// The vectors of a knowledge base, in order.
pub(crate) fn vectors(dir: &Dir, kb: &str) -> Vec<Vec<f32>> {
    let mut found = Vec::new();
    for (name, _) in files(&dir.path(&format!("{kb}/embeddings"))) {
        let file = File::open(dir.path(&format!("{kb}/embeddings/{name}"))).unwrap();
        for batch in FileReader::try_new(file, None).unwrap() {
            let batch = batch.unwrap();
            let lists = batch.column(0).as_fixed_size_list();
            for row in 0..lists.len() {
                let vector = lists.value(row);
                found.push(vector.as_primitive::<Float32Type>().values().to_vec());
            }
        }
    }
    found
}

/// Writes rows with a vector each, as a data set with `embeddings` is published.
fn write(dir: &Dir, name: &str, vectors: &[Vec<f32>]) {
    let texts = |values: Vec<&str>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    let ids: Vec<String> = (1..=ROWS.len()).map(|n| n.to_string()).collect();
    let numbers = Float32Array::from(vectors.concat());
    let field = Arc::new(Field::new("element", DataType::Float32, true));
    let offsets = OffsetBuffer::from_lengths(vectors.iter().map(Vec::len));
    let lists: ArrayRef = Arc::new(ListArray::new(field, offsets, Arc::new(numbers), None));
    let batch = RecordBatch::try_from_iter([
        ("id", texts(ids.iter().map(String::as_str).collect())),
        ("text", texts(ROWS.map(|row| row.1).to_vec())),
        ("title", texts(ROWS.map(|row| row.0).to_vec())),
        ("embeddings", lists),
    ])
    .unwrap();
    let file = File::create(dir.path(name)).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// A vector for each row: that of its passage, or rubbish where there is none.
fn with_rubbish(of_passages: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let mut passages = of_passages.iter();
    let row = |(_, text): (&str, &str)| {
        let has_passage = text.contains(char::is_alphabetic);
        let vector = if has_passage { passages.next() } else { None };
        vector
            .cloned()
            .unwrap_or_else(|| vec![7.0; of_passages[0].len()])
    };
    ROWS.map(row).to_vec()
}

#[test]
fn vectors_of_a_source_are_taken_over_row_for_row() {
    let dir = Dir::new();
    write(&dir, "plain.parquet", &with_rubbish(&[vec![0.0; 3]]));
    let embedded = build(
        &dir,
        "embedded",
        "plain.parquet",
        &["--embeddings-column", "none"],
    );
    assert_eq!(embedded["embedded"], 4);
    let own = vectors(&dir, "embedded");
    // A little off, so that it shows whose vectors they are.
    let off: Vec<Vec<f32>> = own
        .iter()
        .map(|v| v.iter().map(|x| x * 1.01).collect())
        .collect();
    write(&dir, "with.parquet", &with_rubbish(&off));
    let taken = build(&dir, "taken", "with.parquet", &[]);
    assert_eq!(taken["embedded"], 0);
    assert_eq!(taken["passages"]["total"], 4);
    assert_eq!(vectors(&dir, "taken"), off);
    dir.ragdex(["verify", "taken"]).succeeds();
}

#[test]
fn vectors_of_another_encoder_are_refused() {
    let dir = Dir::new();
    write(&dir, "plain.parquet", &with_rubbish(&[vec![0.0; 3]]));
    build(
        &dir,
        "embedded",
        "plain.parquet",
        &["--embeddings-column", "none"],
    );
    let mut own = vectors(&dir, "embedded");
    own.rotate_left(1);
    for (name, vectors) in [
        ("swapped.parquet", own),
        ("narrow.parquet", vec![vec![1.0; 3]; 4]),
    ] {
        write(&dir, name, &with_rubbish(&vectors));
        let encoder = encoder();
        let arguments = ["build", "kb", name, "--context-encoder", &encoder];
        let refused = dir.ragdex(arguments).exits(3);
        assert!(refused.stderr.contains(name), "{}", refused.stderr);
        assert!(
            refused.stderr.contains("--embeddings-column none"),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn without_a_named_encoder_vectors_are_left_alone() {
    let dir = Dir::new();
    write(&dir, "rows.parquet", &with_rubbish(&[vec![0.0; 3]]));
    let report = dir
        .ragdex(["build", "kb", "rows.parquet", "--json"])
        .succeeds()
        .json();
    assert_eq!(report[0]["embedded"], 4);
}
