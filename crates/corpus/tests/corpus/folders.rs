//! Folders of data, and archives.

use std::fs;
use std::path::Path;

use ragdex_corpus::{Error, Format, ReadOptions, Source};

use crate::parquet::{strings, write};
use crate::{Notes, Reading, bzip2, gzip, read_bytes, read_with, zstd};

fn page(id: u64) -> String {
    format!(
        "<page><title>T{id}</title><ns>0</ns><id>{id}</id><revision><id>1</id><text>t</text>\
         </revision></page>"
    )
}

fn article(id: u64, revision: u64) -> String {
    format!(
        "{{\"name\": \"N{id}\", \"identifier\": {id}, \"version\": {{\"identifier\": {revision}}}, \
         \"new_field\": [1], \"article_body\": {{\"html\": \"<p>Text {id}.</p>\"}}}}\n"
    )
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn read_folder(root: &Path) -> (Reading, Vec<String>) {
    let notes = Notes::default();
    let options = ReadOptions {
        reporter: &notes,
        ..ReadOptions::default()
    };
    let reading = Reading::of(Source::open(&[root], options));
    (reading, notes.all())
}

#[test]
fn each_file_of_a_folder_of_data_is_told_by_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("AA")).unwrap();
    let lines =
        "{\"id\": \"5\", \"url\": \"u\", \"title\": \"A\", \"text\": \"A\\nSection::::S.\\nb\"}\n";
    let files: [(&str, &[u8]); 9] = [
        ("AA/wiki_00", lines.as_bytes()),
        ("README.md", b"# About"),
        ("dataset_info.json", b"{\"a\": 1}"),
        ("pretty.json", b"{\n  \"a\": 1\n}\n"),
        ("blob.bin", b"\x01\x02\x03"),
        ("empty.jsonl", b""),
        ("lines.jsonl", b"{\"title\": \"L\", \"text\": \"l\"}"),
        ("dump-multistream1.xml-p1p2.bz2", &bzip2(page(1).as_bytes())),
        (
            "dump-multistream-index1.txt-p1p2.bz2",
            &bzip2(b"600:1:T1\n"),
        ),
    ];
    for (name, bytes) in files {
        fs::write(root.join(name), bytes).unwrap();
    }
    write(
        &root.join("t.parquet"),
        vec![
            ("title", strings(&[Some("P")])),
            ("text", strings(&[Some("p")])),
        ],
    );
    let (reading, notes) = read_folder(root);
    let reading = reading.expect();
    assert_eq!(reading.keys(), ["5", "1", "L", "P"]);
    assert_eq!(reading.documents[0].sections[0].path, ["S"]);
    assert_eq!(
        (reading.summary.other_files, reading.summary.bad_records),
        (6, 0)
    );
    for name in ["pretty.json", "blob.bin", "empty.jsonl"] {
        let told = format!("{name}` is left alone");
        assert!(notes.iter().any(|note| note.contains(&told)), "{notes:?}");
    }
}

#[test]
fn texts_beside_data_are_read_and_the_data_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::write(root.join("README.md"), "About this.").unwrap();
    fs::write(root.join("a.jsonl"), "{\"text\": \"x\"}").unwrap();
    let (reading, notes) = read_folder(root);
    assert_eq!(reading.expect().texts(), ["x"]);
    assert!(notes[0].ends_with("1 files that describe others are left alone, such as `README.md`"));

    fs::write(root.join("guide.md"), "How to.").unwrap();
    let (reading, notes) = read_folder(root);
    assert_eq!(reading.expect().texts(), ["About this.", "How to."]);
    assert!(notes[0].ends_with("1 files that are no text are left alone, such as `a.jsonl`"));

    fs::remove_file(root.join("guide.md")).unwrap();
    fs::write(root.join("a.jsonl"), "\x01").unwrap();
    let (reading, _) = read_folder(root);
    assert_eq!(reading.expect().texts(), ["About this."]);
}

#[test]
fn a_folder_of_nothing_that_is_read_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.bin"), "\x01").unwrap();
    let (reading, _) = read_folder(folder.path());
    assert!(matches!(reading.error, Some(Error::Empty { .. })));
}

#[test]
fn the_index_of_a_dump_is_refused_when_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder
        .path()
        .join("xwiki-20240101-pages-articles-multistream-index.txt.bz2");
    fs::write(&path, bzip2(b"600:1:A\n600:2:B: C\n")).unwrap();
    let error = Reading::of(Source::open(&[path], ReadOptions::default()))
        .error
        .unwrap();
    assert!(
        error
            .to_string()
            .ends_with("is the index of a multistream dump, not the dump")
    );
    assert_eq!(
        error.hint().as_deref(),
        Some("name the dump itself; its index is not needed")
    );
}

#[test]
fn members_of_archives_are_read_one_after_another() {
    let first = [article(1, 5), article(2, 6)].concat();
    let second = article(3, 7);
    let members: [(&str, &[u8]); 4] = [
        ("wiki_namespace_0_0.ndjson", first.as_bytes()),
        ("notes.txt", b"about"),
        ("sub/wiki_namespace_0_1.ndjson", second.as_bytes()),
        ("empty.json", b""),
    ];
    let plain = tar(&members);
    for packed in [plain.clone(), gzip(&plain), zstd(&plain), bzip2(&plain)] {
        for format in [Format::Auto, Format::Enterprise] {
            let options = ReadOptions {
                format,
                ..ReadOptions::default()
            };
            let reading = read_with("x.tar.gz", &*packed, options).expect();
            assert_eq!(reading.keys(), ["1", "2", "3"]);
            assert_eq!(reading.documents[2].revision.as_deref(), Some("7"));
            let others = if format == Format::Auto { 2 } else { 1 };
            assert_eq!(reading.summary.other_files, others);
        }
    }
    let error = read_bytes("x.tar", tar(&[("a.txt", b"a")])).error.unwrap();
    assert!(matches!(error, Error::Empty { .. }), "{error}");
    let cut = read_bytes("x.tar", &plain[..800]);
    assert!(matches!(cut.error, Some(Error::Archive { .. })));
}

#[test]
fn the_place_of_a_bad_line_in_an_archive_names_the_member() {
    let lines = [article(1, 5), "nonsense\n".into(), article(2, 6)].concat();
    let notes = Notes::default();
    let options = ReadOptions {
        reporter: &notes,
        ..ReadOptions::default()
    };
    let bytes = gzip(&tar(&[("a/b.ndjson", lines.as_bytes())]));
    let reading = read_with("x.tar.gz", bytes, options).expect();
    assert_eq!(reading.keys(), ["1", "2"]);
    let place = format!(
        "`x.tar.gz/a/b.ndjson`, line 2 (byte {})",
        article(1, 5).len()
    );
    assert!(
        notes.all().iter().any(|note| note.starts_with(&place)),
        "{:?}",
        notes.all()
    );
}

#[test]
fn the_newest_version_of_a_page_is_kept_wherever_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let first = [article(1, 5), article(2, 9), article(3, 1)].concat();
    let second = [article(2, 8), "nonsense\n".into(), article(1, 7)].concat();
    let members = tar(&[
        ("a.ndjson", first.as_bytes()),
        ("b.ndjson", second.as_bytes()),
    ]);
    let path = folder.path().join("x.json.tar.gz");
    fs::write(&path, gzip(&members)).unwrap();
    let reading = Reading::of(Source::open(&[&path], ReadOptions::default())).expect();
    assert_eq!(reading.keys(), ["2", "3", "1"]);
    let revisions: Vec<_> = reading
        .documents
        .iter()
        .map(|d| d.revision.as_deref())
        .collect();
    assert_eq!(revisions, [Some("9"), Some("1"), Some("7")]);
    let summary = &reading.summary;
    let counts = (
        summary.superseded,
        summary.duplicate_keys,
        summary.bad_records,
    );
    assert_eq!(counts, (2, 0, 1));

    let paths = [("c.json", &first), ("d.json", &second)].map(|(name, lines)| {
        let path = folder.path().join(name);
        fs::write(&path, lines).unwrap();
        path
    });
    let reading = Reading::of(Source::open(&paths, ReadOptions::default())).expect();
    assert_eq!(reading.keys(), ["2", "3", "1"]);
    // Of a stream all are given out, and counted as the same page.
    let reading = read_bytes("x.tar.gz", gzip(&members)).expect();
    assert_eq!(
        (reading.documents.len(), reading.summary.duplicate_keys),
        (5, 2)
    );
}

fn write_all(root: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

const MANIFEST: &str = "{\"format\": 1, \"ragdex\": \"0.1.0\", \"finished\": true, \"parts\": []}";

#[test]
fn what_is_written_into_the_source_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let line = "{\"text\": \"x\"}";
    write_all(root, &[("a.jsonl", line), ("out/b.jsonl", line)]);
    assert_eq!(read_folder(root).0.expect().documents.len(), 2);
    let notes = Notes::default();
    let options = ReadOptions {
        exclude: vec![root.join("out/../out"), root.join("missing")],
        reporter: &notes,
        ..ReadOptions::default()
    };
    let reading = Reading::of(Source::open(&[root], options)).expect();
    assert_eq!(reading.documents.len(), 1);
    let told = "out` is left alone: it is not to be read";
    assert!(notes.all().iter().any(|note| note.ends_with(told)));
}

#[test]
fn folders_of_splits_and_knowledge_bases_are_left_alone_inside_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let line = "{\"text\": \"x\"}";
    write_all(
        root,
        &[
            ("a.jsonl", line),
            ("kb/CURRENT", "1"),
            ("kb/snapshots/1.json", "{}"),
            ("kb/x.jsonl", line),
            ("s/split-1-of-2.json", MANIFEST),
            ("s/passages-1-of-2.jsonl", line),
            ("t/split.json", "{\"train\": []}"),
            ("t/b.jsonl", line),
        ],
    );
    let (reading, notes) = read_folder(root);
    let reading = reading.expect();
    // The manifest of another kind is a bad line beside the two documents.
    let summary = &reading.summary;
    assert_eq!(
        (summary.documents, summary.bad_records, summary.other_files),
        (2, 1, 5)
    );
    for told in [
        "kb` is left alone: a knowledge base",
        "the folder of a split",
    ] {
        assert!(notes.iter().any(|note| note.contains(told)), "{notes:?}");
    }
}

#[test]
fn of_the_folder_of_a_split_the_passages_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write_all(
        root,
        &[
            ("split.json", MANIFEST),
            ("split.lock", ""),
            ("passages.tsv", "id\ttext\ttitle\n1\tx\tX\n"),
        ],
    );
    assert_eq!(read_folder(root).0.expect().keys(), ["1"]);
    for name in ["documents", "passages"] {
        let text = format!("{{\"key\": \"{name}\", \"text\": \"x\"}}");
        write_all(root, &[(&format!("{name}/part-00000.jsonl"), &text)]);
    }
    assert_eq!(read_folder(root).0.expect().keys(), ["passages"]);
}
