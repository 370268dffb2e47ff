//! The main job: `ragdex demo`, as the README's first command runs it.

use crate::util::Dir;

/// What counts as right for each of the five questions.
const RIGHT: [&str; 5] = [
    "Adolphe Sax",
    "three",
    "Angara",
    "polonium",
    "William Lassell",
];

#[test]
fn the_demo_answers_with_sources_and_a_second_run_reuses_the_base() {
    let dir = Dir::new();
    let first = dir.ragdex(["demo"]).succeeds();
    for part in ["posterior", "embed", "ragdex answer ragdex-demo"] {
        assert!(first.stdout.contains(part), "{part}: {}", first.stdout);
    }
    let before = crate::util::files(&dir.path("ragdex-demo"));
    let second = dir.ragdex(["demo"]).succeeds();
    assert!(second.stdout.contains("reusing"), "{}", second.stdout);
    assert_eq!(crate::util::files(&dir.path("ragdex-demo")), before);
}

#[test]
fn the_answers_are_right() {
    let dir = Dir::new();
    let printed = dir.ragdex(["demo", "--json"]).succeeds().json();
    let answers: Vec<&str> = printed
        .iter()
        .filter_map(|line| line["answer"].as_str())
        .collect();
    assert_eq!(answers.len(), RIGHT.len());
    let pairs = answers.iter().zip(RIGHT);
    let right =
        pairs.filter(|(answer, right)| answer.to_lowercase().contains(&right.to_lowercase()));
    assert!(right.count() >= 4, "{answers:?}");
}
