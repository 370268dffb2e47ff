//! What an approximate index misses.

use ragdex_core::{Cancel, Vectors};
use serde::{Deserialize, Serialize};

use super::coding::widen_row;
use crate::{Error, Hit, SearchOptions, Segment, VectorIndex};

/// The share of the nearest passages that an approximate index finds, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Recall {
    /// How many questions were asked.
    pub questions: usize,
    /// Of the best 5.
    pub at_5: f64,
    /// Of the best 20.
    pub at_20: f64,
    /// Of the best 100.
    pub at_100: f64,
}

/// Makes up to `n` questions that are none of the passages: halfway from a passage to another, both
/// taken evenly spaced from the live rows.
///
/// Real questions are not known when an index is built. A passage itself would be too easy a question:
/// the graph was built to find it. A point between two topics is near to neither, as questions are,
/// whose distribution is not that of passages.
pub fn held_out_questions(segments: &[Segment<'_>], dim: usize, n: usize) -> Vec<f32> {
    let n_live: usize = segments.iter().map(Segment::n_live).sum();
    let step = n_live.div_ceil(n.max(1)).max(1);
    let mut rows: Vec<Vec<f32>> = Vec::with_capacity(n);
    let mut seen = 0;
    for segment in segments {
        for row in (0..segment.vectors().len()).filter(|&row| segment.is_live(row)) {
            if seen % step == 0 {
                let mut vector = vec![0.0; dim];
                widen_row(segment.vectors(), row, &mut vector);
                rows.push(vector);
            }
            seen += 1;
        }
    }
    let others = rows.iter().cycle().skip(rows.len() / 2);
    let halfway = |(a, b): (&Vec<f32>, &Vec<f32>)| -> Vec<f32> {
        a.iter().zip(b).map(|(a, b)| 0.5 * a + 0.5 * b).collect()
    };
    rows.iter().zip(others).flat_map(halfway).collect()
}

/// Asks both indexes the same questions and compares the best 5, 20 and 100. A passage that is as near
/// as the last of the exact ones counts as found.
///
/// # Errors
/// Those of searching.
pub fn measure_recall(
    approximate: &dyn VectorIndex,
    exact: &dyn VectorIndex,
    questions: Vectors<'_>,
    cancel: &Cancel,
) -> Result<Recall, Error> {
    let ask = |index: &dyn VectorIndex, k| {
        let options = SearchOptions {
            k,
            cancel: cancel.clone(),
        };
        index.search(questions, &options)
    };
    let nearest = ask(exact, 100)?;
    let at = |k| Ok::<_, Error>(share(&nearest, &ask(approximate, k)?, k));
    Ok(Recall {
        questions: questions.len(),
        at_5: at(5)?,
        at_20: at(20)?,
        at_100: at(100)?,
    })
}

/// The share of the best `k` that were found; 1 when there is nothing to find.
fn share(nearest: &[Vec<Hit>], found: &[Vec<Hit>], k: usize) -> f64 {
    let (mut wanted, mut met) = (0, 0);
    for (nearest, found) in nearest.iter().zip(found) {
        let nearest = &nearest[..k.min(nearest.len())];
        let Some(last) = nearest.last() else {
            continue;
        };
        wanted += nearest.len();
        let near = found.iter().filter(|hit| hit.score >= last.score);
        met += near.count().min(nearest.len());
    }
    if wanted == 0 {
        1.0
    } else {
        f64::from(met as u32) / wanted as f64
    }
}

#[cfg(test)]
mod tests {
    use ragdex_core::PassageId;

    use super::*;

    fn hits(scores: &[f32]) -> Vec<Vec<Hit>> {
        let hit = |(id, score): (u64, &f32)| Hit {
            id: PassageId(id),
            score: *score,
        };
        vec![(0..).zip(scores).map(hit).collect()]
    }

    #[test]
    fn ties_with_the_last_count_as_found_and_misses_do_not() {
        let nearest = hits(&[9.0, 8.0, 8.0, 1.0]);
        assert_eq!(share(&nearest, &hits(&[9.0, 8.0, 8.0]), 3), 1.0);
        assert_eq!(share(&nearest, &hits(&[9.0, 8.0, 7.0]), 3), 2.0 / 3.0);
        assert_eq!(share(&nearest, &hits(&[]), 3), 0.0);
        assert_eq!(share(&hits(&[]), &hits(&[]), 3), 1.0);
    }

    #[test]
    fn questions_lie_between_live_passages() {
        let vectors = [0.0, 100.0, 2.0, 4.0];
        let segment = Segment::new(Vectors::f32(&vectors, 1).unwrap(), PassageId(0));
        let segment = segment.with_live(vec![true, false, true, true]).unwrap();
        assert_eq!(held_out_questions(&[segment], 1, 9), [1.0, 3.0, 2.0]);
        assert!(held_out_questions(&[], 1, 9).is_empty());
    }
}
