use super::*;

/// A pickle in the container of PyTorch before 1.6, with one storage `0` of `numbers`.
fn stream(dictionary: &[u8], numbers: &[f32]) -> Vec<u8> {
    let mut file = legacy::MAGIC.to_vec();
    file.extend(b"\x80\x02M\xe9\x03."); // 1001
    file.extend(b"\x80\x02}(X\x0d\x00\x00\x00little_endian\x88u.");
    file.extend(dictionary);
    file.extend(b"\x80\x02](X\x01\x00\x00\x000e.");
    file.extend((numbers.len() as u64).to_le_bytes());
    file.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    file
}

/// A dictionary of one tensor `x` with these pickled values for offset, shape and strides.
fn one_tensor(offset: &[u8], shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let mut pickle = b"\x80\x02}(X\x01\x00\x00\x00xctorch._utils\n_rebuild_tensor_v2\n(".to_vec();
    pickle.extend(b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\n");
    pickle.extend(b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04NtQ");
    for part in [offset, shape, strides] {
        pickle.extend(part);
    }
    pickle.extend(b"\x89ccollections\nOrderedDict\n)RtRu.");
    pickle
}

fn read(bytes: &[u8]) -> Result<BTreeMap<String, StoredTensor>, Error> {
    read_tensors(bytes, 0, Path::new("weights.bin"))
}

fn message(bytes: &[u8]) -> String {
    read(bytes).expect_err("the file is refused").to_string()
}

#[test]
fn a_transposed_tensor_keeps_its_strides() {
    let pickle = one_tensor(b"K\x00", b"K\x02K\x02\x86", b"K\x01K\x02\x86");
    let tensors = read(&stream(&pickle, &[0.0, 1.0, 2.0, 3.0])).unwrap();
    assert_eq!(tensors["x"].shape, [2, 2]);
    assert_eq!(tensors["x"].strides.as_deref(), Some([1, 2].as_slice()));
    assert_eq!(tensors["x"].bytes.len(), 16);
}

#[test]
fn tensors_stay_within_their_storage() {
    let huge = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f";
    let pair = |number: &[u8]| [number, number, b"\x86"].concat();
    let (one, two) = (b"K\x01\x85".as_slice(), b"K\x02\x85".as_slice());
    let cases = [
        one_tensor(b"K\x03", two, one),
        one_tensor(b"K\x05", one, one),
        one_tensor(huge, one, one),
        one_tensor(b"K\x00", &pair(huge), &pair(b"K\x01")),
        one_tensor(b"K\x00", &pair(b"K\x02"), &pair(huge)),
        one_tensor(b"K\x00", &pair(huge), &pair(b"K\x00")),
        one_tensor(b"K\x00", &pair(b"K\x02"), one),
        one_tensor(b"J\xff\xff\xff\xff", one, one),
    ];
    for (i, pickle) in cases.iter().enumerate() {
        let message = message(&stream(pickle, &[0.0; 4]));
        assert!(message.contains("tensor `x`: "), "case {i}: {message}");
    }
}

#[test]
fn an_empty_tensor_may_have_any_other_size() {
    let shape = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7fK\x00\x86";
    let tensors = read(&stream(
        &one_tensor(b"K\x00", shape, b"K\x01K\x05\x86"),
        &[0.0; 4],
    ));
    assert_eq!(tensors.unwrap()["x"].bytes.len(), 0);
}

#[test]
fn code_is_refused_by_name() {
    for (code, name) in [
        (
            b"\x80\x02cos\nsystem\n(X\x02\x00\x00\x00lstR.".as_slice(),
            "os.system",
        ),
        (b"\x80\x02cbuiltins\neval\n.", "builtins.eval"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "os.system"),
        (b"\x80\x02ctorch\nload\n.", "torch.load"),
        (
            b"\x80\x02ccollections\nOrderedDict.__init__\n.",
            "collections.OrderedDict.__init__",
        ),
    ] {
        let message = message(&stream(code, &[]));
        assert!(
            message.contains(&format!("the pickle names `{name}`")),
            "{message}"
        );
    }
}

#[test]
fn instructions_that_make_objects_are_refused() {
    for code in [
        b"\x80\x02(i__main__\nX\n.".as_slice(),
        b"\x80\x02(cos\nsystem\no.",
        b"\x82\x01.",
    ] {
        let message = message(&stream(code, &[]));
        assert!(
            message.contains("not accepted") || message.contains("os.system"),
            "{message}"
        );
    }
}

#[test]
fn malformed_pickles_are_refused() {
    let cases: [&[u8]; 12] = [
        b".",
        b"0.",
        b"t.",
        b"\x86.",
        b"(0.",
        b"h\x07.",
        b"X\xff\xff\xff\xffx.",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffx.",
        b"Na.",
        b"}K\x01K\x02K\x03u.",
        b"NNR.",
        b"X\x01\x00\x00\x00\xff.",
    ];
    for code in cases {
        assert!(message(&stream(code, &[])).contains("byte "), "{code:?}");
    }
}

#[test]
fn containers_that_hold_themselves_or_nest_without_end_do_no_harm() {
    let own_list = b"\x80\x02]q\x00h\x00a.";
    let own_dict = b"\x80\x02}q\x00(X\x01\x00\x00\x00xh\x00u.";
    assert!(message(&stream(own_list, &[])).contains("a dictionary of tensors expected"));
    assert!(message(&stream(own_dict, &[])).contains("a storage that no tensor uses"));
    let deep = [b"\x80\x02)".as_slice(), &b"\x85".repeat(2_000_000), b"."].concat();
    assert!(message(&stream(&deep, &[])).contains("a dictionary of tensors expected"));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let tensor = one_tensor(b"K\x00", b"K\x04\x85", b"K\x01\x85");
    let whole = stream(&tensor, &[0.0; 4]);
    assert!(read(&whole).is_ok());
    for length in 0..whole.len() {
        assert!(read(&whole[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn a_zip_archive_cut_or_changed_anywhere_does_no_harm() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data/golden/rag/rag-token/pytorch_model.bin");
    let whole = std::fs::read(path).unwrap();
    for length in (0..whole.len()).step_by(997) {
        assert!(read(&whole[..length]).is_err(), "{length} bytes");
    }
    let directory = whole.len() - 14_000;
    for position in (0..2000).chain(directory..whole.len()).step_by(3) {
        let mut changed = whole.clone();
        changed[position] ^= 0xff;
        let _ = read(&changed); // an error or other tensors, never a panic
    }
}
