//! Every input that is kept, seeds and former findings, run once without a fuzzer.

use std::fs;
use std::path::Path;

/// Runs a target on every file in its folders.
fn run(name: &str, target: fn(&[u8])) {
    let mut n_inputs = 0;
    for folder in ["seeds", "regressions"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(folder)
            .join(name);
        let Ok(entries) = fs::read_dir(folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            target(&fs::read(path).unwrap());
            n_inputs += 1;
        }
    }
    assert!(n_inputs > 0, "no inputs for `{name}`");
}

#[test]
fn wikitext_keeps_its_promises() {
    run("wikitext", ragdex_fuzz::wikitext);
}

#[test]
fn dumps_keep_their_promises() {
    run("dump", ragdex_fuzz::dump);
}

#[test]
fn sources_keep_their_promises() {
    run("source", ragdex_fuzz::source);
}

#[test]
fn splitting_keeps_its_promises() {
    run("split", ragdex_fuzz::split);
}

#[test]
fn pickles_keep_their_promises() {
    run("pickle", ragdex_fuzz::pickle);
}

#[test]
fn manifests_keep_their_promises() {
    run("manifest", ragdex_fuzz::manifest);
}

#[test]
fn files_of_a_knowledge_base_keep_their_promises() {
    run("base", ragdex_fuzz::base);
}

#[test]
fn files_of_indexes_keep_their_promises() {
    run("index", ragdex_fuzz::index);
}
