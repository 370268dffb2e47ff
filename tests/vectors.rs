//! Vectors that a source brings along, or files beside it.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float32Array, ListArray, RecordBatch, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Float32Type};
use arrow::ipc::reader::FileReader;
use parquet::arrow::ArrowWriter;
use serde_json::Value;

use crate::json::check;
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

/// Five passages as DPR's; the files of vectors of the exchange crate have as many rows of four numbers.
const PSGS: &str = "id\ttext\ttitle\n\
    1\tThe Ohre is a river.\tOhre\n\
    2\tThe Elbe flows to the North Sea.\tElbe\n\
    3\tThe Aare joins the Rhine.\tAare\n\
    4\tThe Thur is a river.\tThur\n\
    5\tThe Inn joins the Danube.\tInn\n";

/// A file of the exchange crate's tests.
fn five(name: &str) -> String {
    let path = repository(&format!("crates/exchange/tests/data/{name}"));
    path.to_str().unwrap().to_owned()
}

/// Writes a matrix as NumPy does.
fn write_npy(dir: &Dir, name: &str, rows: &[Vec<f32>]) {
    let (len, dim) = (rows.len(), rows[0].len());
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({len}, {dim}), }}");
    let header = format!("{header:117}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(rows.concat().iter().flat_map(|number| number.to_le_bytes()));
    dir.write(name, file);
}

fn ones(rows: usize, dim: usize) -> Vec<Vec<f32>> {
    vec![vec![1.0; dim]; rows]
}

#[test]
fn files_of_vectors_of_every_kind_are_taken_over() {
    let dir = Dir::new();
    dir.write("psgs.tsv", PSGS);
    let matrix = std::fs::read(five("f4.npy")).unwrap();
    let numbers = &matrix[matrix.len() - 5 * 4 * 4..];
    let numbers = numbers.chunks_exact(4);
    let numbers: Vec<f32> = numbers
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    let expected: Vec<Vec<f32>> = numbers.chunks_exact(4).map(<[f32]>::to_vec).collect();
    for name in ["f4.npy", "f2.npy", "flat.faiss", "shard-4.pickle"] {
        let (kb, file) = (name.replace('.', "-"), five(name));
        let arguments = [
            "build",
            &kb,
            "psgs.tsv",
            "--part-passages",
            "2",
            "--json",
            "--embeddings",
            &file,
        ];
        let report = dir.ragdex(arguments).succeeds().json().remove(0);
        assert_eq!(report["embedded"], 0, "{name}");
        assert_eq!(vectors(&dir, &kb), expected, "{name}");
        dir.ragdex(["verify", &kb]).succeeds();
    }
}

#[test]
fn without_the_encoder_that_made_them_vectors_are_searched_by_vectors() {
    let dir = Dir::new();
    dir.write("psgs.tsv", PSGS);
    let file = five("shard-4.pickle");
    let build = ["build", "kb", "psgs.tsv", "--embeddings", &file];
    let built = dir.ragdex(build).succeeds();
    assert!(built.stderr.contains("is not known"), "{}", built.stderr);
    let info = dir.ragdex(["info", "kb", "--json"]).succeeds().json();
    check("info", &info[0]);
    assert!(info[0]["encoder"]["context"].is_null(), "{}", info[0]);
    let search = [
        "search",
        "kb",
        "--json",
        "-k",
        "5",
        "--vectors",
        &five("f4.npy"),
    ];
    let found = dir.ragdex(search).succeeds().json();
    assert_eq!(found.len(), 5);
    assert_eq!(found[0]["passages"].as_array().unwrap().len(), 5);
    let refused = dir.ragdex(["search", "kb", "rivers"]).exits(3);
    assert!(
        refused.stderr.contains("--question-encoder"),
        "{}",
        refused.stderr
    );
    // An encoder of vectors of another width.
    let narrow = [
        "search",
        "kb",
        "rivers",
        "--question-encoder",
        &encoder().replace("ctx", "question"),
    ];
    let refused = dir.ragdex(narrow).exits(3);
    assert!(refused.stderr.contains("dimension"), "{}", refused.stderr);
    // The same build again changes nothing; another encoder embeds everything anew.
    let again = dir
        .ragdex(build.iter().copied().chain(["--json"]))
        .succeeds();
    assert_eq!(again.json()[0]["passages"]["kept"], 5);
    dir.ragdex(["remove", "kb", "3"]).succeeds();
    dir.ragdex(["verify", "kb"]).succeeds();
    dir.ragdex(["refresh", "kb", "psgs.tsv"]).exits(3);
    let refresh = ["refresh", "kb", "psgs.tsv", "--json", "--context-encoder"];
    let refreshed = dir
        .ragdex(refresh.iter().copied().chain([encoder().as_str()]))
        .succeeds();
    assert_eq!(refreshed.json()[0]["embedded"], 5);
}

#[test]
fn files_of_vectors_of_a_named_encoder_are_compared_with_its_own() {
    let dir = Dir::new();
    write(&dir, "plain.parquet", &with_rubbish(&[vec![0.0; 3]]));
    let anew = ["--embeddings-column", "none"];
    build(&dir, "embedded", "plain.parquet", &anew);
    let own = vectors(&dir, "embedded");
    // A row for each record, or for each passage; in two files.
    let of_records = with_rubbish(&own);
    write_npy(&dir, "a.npy", &of_records[..5]);
    write_npy(&dir, "b.npy", &of_records[5..]);
    write_npy(&dir, "passages.npy", &own);
    for (kb, files) in [
        ("records", &["a.npy", "b.npy"][..]),
        ("passages", &["passages.npy"]),
    ] {
        let more = [&["--embeddings"], files].concat();
        let taken = build(&dir, kb, "plain.parquet", &more);
        assert_eq!(taken["embedded"], 0);
        assert_eq!(vectors(&dir, kb), own, "{kb}");
    }
    let mut swapped = own;
    swapped.rotate_left(1);
    write_npy(&dir, "swapped.npy", &swapped);
    let encoder = encoder();
    let refused = [
        "build",
        "kb",
        "plain.parquet",
        "--context-encoder",
        &encoder,
        "--embeddings",
        "swapped.npy",
    ];
    let refused = dir.ragdex(refused).exits(3);
    assert!(refused.stderr.contains("cosine"), "{}", refused.stderr);
}

#[test]
fn vectors_of_the_passages_of_a_split_folder_are_taken_over() {
    let dir = Dir::new();
    dir.write("psgs.tsv", PSGS);
    dir.ragdex(["split", "psgs.tsv", "-o", "split"]).succeeds();
    let file = five("f4.npy");
    let arguments = ["build", "kb", "split", "--embeddings", &file];
    dir.ragdex(arguments).succeeds();
    assert_eq!(vectors(&dir, "kb").len(), 5);
}

#[test]
fn vectors_that_do_not_fit_are_refused_by_file_and_row() {
    let dir = Dir::new();
    dir.write("psgs.tsv", PSGS);
    let mut large = ones(5, 4);
    large[3][1] = 70_000.0;
    write_npy(&dir, "large.npy", &large);
    write_npy(&dir, "few.npy", &ones(4, 4));
    write_npy(&dir, "many.npy", &ones(6, 4));
    write_npy(&dir, "narrow.npy", &ones(1, 3));
    dir.write("text.npy", "no vectors");
    let half = ["--vectors", "f16"];
    let cases: [(&[&str], &[&str], &str); 12] = [
        (&["large.npy"], &half, "row 3: numbers up to 65504 expected"),
        (&[&five("nan.npy")], &[], "row 2: finite numbers expected"),
        (
            &["few.npy"],
            &[],
            "5 vectors, one for each passage expected, found 4",
        ),
        (
            &["many.npy"],
            &[],
            "5 vectors, one for each passage expected, found 6",
        ),
        (
            &["few.npy", "narrow.npy"],
            &[],
            "`narrow.npy`: vectors of 4 numbers expected, found 3",
        ),
        (&["text.npy"], &[], "a file of an unknown kind"),
        (
            &[&five("map.faiss")],
            &[],
            "row 0: the id `1` expected, found `11`",
        ),
        (
            &[&five("map-twice.faiss")],
            &[],
            "row 3: the id 7 is that of row 1 too",
        ),
        // What -1 is as an unsigned number, the largest, names no row.
        (
            &[&five("map-none.faiss")],
            &[],
            "row 2: an id of 0 or more expected, found -1",
        ),
        (
            &[&five("shard-ragged.pickle")],
            &[],
            "row 2: a vector of 4 numbers expected, found 3",
        ),
        (
            &[&five("shard-code.pickle")],
            &[],
            "the pickle names `builtins.print`",
        ),
        (
            &[&five("f4.npy")],
            &["--question-encoder", "x"],
            "alone does not tell",
        ),
    ];
    for (files, more, expected) in cases {
        let arguments = ["build", "kb", "psgs.tsv"].iter().chain(more);
        let arguments = arguments.chain(&["--embeddings"]).chain(files);
        let refused = dir.ragdex(arguments).exits(3).stderr;
        assert!(refused.contains(expected), "{files:?}: {refused}");
        assert!(refused.contains("hint"), "{files:?}: {refused}");
        assert!(!dir.path("kb/CURRENT").exists(), "{files:?}");
    }
    // Nothing is left that a good build would trip over.
    let file = five("f4.npy");
    let good = ["build", "kb", "psgs.tsv", "--embeddings", &file];
    dir.ragdex(good).succeeds();
}
