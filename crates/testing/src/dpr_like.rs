//! Vectors that lie as those of dense passage retrieval do.

use std::ops::Range;

use crate::Random;

/// Directions in which passages differ; the weights fall, so that about forty of them count.
const LATENT: usize = 64;

/// Topics that passages gather round.
const TOPICS: usize = 300;

/// The norm of what all passages share, of about 9.7 in all.
const MEAN_NORM: f32 = 8.7;

/// The norm of what a passage adds.
const OWN_NORM: f32 = 4.3;

/// A share of noise in every direction.
const NOISE: f32 = 0.02;

/// Passages and questions as a dual encoder gives them: clusters by topic, about forty effective
/// dimensions, a common mean that makes most of the norm (9.7 ± 0.45), and questions from a shifted
/// distribution. White noise would mislead: in it all neighbours are equally far.
///
/// A row depends on the seed and its number alone, so blocks can be made in any order.
#[derive(Debug, Clone)]
pub struct DprLike {
    dim: usize,
    seed: u64,
    mean: Vec<f32>,
    question_mean: Vec<f32>,
    /// Shape `(LATENT, dim)`.
    basis: Vec<f32>,
    /// Shape `(TOPICS, LATENT)`.
    topics: Vec<f32>,
}

impl DprLike {
    /// Draws mean, directions and topics.
    #[must_use]
    pub fn new(dim: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mean = scaled(&gaussian(&mut random, dim), MEAN_NORM);
        let other = scaled(&gaussian(&mut random, dim), MEAN_NORM);
        // Questions share half of the passages' mean.
        let question_mean = mean.iter().zip(&other).map(|(a, b)| 0.5 * (a + b));
        let basis: Vec<f32> = (0..LATENT)
            .flat_map(|_| scaled(&gaussian(&mut random, dim), 1.0))
            .collect();
        let topics: Vec<f32> = (0..TOPICS)
            .flat_map(|_| weighted(&mut random, 0.8))
            .collect();
        Self {
            dim,
            seed,
            question_mean: question_mean.collect(),
            mean,
            basis,
            topics,
        }
    }

    /// The passages of some rows: shape `(rows.len(), dim)`, row-major.
    #[must_use]
    pub fn passages(&self, rows: Range<usize>) -> Vec<f32> {
        rows.flat_map(|row| {
            let mut random = self.row_random(row as u64);
            self.vector(&mut random, &self.mean, 0.6)
        })
        .collect()
    }

    /// The first `n` questions: shape `(n, dim)`, row-major.
    #[must_use]
    pub fn questions(&self, n: usize) -> Vec<f32> {
        (0..n)
            .flat_map(|row| {
                let mut random = self.row_random(!(row as u64));
                self.vector(&mut random, &self.question_mean, 0.8)
            })
            .collect()
    }

    fn row_random(&self, row: u64) -> Random {
        let mut random = Random::new(self.seed ^ row.wrapping_mul(0xd1b5_4a32_d192_ed03));
        for _ in 0..4 {
            random.bits();
        }
        random
    }

    /// A topic, something of its own (`spread`), the mean and a little noise.
    fn vector(&self, random: &mut Random, mean: &[f32], spread: f32) -> Vec<f32> {
        let topic = random.below(TOPICS);
        let topic = &self.topics[topic * LATENT..(topic + 1) * LATENT];
        let own = weighted(random, spread);
        let latent: Vec<f32> = topic.iter().zip(own).map(|(t, o)| t + o).collect();
        let mut vector: Vec<f32> = mean
            .iter()
            .map(|mean| mean + NOISE * random.number())
            .collect();
        for (weight, direction) in latent.iter().zip(self.basis.chunks_exact(self.dim)) {
            for (value, direction) in vector.iter_mut().zip(direction) {
                *value += weight * OWN_NORM * direction;
            }
        }
        vector
    }
}

/// Latent weights whose squares sum to about `share²`, falling with the square root of the place.
fn weighted(random: &mut Random, share: f32) -> Vec<f32> {
    let harmonic: f32 = (1..=LATENT).map(|place| 1.0 / place as f32).sum();
    let weights = gaussian(random, LATENT).into_iter().zip(1..);
    weights
        .map(|(value, place)| share * value / (harmonic * place as f32).sqrt())
        .collect()
}

/// Numbers of about normal distribution: twelve uniform ones summed.
fn gaussian(random: &mut Random, n: usize) -> Vec<f32> {
    // From -1 to below 1 the variance is a third.
    let sum = |random: &mut Random| (0..12).map(|_| random.number()).sum::<f32>() * 0.5;
    (0..n).map(|_| sum(random)).collect()
}

fn scaled(vector: &[f32], norm: f32) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter().map(|value| value * norm / length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_do_not_depend_on_the_block_they_are_made_in() {
        let maker = DprLike::new(16, 3);
        let whole = maker.passages(0..10);
        assert_eq!(maker.passages(4..7), whole[4 * 16..7 * 16]);
        assert_eq!(maker.questions(2), maker.questions(5)[..2 * 16]);
    }

    #[test]
    fn norms_are_those_of_passages() {
        let vectors = DprLike::new(256, 1).passages(0..500);
        let norms = vectors.chunks_exact(256).map(|row| {
            let squares = row.iter().map(|value| f64::from(value * value));
            squares.sum::<f64>().sqrt()
        });
        let norms: Vec<f64> = norms.collect();
        let mean = norms.iter().sum::<f64>() / 500.0;
        let variance = norms.iter().map(|norm| (norm - mean).powi(2)).sum::<f64>() / 500.0;
        assert!((9.0..10.5).contains(&mean), "{mean}");
        assert!((0.2..0.9).contains(&variance.sqrt()), "{}", variance.sqrt());
    }
}
