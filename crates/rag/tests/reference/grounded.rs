//! Grounded decoding.

use ragdex_rag::{AnswerOptions, GenerationOptions, RagKind};

use crate::golden::{model, retrieved};

fn grounded(num_beams: usize, kind: RagKind) -> AnswerOptions {
    let mut generation = GenerationOptions::default();
    generation.num_beams = Some(num_beams);
    generation.num_return_sequences = Some(num_beams);
    AnswerOptions {
        kind: Some(kind),
        generation,
        grounded: true,
        ..AnswerOptions::default()
    }
}

#[test]
fn answers_are_whole_words_of_a_passage() {
    let retrieved = retrieved(5);
    for (name, kind) in [
        ("rag-token", RagKind::Token),
        ("rag-sequence", RagKind::Sequence),
    ] {
        let rag = model(name);
        for num_beams in [1, 3] {
            let options = grounded(num_beams, kind);
            for query in retrieved.queries() {
                let answer = rag.answer(query.question, query.passages, &options);
                let answer = answer.expect("an answer");
                for candidate in &answer.candidates {
                    let stands = |text: &str| text.contains(&candidate.text);
                    let found = query
                        .passages
                        .iter()
                        .any(|p| stands(&p.text) || stands(&p.title));
                    assert!(found, "{name}: {}", candidate.text);
                    assert!(!candidate.text.is_empty());
                }
            }
        }
    }
}

#[test]
fn a_batch_gives_the_same_grounded_answers() {
    let retrieved = retrieved(5);
    for (name, kind) in [
        ("rag-token", RagKind::Token),
        ("rag-sequence", RagKind::Sequence),
    ] {
        let rag = model(name);
        let options = grounded(2, kind);
        let together = rag
            .answer_batch(&retrieved.queries(), &options)
            .expect("answers");
        for (query, together) in retrieved.queries().iter().zip(together) {
            let alone = rag
                .answer(query.question, query.passages, &options)
                .expect("an answer");
            assert_eq!(alone.text, together.text);
            assert_eq!(alone.candidates.len(), together.candidates.len());
        }
    }
}

#[test]
fn a_passage_without_the_answer_has_no_posterior_in_rag_sequence() {
    let rag = model("rag-sequence");
    let retrieved = retrieved(5);
    let options = grounded(1, RagKind::Sequence);
    for query in retrieved.queries() {
        let answer = rag
            .answer(query.question, query.passages, &options)
            .expect("an answer");
        for (evidence, passage) in answer.passages.iter().zip(query.passages) {
            let stands = |text: &str| text.contains(&answer.text);
            if !stands(&passage.text) && !stands(&passage.title) {
                assert_eq!(evidence.posterior, 0.0, "{}", answer.text);
            }
        }
    }
}
