//! Models by name: fetched from a hub, looked up in the cache, described.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use ragdex_testing::{HubFault, HubServer};
use serde_json::{Value, json};

use crate::json::check;
use crate::util::{Dir, Printed, Run, files, repository};

const ENCODER: &str = "org/encoder";

/// A hub with a small encoder of sentence-transformers.
fn hub() -> HubServer {
    let hub = HubServer::start();
    let mut model = files(&repository("tests/data/golden/encoders/sentence-roberta"));
    model.push((
        "README.md".into(),
        b"---\nlicense: apache-2.0\n---\n".to_vec(),
    ));
    let model: Vec<(&str, &[u8])> = model
        .iter()
        .map(|(name, bytes)| (&**name, &**bytes))
        .collect();
    hub.publish(ENCODER, &model);
    hub
}

/// The program with a network, which is that hub.
fn online<'a>(dir: &Dir, hub: &HubServer, arguments: impl IntoIterator<Item = &'a str>) -> Run {
    let mut run = dir.ragdex(arguments);
    run.0
        .env("HF_HUB_OFFLINE", "0")
        .env("HF_ENDPOINT", hub.url());
    run.0.env("HF_HUB_DOWNLOAD_TIMEOUT", "60");
    run
}

#[track_caller]
fn says(printed: &Printed, words: &[&str]) {
    for word in words {
        assert!(
            printed.stderr.contains(word),
            "{word} in: {}",
            printed.stderr
        );
    }
    assert_eq!(printed.stdout, "");
}

#[test]
fn a_fetched_model_is_listed_described_and_used_without_a_network() {
    let (dir, hub) = (Dir::new(), hub());
    let pull = ["models", "pull", ENCODER, "--json"];
    let pulled = online(&dir, &hub, pull).succeeds().json().remove(0);
    check("models-pull", &pulled);
    assert_eq!(pulled["licence"], "apache-2.0");
    assert_eq!(pulled["bytes"], pulled["fetched"]);
    let again = online(&dir, &hub, pull).succeeds().json().remove(0);
    assert_eq!(again["fetched"], 0);

    let listed = dir.ragdex(["models", "list", "--json"]).succeeds().json();
    let cached: Vec<&Value> = listed
        .iter()
        .filter(|line| line["kind"] == "cached")
        .collect();
    assert_eq!(cached.len(), 1);
    check("models", cached[0]);
    assert_eq!(
        (&cached[0]["name"], &cached[0]["available"]),
        (&json!(ENCODER), &json!(true))
    );
    assert_eq!(cached[0]["revision"], pulled["revision"]);
    assert_eq!(cached[0]["bytes"], pulled["bytes"]);

    let info = dir
        .ragdex(["models", "info", ENCODER, "--json"])
        .succeeds()
        .json()
        .remove(0);
    check("models-info", &info);
    assert_eq!(info["uses"], json!(["context_encoder", "question_encoder"]));
    assert_eq!(
        (&info["licence"], &info["kind"]),
        (&json!("apache-2.0"), &json!("roberta"))
    );

    dir.write("a.txt", "The heron is a bird that eats fish.");
    dir.ragdex(["build", "kb", "a.txt", "--context-encoder", ENCODER])
        .succeeds();
    dir.ragdex(["search", "kb", "bird"]).succeeds();
    let manifest = std::fs::read(dir.path("kb/snapshots/00000001.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let licences = manifest["licences"].as_array().unwrap();
    assert!(
        licences.contains(&json!("org/encoder: apache-2.0")),
        "{licences:?}"
    );
    assert_eq!(
        manifest["encoder"]["context"]["revision"],
        pulled["revision"]
    );
}

#[test]
fn a_build_fetches_the_model_that_it_names_and_says_so() {
    let (dir, hub) = (Dir::new(), hub());
    dir.write("a.txt", "The heron is a bird that eats fish.");
    let build = ["build", "kb", "a.txt", "--context-encoder", ENCODER];
    let printed = online(&dir, &hub, build).succeeds();
    for word in ["fetching it from", &hub.url(), "licence apache-2.0"] {
        assert!(
            printed.stderr.contains(word),
            "{word} in {}",
            printed.stderr
        );
    }
    let asked = hub.requests().len();
    online(&dir, &hub, ["search", "kb", "bird"]).succeeds();
    assert_eq!(
        hub.requests().len(),
        asked,
        "what is there is not asked for"
    );
}

#[test]
fn a_knowledge_base_keeps_to_the_commit_that_it_was_built_with() {
    let (dir, hub) = (Dir::new(), hub());
    dir.write("a.txt", "The heron is a bird that eats fish.");
    online(
        &dir,
        &hub,
        ["build", "kb", "a.txt", "--context-encoder", ENCODER],
    )
    .succeeds();
    let before = dir
        .ragdex(["search", "kb", "bird", "--json"])
        .succeeds()
        .json();
    let mut changed = files(&repository("tests/data/golden/encoders/sentence-roberta"));
    for (_, weights) in changed
        .iter_mut()
        .filter(|(name, _)| name == "model.safetensors")
    {
        let lowest_byte_of_the_last_number = weights.len() - 4;
        weights[lowest_byte_of_the_last_number] ^= 1;
    }
    let changed: Vec<(&str, &[u8])> = changed
        .iter()
        .map(|(name, bytes)| (&**name, &**bytes))
        .collect();
    hub.publish(ENCODER, &changed);
    online(&dir, &hub, ["models", "pull", ENCODER]).succeeds();
    let after = dir
        .ragdex(["search", "kb", "bird", "--json"])
        .succeeds()
        .json();
    assert_eq!(after[0]["passages"], before[0]["passages"]);
}

#[test]
fn what_only_a_knowledge_base_names_is_not_fetched() {
    let (dir, hub) = (Dir::new(), hub());
    dir.write("a.txt", "The heron is a bird that eats fish.");
    let build = ["build", "kb", "a.txt", "--context-encoder", ENCODER];
    online(&dir, &hub, build).succeeds();
    std::fs::remove_dir_all(dir.path(".cache")).unwrap();
    let asked = hub.requests().len();
    let printed = online(&dir, &hub, ["search", "kb", "bird"]).exits(3);
    says(
        &printed,
        &["error:", ENCODER, "hint:", "ragdex models pull org/encoder"],
    );
    assert_eq!(hub.requests().len(), asked);
    online(
        &dir,
        &hub,
        ["search", "kb", "bird", "--question-encoder", ENCODER],
    )
    .succeeds();
}

#[test]
fn mistakes_name_the_remedy() {
    let (dir, hub) = (Dir::new(), hub());
    hub.publish(
        "org/gated",
        &[("config.json", b"{}"), ("model.safetensors", b"weights")],
    );
    hub.gate("org/gated", "token");
    hub.publish(
        "org/other",
        &[("config.json", b"{}"), ("tf_model.h5", b"weights")],
    );
    let page = format!("{}/org/gated", hub.url());
    for (model, words) in [
        ("org/nothing", &["org/nothing", "spelling", "HF_TOKEN"][..]),
        ("org/gated", &["org/gated", "HF_TOKEN", &page]),
        ("org/encoder@dev", &["org/encoder", "`dev`", "main"]),
        ("org/other", &["org/other", "model.safetensors"]),
        ("../x", &["../x", "organisation/name"]),
        ("mini", &["mini", "inside the program"]),
    ] {
        let printed = online(&dir, &hub, ["models", "pull", model]).exits(3);
        says(&printed, &[words, &["error:", "hint:"]].concat());
    }
    let offline = dir.ragdex(["models", "pull", ENCODER]).exits(3);
    says(
        &offline,
        &[
            "error:",
            "hint:",
            "HF_HUB_OFFLINE",
            "ragdex models pull org/encoder",
        ],
    );
    let gone = HubServer::start().url();
    let mut unreachable = dir.ragdex(["models", "pull", ENCODER]);
    unreachable
        .0
        .env("HF_HUB_OFFLINE", "0")
        .env("HF_ENDPOINT", gone);
    says(&unreachable.exits(1), &["error:", "hint:", "network"]);
    let listed = dir.ragdex(["models", "list", "--json"]).succeeds().json();
    assert!(
        listed.iter().all(|line| line["kind"] == "preset"),
        "nothing is left"
    );
}

#[test]
fn a_token_opens_a_gated_model() {
    let (dir, hub) = (Dir::new(), hub());
    hub.gate(ENCODER, "token");
    let pull = ["models", "pull", ENCODER];
    let mut with_token = online(&dir, &hub, pull);
    with_token.0.env("HF_TOKEN", "token");
    with_token.succeeds();
}

#[cfg(unix)]
#[test]
fn a_stopped_download_goes_on_where_it_stopped() {
    let (dir, hub) = (Dir::new(), hub());
    // The end of the commit, so that the weights of `2_Dense` do not count.
    let weights = "1/model.safetensors";
    hub.fail(weights, HubFault::Stall(20_000), 1);
    let mut run = online(&dir, &hub, ["models", "pull", ENCODER]);
    run.0.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = run.0.spawn().unwrap();
    let blobs = dir.path(".cache/huggingface/hub/models--org--encoder/blobs");
    while incomplete(&blobs) < 20_000 {
        assert_eq!(
            child.try_wait().unwrap(),
            None,
            "it ended before it was stopped"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let kill = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let unfinished = dir.ragdex(["models", "info", ENCODER]).exits(3);
    says(&unfinished, &["ragdex models pull org/encoder"]);
    online(&dir, &hub, ["models", "pull", ENCODER]).succeeds();
    let asked = hub
        .requests()
        .into_iter()
        .filter(|request| request.target.ends_with(weights));
    let from: Vec<Option<usize>> = asked.map(|request| request.from).collect();
    assert_eq!(from[0], None);
    assert!(from[1].is_some_and(|from| from >= 20_000), "{from:?}");
}

/// How much of the largest unfinished file is there.
fn incomplete(blobs: &Path) -> u64 {
    let entries = std::fs::read_dir(blobs).into_iter().flatten().flatten();
    let unfinished =
        entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".incomplete"));
    unfinished
        .filter_map(|entry| Some(entry.metadata().ok()?.len()))
        .max()
        .unwrap_or(0)
}

#[test]
fn info_tells_what_each_kind_of_checkpoint_serves_for() {
    let dir = Dir::new();
    let golden = |name: &str| {
        let path = repository("tests/data/golden/rag").join(name);
        path.to_str().unwrap().to_owned()
    };
    for (model, kind, uses) in [
        (
            golden("dpr-ctx-encoder-proj"),
            "dpr",
            json!(["context_encoder"]),
        ),
        (
            golden("dpr-question-encoder"),
            "dpr",
            json!(["question_encoder"]),
        ),
        (golden("bart"), "bart", json!(["generator"])),
        (
            golden("rag-token"),
            "rag",
            json!(["question_encoder", "generator"]),
        ),
    ] {
        let info = dir
            .ragdex(["models", "info", &model, "--json"])
            .succeeds()
            .json()
            .remove(0);
        check("models-info", &info);
        assert_eq!(
            (&info["kind"], &info["uses"]),
            (&json!(kind), &uses),
            "{model}"
        );
        assert_eq!(info["problem"], Value::Null);
        assert!(info["parameters"].as_u64().unwrap() > 30_000);
    }
    let projected = dir.ragdex(["models", "info", &golden("dpr-ctx-encoder-proj"), "--json"]);
    assert_eq!(projected.succeeds().json()[0]["dimension"], 24);
    let mini = dir
        .ragdex(["models", "info", "mini", "--json"])
        .succeeds()
        .json();
    assert_eq!(mini.len(), 2);
    for part in &mini {
        check("models-info", part);
        assert_eq!(part["licence"], "Apache-2.0");
    }
    assert_eq!(
        (&mini[0]["pooling"], &mini[1]["uses"]),
        (&json!("mean"), &json!(["generator"]))
    );
}

#[test]
fn a_bare_encoder_is_described_with_what_it_lacks() {
    let dir = Dir::new();
    let bare = repository("tests/data/golden/encoders/roberta");
    let info = dir
        .ragdex(["models", "info", bare.to_str().unwrap(), "--json"])
        .succeeds()
        .json();
    assert_eq!(info[0]["uses"], json!([]));
    assert!(
        info[0]["problem"].as_str().unwrap().contains("pooling"),
        "{}",
        info[0]
    );
}
