//! The arrows between crates that `ARCHITECTURE.md` draws.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::util::repository;

/// What each crate may use of ours and must use, no more and no less.
const ARROWS: [(&str, &[&str]); 15] = [
    ("ragdex-cli", &["ragdex", "ragdex-sample"]),
    (
        "ragdex",
        &[
            "ragdex-core",
            "ragdex-corpus",
            "ragdex-exchange",
            "ragdex-hub",
            "ragdex-index",
            "ragdex-models",
            "ragdex-rag",
            "ragdex-store",
        ],
    ),
    ("ragdex-core", &[]),
    ("ragdex-corpus", &["ragdex-core", "ragdex-wikitext"]),
    ("ragdex-exchange", &["ragdex-core", "ragdex-pickle"]),
    ("ragdex-hub", &["ragdex-core"]),
    ("ragdex-index", &["ragdex-core"]),
    ("ragdex-kernels", &[]),
    (
        "ragdex-models",
        &["ragdex-core", "ragdex-kernels", "ragdex-pickle"],
    ),
    ("ragdex-pickle", &[]),
    ("ragdex-rag", &["ragdex-core", "ragdex-models"]),
    ("ragdex-sample", &[]),
    ("ragdex-store", &["ragdex-core"]),
    ("ragdex-testing", &["ragdex-core", "ragdex-store"]),
    ("ragdex-wikitext", &[]),
];

/// Crates that only the root package may name.
const TERMINAL: [&str; 6] = [
    "anstream",
    "anyhow",
    "clap",
    "ctrlc",
    "indicatif",
    "anstyle",
];

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(repository(""))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn dependencies() -> BTreeMap<String, Vec<String>> {
    packages().iter().map(normal_dependencies).collect()
}

fn normal_dependencies(package: &Value) -> (String, Vec<String>) {
    let all = package["dependencies"].as_array().unwrap();
    let normal = all.iter().filter(|dependency| dependency["kind"].is_null());
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    (name(package), normal.map(name).collect())
}

#[test]
fn crates_use_each_other_as_drawn() {
    let found = dependencies();
    let drawn = ARROWS.map(|(name, _)| name);
    let undrawn: Vec<_> = found
        .keys()
        .filter(|name| !drawn.contains(&&***name))
        .collect();
    assert!(
        undrawn.is_empty(),
        "crates that ARCHITECTURE.md does not know: {undrawn:?}"
    );
    for (name, expected) in ARROWS {
        let mut ours = found[name].clone();
        ours.retain(|other| other.starts_with("ragdex"));
        ours.sort();
        assert_eq!(ours, expected, "{name}");
    }
}

#[test]
fn only_the_root_package_knows_the_terminal() {
    for (name, uses) in dependencies() {
        let terminal: Vec<_> = uses
            .iter()
            .filter(|other| TERMINAL.contains(&&***other))
            .collect();
        assert!(
            name == "ragdex-cli" || terminal.is_empty(),
            "{name}: {terminal:?}"
        );
    }
}

#[test]
fn what_is_published_needs_nothing_that_is_not() {
    let is_private = |package: &Value| package["publish"] == Value::Array(Vec::new());
    let packages = packages();
    let (private, public): (Vec<&Value>, Vec<&Value>) =
        packages.iter().partition(|p| is_private(p));
    let private: Vec<&str> = private
        .iter()
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    // A package may have 10 MB; the bundled models have 31.
    assert!(private.contains(&"ragdex-sample"), "{private:?}");
    for (name, uses) in public.into_iter().map(normal_dependencies) {
        let wanting = uses.iter().find(|other| private.contains(&&***other));
        assert_eq!(wanting, None, "{name}");
    }
}
