//! Where models run, as a user asks for it.

use crate::util::Dir;

/// A folder with a document, from which a knowledge base can be built.
fn with_document() -> Dir {
    let dir = Dir::new();
    dir.write(
        "notes/lamp.txt",
        "The lamp of the Marrow lighthouse was lit in 1901.",
    );
    dir
}

/// Whether this program was built with support for GPUs; then there may be one.
fn knows_gpus() -> bool {
    cfg!(any(feature = "cuda", feature = "metal"))
}

#[test]
fn texts_that_name_no_device_are_wrong_usage() {
    let dir = with_document();
    for device in ["abacus", "cuda:", "cuda:0,0", "cuda:-1", "cpu:0", ""] {
        let printed = dir
            .ragdex(["build", "kb", "notes", "--device", device])
            .exits(2);
        assert!(
            printed
                .stderr
                .contains("`cuda:all`, `metal` or `auto` expected"),
            "{}",
            printed.stderr
        );
    }
    assert!(!dir.path("kb").exists());
}

#[test]
fn a_gpu_that_the_program_knows_nothing_of_is_refused_with_the_remedy() {
    if knows_gpus() {
        println!("not run: this program is built with support for GPUs");
        return;
    }
    let dir = with_document();
    for (device, kind) in [
        ("cuda", "cuda"),
        ("cuda:1,0", "cuda"),
        ("cuda:all", "cuda"),
        ("metal", "metal"),
    ] {
        let printed = dir
            .ragdex(["build", "kb", "notes", "--device", device])
            .exits(3);
        let expected = format!("device `{kind}`: this program is built without support for it");
        assert!(printed.stderr.contains(&expected), "{}", printed.stderr);
        let remedy = format!("hint: build ragdex with `--features {kind}`");
        assert!(printed.stderr.contains(&remedy), "{}", printed.stderr);
        assert!(
            printed.stderr.contains("`--device cpu`"),
            "{}",
            printed.stderr
        );
    }
    assert!(!dir.path("kb").exists());
}

#[test]
fn auto_without_support_for_gpus_is_the_processor_and_says_nothing() {
    if knows_gpus() {
        println!("not run: this program is built with support for GPUs");
        return;
    }
    let dir = with_document();
    let built = dir
        .ragdex(["build", "kb", "notes", "--device", "auto"])
        .succeeds();
    assert!(!built.stderr.contains("GPU"), "{}", built.stderr);
    let question = ["search", "kb", "Marrow", "--json", "--device"];
    let search = |device| {
        let mut found = dir
            .ragdex(question.into_iter().chain([device]))
            .succeeds()
            .json();
        found[0].as_object_mut().unwrap().remove("milliseconds");
        found
    };
    assert_eq!(search("cpu"), search("auto"));
    dir.ragdex(question.into_iter().chain(["cuda"])).exits(3);
}

#[test]
fn commands_without_models_need_no_device() {
    let dir = with_document();
    dir.ragdex(["build", "kb", "notes", "--device", "cpu"])
        .succeeds();
    dir.ragdex(["info", "kb", "--device", "cuda:7"]).succeeds();
}
