//! Every format that can be read from a stream, compressed or not, in a tar archive or not.

use std::io::{Read as _, Write as _};

use ragdex_corpus::{Columns, Format, ReadOptions};

use crate::reading::Reading;
use crate::{MAX_BYTES, option_byte};

/// What the first byte chooses, by its lower four bits: a format and a name of the file.
const FORMATS: [(Format, &str); 16] = [
    (Format::Auto, "x"),
    (Format::Jsonl, "x.jsonl"),
    (Format::Csv, "x.csv"),
    (Format::Csv, "x.tsv"),
    (Format::PsgsTsv, "x.tsv"),
    (Format::Kilt, "x.jsonl"),
    (Format::Cirrus, "x.json"),
    (Format::Enterprise, "x.ndjson"),
    (Format::WikiExtractor, "wiki_00"),
    (Format::Text, "x.txt"),
    (Format::Text, "x.md"),
    (Format::Text, "x.html"),
    (Format::Auto, "x.md"),
    (Format::Auto, "x.html"),
    (Format::Auto, "x.csv"),
    (Format::MediaWiki, "x.xml"),
];

/// Bits of the second byte: the lowest two are the [`Packing`].
const STRICT: u8 = 4;
const NO_CODE_BLOCKS: u8 = 8;
const LITERAL_QUOTES: u8 = 16;
const THREADS: u8 = 32;
const KEEP_GOING: u8 = 128;

/// What is done to the content before it is read. Bytes that are compressed already are read as
/// they are.
#[derive(Debug, Clone, Copy)]
enum Packing {
    AsIs,
    Bzip2,
    Gzip,
    Zstd,
}

/// Reads a source: a byte that chooses the format, a byte of options, then the content.
///
/// # Panics
/// When a record is lost without being counted, a document cannot be used, or when the result
/// depends on compression, the number of threads or how much a reader gives at a time.
pub fn source(mut data: &[u8]) {
    let (format, name) = FORMATS[usize::from(option_byte(&mut data) & 15)];
    let choice = option_byte(&mut data);
    let content = &data[..data.len().min(MAX_BYTES)];
    let mut options = ReadOptions {
        format,
        columns: Columns {
            literal_quotes: choice & LITERAL_QUOTES != 0,
            ..Columns::default()
        },
        code_blocks: choice & NO_CODE_BLOCKS == 0,
        strict: choice & STRICT != 0,
        keep_going: choice & KEEP_GOING != 0,
        threads: 1,
        ..ReadOptions::default()
    };
    if too_long_inside(content) {
        return;
    }
    let reading = Reading::of(name, content, usize::MAX, &options);
    reading.check(options.strict);
    if choice & THREADS != 0 {
        options.threads = 2;
        let other = Reading::of(name, content, 7, &options);
        assert_eq!(
            other, reading,
            "another result from threads and small pieces"
        );
    }
    check_packed(packing(choice), name, content, &options, &reading);
}

fn packing(choice: u8) -> Packing {
    [Packing::AsIs, Packing::Bzip2, Packing::Gzip, Packing::Zstd][usize::from(choice & 3)]
}

/// Checks that compressed content gives what the content gives.
fn check_packed(
    packing: Packing,
    name: &str,
    content: &[u8],
    options: &ReadOptions<'_>,
    plain: &Reading,
) {
    // Nothing looks for an archive, or for compressed data, inside compressed data.
    if content.is_empty() || unpacks(content) || is_archive(content) {
        return;
    }
    let packed = match packing {
        Packing::AsIs => return,
        Packing::Bzip2 => bzip2(content),
        Packing::Gzip => gzip(content),
        Packing::Zstd => zstd(content),
    };
    let reading = Reading::of(name, &packed, usize::MAX, options);
    assert_eq!(&reading, plain, "another result from {packing:?}");
}

/// Whether a source takes the content for compressed data.
fn unpacks(content: &[u8]) -> bool {
    let magic: [&[u8]; 3] = [b"BZh", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"];
    magic.iter().any(|magic| content.starts_with(magic))
}

/// Whether a source refuses the content as a file of another kind.
fn is_archive(content: &[u8]) -> bool {
    let magic: [&[u8]; 6] = [
        b"PK\x03\x04",
        b"7z\xbc\xaf",
        b"\xfd7zXZ",
        b"PAR",
        b"ARROW1",
        b"%PDF-",
    ];
    magic.iter().any(|magic| content.starts_with(magic))
}

/// Whether compressed content holds more than a fuzzer has time for: a kilobyte can hold gigabytes.
fn too_long_inside(content: &[u8]) -> bool {
    const LIMIT: u64 = 16 * MAX_BYTES as u64;
    if !unpacks(content) {
        return false;
    }
    let mut sink = Vec::new();
    let _ = match content[0] {
        b'B' => bzip2::read::MultiBzDecoder::new(content)
            .take(LIMIT)
            .read_to_end(&mut sink),
        0x1f => flate2::read::MultiGzDecoder::new(content)
            .take(LIMIT)
            .read_to_end(&mut sink),
        _ => match zstd::Decoder::new(content) {
            Ok(decoder) => decoder.take(LIMIT).read_to_end(&mut sink),
            Err(_) => return false,
        },
    };
    sink.len() as u64 == LIMIT
}

fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(content).expect("a vector takes all");
    encoder.finish().expect("a vector takes all")
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).expect("a vector takes all");
    encoder.finish().expect("a vector takes all")
}

fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).expect("a vector takes all")
}
