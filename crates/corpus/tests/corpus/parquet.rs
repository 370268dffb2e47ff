//! Parquet files.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, DictionaryArray, FixedSizeListArray, Float32Array, Int64Array,
    LargeStringArray, NullArray, RecordBatch, StringArray, StringViewArray, UInt32Array,
};
use arrow::datatypes::{Float32Type, Int32Type};
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaDataReader, ParquetMetaDataWriter};
use parquet::file::properties::WriterProperties;
use ragdex_corpus::{Columns, Error, Format, ReadOptions, Source};
use tempfile::TempDir;

use crate::{Notes, Reading, read_bytes, read_with};

type Table = Vec<(&'static str, ArrayRef)>;

fn write_with(path: &Path, table: Table, properties: WriterProperties) {
    let nullable = |column: &ArrayRef| column.logical_null_count() > 0;
    let columns = table.into_iter().map(|(name, column)| {
        let is_nullable = nullable(&column);
        (name, column, is_nullable)
    });
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

pub(crate) fn write(path: &Path, table: Table) {
    write_with(path, table, WriterProperties::default());
}

pub(crate) fn strings(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(values.iter().collect::<StringArray>())
}

fn articles(n: usize) -> Table {
    let column = |word: &str| -> ArrayRef {
        Arc::new(
            (0..n)
                .map(|i| Some(format!("{word} {i}")))
                .collect::<StringArray>(),
        )
    };
    vec![
        ("id", Arc::new(Int64Array::from_iter_values(0..n as i64))),
        ("url", column("u")),
        ("title", column("Title")),
        ("text", column("Text of")),
    ]
}

fn open(path: &Path, options: ReadOptions<'_>) -> Reading {
    Reading::of(Source::open(&[path], options))
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("x.parquet")
}

#[test]
fn columns_of_all_kinds_of_strings_and_numbers_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let titles: DictionaryArray<Int32Type> = [Some("A"), None, Some("A")].into_iter().collect();
    let texts = LargeStringArray::from(vec!["a\n\nb", "c", "d"]);
    let urls = StringViewArray::from(vec!["a rather long address", "v", "w"]);
    write(
        &path,
        vec![
            ("_id", Arc::new(UInt32Array::from(vec![7, u32::MAX, 9]))),
            ("Title", Arc::new(titles)),
            ("text", Arc::new(texts)),
            ("url", Arc::new(urls)),
            ("revision", Arc::new(Int64Array::from(vec![-1, 2, 3]))),
            ("other", Arc::new(Float32Array::from(vec![0.0; 3]))),
        ],
    );
    let notes = Notes::default();
    let options = ReadOptions {
        reporter: &notes,
        ..ReadOptions::default()
    };
    let reading = open(&path, options).expect();
    assert_eq!(reading.keys(), ["7", "4294967295", "9"]);
    assert_eq!(reading.texts(), ["a\n\nb", "c", "d"]);
    assert_eq!(reading.documents[0].sections[0].paragraphs, ["a", "b"]);
    assert_eq!(reading.documents[1].title, "");
    let first = &reading.documents[0];
    assert_eq!(first.url.as_deref(), Some("a rather long address"));
    assert_eq!(first.revision.as_deref(), Some("-1"));
    let expected = format!("`{}` is read as Parquet", path.display());
    assert_eq!(notes.all(), [expected]);
}

#[test]
fn rows_without_text_are_counted_and_row_numbers_hold_over_all_files() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    fs::write(folder.path().join("README.md"), "# Data").unwrap();
    fs::write(folder.path().join("dataset_info.json"), "{}").unwrap();
    let texts = [
        [Some("a"), None, Some("b")],
        [Some(" "), Some("c"), Some("d")],
    ];
    for (i, texts) in texts.iter().enumerate() {
        let path = folder
            .path()
            .join(format!("data/train-0000{i}-of-00002.parquet"));
        write(&path, vec![("text", strings(texts))]);
    }
    let mut source = Source::open(&[folder.path()], ReadOptions::default()).unwrap();
    assert_eq!(source.files().len(), 2);
    assert!(!source.has_embeddings());
    let mut rows = Vec::new();
    while let Some(document) = source.next() {
        rows.push((source.summary().records - 1, document.unwrap().text()));
    }
    let expected = [(0, "a"), (2, "b"), (4, "c"), (5, "d")];
    assert!(rows.iter().map(|(row, text)| (*row, &**text)).eq(expected));
    assert_eq!(
        (source.summary().empty, source.summary().other_files),
        (2, 2)
    );
    assert_eq!(Some(source.position()), source.total_bytes());
}

#[test]
fn a_column_of_vectors_makes_passages() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let vectors = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
        (0..2).map(|_| Some(vec![Some(0.5); 4])),
        4,
    );
    let table: Table = vec![
        ("id", strings(&[Some("1"), Some("2")])),
        ("text", strings(&[Some(" a\n\n\0b "), Some("c")])),
        ("title", strings(&[Some("T"), Some("U")])),
        ("embeddings", Arc::new(vectors)),
    ];
    write(&path, table);
    let with = |embeddings: Option<&str>| ReadOptions {
        columns: Columns {
            embeddings: embeddings.map(Into::into),
            ..Columns::default()
        },
        ..ReadOptions::default()
    };
    let source = Source::open(&[&path], with(Some("embeddings"))).unwrap();
    assert!(source.has_embeddings());
    let reading = Reading::of(Ok(source)).expect();
    assert!(reading.documents.iter().all(|document| document.is_passage));
    assert_eq!(reading.documents[0].sections[0].paragraphs, [" a\n\n\0b "]);
    for other in [None, Some("vectors")] {
        let source = Source::open(&[&path], with(other)).unwrap();
        assert!(!source.has_embeddings());
        let reading = Reading::of(Ok(source)).expect();
        assert_eq!(reading.documents[0].sections[0].paragraphs.len(), 2);
    }
}

#[test]
fn columns_that_are_missing_or_of_other_types_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let shown = path.display();
    write(
        &path,
        vec![
            ("name", strings(&[Some("a")])),
            ("what", strings(&[Some("b")])),
        ],
    );
    let error = open(&path, ReadOptions::default()).error.unwrap();
    let expected = format!("`{shown}`: column `text` expected, found `name`, `what`");
    assert_eq!(error.to_string(), expected);
    let columns = Columns {
        text: Some("what".into()),
        title: Some("name".into()),
        ..Columns::default()
    };
    let options = ReadOptions {
        columns,
        ..ReadOptions::default()
    };
    assert_eq!(open(&path, options).expect().keys(), ["a"]);

    let wrong: [(ArrayRef, &str); 3] = [
        (
            Arc::new(Float32Array::from(vec![1.0])),
            "strings expected, found FLOAT",
        ),
        (
            Arc::new(Int64Array::from(vec![1])),
            "strings expected, found INT64",
        ),
        (
            Arc::new(BinaryArray::from(vec![&b"x"[..]])),
            "found BYTE_ARRAY",
        ),
    ];
    for (column, message) in wrong {
        write(&path, vec![("text", column)]);
        let error = open(&path, ReadOptions::default()).error.unwrap();
        assert!(matches!(error, Error::ColumnType { .. }), "{error}");
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.hint().is_some() && error.is_bad_input());
    }
    let nothing: ArrayRef = Arc::new(NullArray::new(3));
    write(&path, vec![("text", nothing)]);
    assert_eq!(
        open(&path, ReadOptions::default()).expect().summary.empty,
        3
    );
}

/// Rewrites the footer of a file so that it names Brotli, which the writer has not.
fn claim_brotli(path: &Path) {
    let mut reader = ParquetMetaDataReader::new();
    reader.try_parse(&File::open(path).unwrap()).unwrap();
    let metadata = reader.finish().unwrap();
    let claimed = |column: &ColumnChunkMetaData| {
        let builder = column.clone().into_builder();
        let brotli = Compression::BROTLI(BrotliLevel::default());
        builder.set_compression(brotli).build().unwrap()
    };
    let groups = metadata.row_groups().iter().map(|group| {
        let columns = group.columns().iter().map(claimed).collect();
        let builder = group.clone().into_builder();
        builder.set_column_metadata(columns).build().unwrap()
    });
    let groups = groups.collect();
    let metadata = metadata.into_builder().set_row_groups(groups).build();
    let file = File::options().append(true).open(path).unwrap();
    let writer = ParquetMetaDataWriter::new(file, &metadata);
    writer.finish().unwrap();
}

#[test]
fn pages_are_decompressed_and_brotli_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let known = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ];
    for compression in known {
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .set_max_row_group_row_count(Some(300))
            .set_data_page_row_count_limit(70)
            .build();
        write_with(&path, articles(1000), properties);
        let reading = open(&path, ReadOptions::default()).expect();
        let keys: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        assert_eq!(reading.keys(), keys, "{compression:?}");
        assert_eq!(reading.texts()[999], "Text of 999");
    }
    claim_brotli(&path);
    let error = open(&path, ReadOptions::default()).error.unwrap();
    assert!(
        error
            .to_string()
            .ends_with("is a Parquet file with Brotli inside"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("zstd"));
}

#[test]
fn text_that_is_no_utf8_is_a_bad_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_compression(Compression::UNCOMPRESSED)
        .build();
    let texts = strings(&[Some("good"), Some("baaaad"), Some("well")]);
    write_with(&path, vec![("text", texts)], properties);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes
        .windows(6)
        .position(|window| window == b"baaaad")
        .unwrap();
    bytes[at + 1] = 0xff;
    fs::write(&path, bytes).unwrap();
    let notes = Notes::default();
    let options = ReadOptions {
        reporter: &notes,
        ..ReadOptions::default()
    };
    let reading = open(&path, options).expect();
    assert_eq!(reading.texts(), ["good", "well"]);
    assert_eq!(reading.summary.bad_records, 1);
    let place = ", row 2: invalid UTF-8 in column `text`; skipped";
    assert!(
        notes.all().iter().any(|note| note.ends_with(place)),
        "{:?}",
        notes.all()
    );
}

#[test]
fn a_stream_of_parquet_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    write(&path, articles(3));
    let bytes = fs::read(&path).unwrap();
    for format in [Format::Auto, Format::Parquet] {
        let options = ReadOptions {
            format,
            ..ReadOptions::default()
        };
        let error = read_with("-", &*bytes, options).error.unwrap();
        let expected = "`-`: reading Parquet needs a file, found a stream";
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().is_some());
    }
    let error = read_bytes("x.parquet.gz", crate::gzip(&bytes))
        .error
        .unwrap();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
}

#[test]
fn a_file_that_is_damaged_anywhere_is_an_error_or_other_text_and_no_panic_gets_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .build();
        write_with(&path, articles(20), properties);
        let whole = fs::read(&path).unwrap();
        let options = ReadOptions {
            format: Format::Parquet,
            ..ReadOptions::default()
        };
        for at in (0..whole.len()).step_by(3) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            fs::write(&path, &bytes).unwrap();
            let reading = open(&path, options.clone());
            assert!(reading.error.is_none_or(|error| error.is_bad_input()));
        }
        for cut in (0..whole.len()).step_by(7) {
            fs::write(&path, &whole[..cut]).unwrap();
            let error = open(&path, options.clone())
                .error
                .expect("a cut file passed");
            assert!(matches!(error, Error::Parquet { .. }), "{error}");
        }
    }
}
