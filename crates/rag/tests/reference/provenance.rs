//! Posteriors and occurrences.

use ragdex_rag::{AnswerOptions, PassageInput};

use crate::golden::{assert_close, model, retrieved};

#[test]
fn posteriors_and_priors_sum_to_one() {
    let retrieved = retrieved(5);
    for name in ["rag-token", "rag-sequence"] {
        let rag = model(name);
        let options = AnswerOptions::default();
        let answers = rag
            .answer_batch(&retrieved.queries(), &options)
            .expect("answers");
        for answer in answers {
            assert_close(answer.passages.iter().map(|p| p.prior).sum(), 1.0, 1e-5);
            assert_close(answer.passages.iter().map(|p| p.posterior).sum(), 1.0, 1e-5);
            for token in &answer.tokens {
                assert_close(token.passages.iter().sum(), 1.0, 1e-5);
            }
        }
    }
}

#[test]
fn each_token_of_rag_token_has_its_evidence() {
    let rag = model("rag-token");
    let retrieved = retrieved(5);
    let query = retrieved.queries()[1];
    let options = AnswerOptions::default();
    let answer = rag
        .answer(query.question, query.passages, &options)
        .expect("an answer");
    let tokens: Vec<u32> = answer.tokens.iter().map(|t| t.token).collect();
    assert_eq!(tokens, answer.candidates[0].tokens[1..]);
    // The mean leaves `<s>` and `</s>` out.
    let spoken = &answer.tokens[1..tokens.len() - 1];
    let mean: f32 = spoken.iter().map(|t| t.passages[0]).sum::<f32>() / spoken.len() as f32;
    assert_close(answer.passages[0].posterior, mean, 1e-6);
}

#[test]
fn the_answer_is_found_in_the_passages() {
    let rag = model("rag-token");
    let text = "Salt Year is by Teodor Vance, and TEODOR VANCE was a miner.";
    let mut passages = retrieved(5).passages[1].clone();
    passages.push(PassageInput {
        title: "Salt Year".into(),
        text: text.into(),
        score: -9.0,
    });
    let options = AnswerOptions {
        n_docs: Some(6),
        ..AnswerOptions::default()
    };
    let question = "Who wrote Copper Season?";
    let answer = rag
        .answer(question, &passages, &options)
        .expect("an answer");
    assert_eq!(answer.text, "teodor vance");
    let found = &answer.passages[5].occurrences;
    let words: Vec<&str> = found.iter().map(|bytes| &text[bytes.clone()]).collect();
    assert_eq!(words, ["Teodor Vance", "TEODOR VANCE"]);
}
