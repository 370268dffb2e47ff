//! The golden cases: wikitext and the text that it must give, byte for byte.

use ragdex_wikitext::{Extractor, PageInput};
use serde_json::Value;

const CASES: &str = include_str!("data/cases.jsonl");

#[test]
fn every_golden_case_comes_out_byte_for_byte() {
    let extractor = Extractor::default();
    let mut failures = Vec::new();
    let cases: Vec<Value> = CASES
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for case in &cases {
        let [name, text, wanted] =
            ["name", "wikitext", "text"].map(|key| case[key].as_str().unwrap());
        let page = PageInput {
            title: name,
            namespace: 0,
            redirect: None,
            text,
        };
        let got = extractor.extract(&page).text();
        if got != wanted {
            failures.push(format!("{name}\n  wanted {wanted:?}\n  got    {got:?}"));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {}:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
    assert_eq!(cases.len(), 71);
}
