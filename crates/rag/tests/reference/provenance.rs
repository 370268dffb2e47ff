//! Posteriors and occurrences.

use ragdex_rag::{AnswerOptions, Example, PassageInput};

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
            for candidate in &answer.candidates {
                assert_close(candidate.posterior.iter().sum(), 1.0, 1e-5);
                for token in &candidate.provenance {
                    assert_close(token.passages.iter().sum(), 1.0, 1e-5);
                }
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
    let provenance = &answer.candidates[0].provenance;
    let tokens: Vec<u32> = provenance.iter().map(|t| t.token).collect();
    assert_eq!(tokens, answer.candidates[0].tokens[1..]);
    let text: String = provenance.iter().map(|t| t.text.as_str()).collect();
    assert_eq!(text, "<s> teodor vance</s>");
    // The mean leaves `<s>` and `</s>` out.
    let spoken = &provenance[1..tokens.len() - 1];
    let mean: f32 = spoken.iter().map(|t| t.passages[0]).sum::<f32>() / spoken.len() as f32;
    assert_close(answer.passages[0].posterior, mean, 1e-6);
}

#[test]
fn what_search_keeps_of_each_token_is_what_reading_the_answer_again_gives() {
    let rag = model("rag-token");
    let retrieved = retrieved(5);
    for beams in ["1", "4"] {
        let mut options = AnswerOptions::default();
        for (name, value) in [("num_beams", beams), ("num_return_sequences", beams)] {
            options.generation.set(name, value).expect("a setting");
        }
        for query in retrieved.queries() {
            let (question, passages) = (query.question, query.passages);
            let answer = rag.answer(question, passages, &options).expect("an answer");
            for candidate in &answer.candidates {
                let example = Example {
                    question,
                    passages,
                    labels: &candidate.tokens,
                };
                let again = rag.provenance_of(&example).expect("provenance");
                assert_eq!(again.len(), candidate.provenance.len());
                for (again, kept) in again.iter().zip(&candidate.provenance) {
                    assert_eq!(again.token, kept.token);
                    for (a, b) in again.passages.iter().zip(&kept.passages) {
                        assert_close(*a, *b, 1e-4);
                    }
                }
            }
        }
    }
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
