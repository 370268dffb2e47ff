//! How sure a model is of an answer.

/// The geometric mean of probabilities whose logarithms sum up to `log_prob`: from 0 to 1, and 0 for none.
///
/// A long answer is less likely than a short one, token for token; the mean makes them comparable.
pub(crate) fn mean_probability(log_prob: f32, n_tokens: usize) -> f32 {
    if n_tokens == 0 || log_prob.is_nan() {
        return 0.0;
    }
    (log_prob / n_tokens as f32).exp().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_that_of_each_token_whatever_the_length() {
        for n_tokens in [1, 2, 9] {
            let mean = mean_probability(0.25_f32.ln() * n_tokens as f32, n_tokens);
            assert!((mean - 0.25).abs() < 1e-6, "{mean}");
        }
        assert_eq!(mean_probability(0.0, 3), 1.0);
        assert_eq!(mean_probability(f32::NEG_INFINITY, 3), 0.0);
    }

    #[test]
    fn no_token_and_no_number_give_no_confidence() {
        assert_eq!(mean_probability(0.0, 0), 0.0);
        assert_eq!(mean_probability(f32::NAN, 2), 0.0);
    }
}
