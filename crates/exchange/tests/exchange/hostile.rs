//! Files cut and changed anywhere: an error or vectors, never a panic.

use std::path::Path;

use ragdex_exchange::{Error, VectorFiles};

use crate::data;

/// Opens a file and reads every row.
fn read_all(path: &Path) -> Result<u64, Error> {
    let files = VectorFiles::open(&[path.to_owned()], "embeddings", 4)?;
    let mut rows = files.starting_at(0)?;
    let mut n = 0;
    while rows.next()?.is_some() {
        n += 1;
    }
    Ok(n)
}

const FILES: [&str; 7] = [
    "f4.npy",
    "version-2.npy",
    "flat.faiss",
    "map.faiss",
    "shard-3.pickle",
    "shard-4.pickle",
    "shard-5.pickle",
];

#[test]
fn files_cut_anywhere_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut");
    for name in FILES {
        let whole = std::fs::read(data(name)).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let error = read_all(&path).expect_err(&format!("{name}: {length} bytes"));
            assert!(error.is_bad_input(), "{name}: {length} bytes: {error}");
        }
    }
}

#[test]
fn files_changed_anywhere_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed");
    for name in FILES {
        let whole = std::fs::read(data(name)).unwrap();
        for position in 0..whole.len() {
            for bits in [0x01, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[position] ^= bits;
                std::fs::write(&path, &changed).unwrap();
                if let Err(error) = read_all(&path) {
                    assert!(error.is_bad_input(), "{name}: byte {position}: {error}");
                }
            }
        }
    }
}

#[test]
fn counts_that_no_file_can_hold_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge");
    let mut flat = std::fs::read(data("flat.faiss")).unwrap();
    flat[8..16].copy_from_slice(&i64::MAX.to_le_bytes());
    flat[37..45].copy_from_slice(&u64::MAX.to_le_bytes());
    std::fs::write(&path, &flat).unwrap();
    assert!(read_all(&path).is_err());
    let npy = std::fs::read(data("f4.npy")).unwrap();
    let huge = String::from_utf8_lossy(&npy[..128]).contains("(5, 4)");
    assert!(huge, "the shape stands in the header");
    let at = npy
        .windows(6)
        .position(|window| window == b"(5, 4)")
        .unwrap();
    let mut changed = npy.clone();
    let shape = b"(9223372036854775807, 9223372036854775807)";
    let rest = at + 6 + shape.len() - 6;
    changed[at..at + shape.len()].copy_from_slice(shape);
    changed[rest..rest + 3].copy_from_slice(b", }");
    std::fs::write(&path, &changed).unwrap();
    assert!(read_all(&path).is_err());
}

#[test]
fn an_empty_file_is_of_no_kind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty");
    std::fs::write(&path, b"").unwrap();
    assert!(matches!(read_all(&path), Err(Error::Kind { .. })));
    assert!(matches!(read_all(folder.path()), Err(Error::Read { .. })));
}
