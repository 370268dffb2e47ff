//! Rows that may be among the best, and what shuts others out.

use std::sync::atomic::{AtomicI32, Ordering};

use crate::Hit;
use crate::top::Top;

/// Candidates that are kept unscored beyond a few times `k`. Where bounds leave more than that, they
/// are scored at once: in the worst case every row is, and none is lost.
const UNSCORED: usize = 4096;

/// What is known of the score of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    /// Not above the score; -∞ when nothing is known.
    pub(super) lower: f32,
    /// Not below the score; ∞ when nothing is known.
    pub(super) upper: f32,
}

impl Bounds {
    /// The interval of an estimate that is `width` wide to each side.
    pub(super) fn around(estimate: f64, width: f64) -> Self {
        let known = estimate.is_finite() && width.is_finite();
        if !known {
            return Self {
                lower: f32::NEG_INFINITY,
                upper: f32::INFINITY,
            };
        }
        Self {
            lower: ((estimate - width) as f32).next_down(),
            upper: ((estimate + width) as f32).next_up(),
        }
    }

    /// Whether the score of an undamaged row can be this one; where nothing is known, every one can.
    fn allow(self, score: f32) -> bool {
        self.upper == f32::INFINITY || (self.lower <= score && score <= self.upper)
    }
}

/// A row whose score is not what was known of it: its vector or its codes are damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Contradiction {
    /// Numbered over all segments.
    pub(super) row: usize,
}

#[derive(Debug, Clone, Copy)]
struct Unscored {
    bounds: Bounds,
    row: usize,
}

/// The rows that may be among the best `k` for one question, as far as one thread has seen.
#[derive(Debug)]
pub(super) struct Candidates {
    k: usize,
    /// The best `k` lower bounds as [`key`]s, and some that came since they were sorted out.
    lower: Vec<i32>,
    unscored: Vec<Unscored>,
    /// The best of those that were scored.
    scored: Top,
    threshold: f32,
    contradiction: Option<Contradiction>,
}

impl Candidates {
    pub(super) fn new(k: usize) -> Self {
        Self {
            k,
            lower: Vec::new(),
            unscored: Vec::new(),
            scored: Top::new(k),
            threshold: f32::NEG_INFINITY,
            contradiction: None,
        }
    }

    /// At least `k` rows have this score or a higher one; -∞ until that is known.
    pub(super) fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Takes over what another thread knows.
    pub(super) fn raise(&mut self, threshold: f32) {
        self.threshold = self.threshold.max(threshold);
    }

    /// Keeps a row unless it cannot be among the best; scores some when there are too many.
    pub(super) fn offer(&mut self, row: usize, bounds: Bounds, score: impl Fn(usize) -> Hit) {
        if bounds.upper < self.threshold {
            return;
        }
        self.learn(bounds.lower);
        self.unscored.push(Unscored { bounds, row });
        if self.unscored.len() >= UNSCORED + 4 * self.k {
            self.drop_hopeless();
            if self.unscored.len() >= UNSCORED / 2 + 2 * self.k {
                self.score_all(score);
            }
        }
    }

    /// Raises the threshold by a row that reaches `lower`; each row may come once.
    fn learn(&mut self, lower: f32) {
        if lower > self.threshold {
            self.learn_key(key(lower));
        }
    }

    fn learn_key(&mut self, lower: i32) {
        self.lower.push(lower);
        let is_first = self.lower.len() == self.k && self.threshold == f32::NEG_INFINITY;
        if is_first || self.lower.len() >= self.k + self.k / 2 {
            self.sort_out();
        }
    }

    /// Finds the `k`-th lower bound, and forgets those below it.
    fn sort_out(&mut self) {
        if let Some(last) = self.k.checked_sub(1)
            && last < self.lower.len()
        {
            let (_, least, _) = self.lower.select_nth_unstable_by(last, |a, b| b.cmp(a));
            let least = value(*least);
            self.raise(least);
            self.lower.truncate(self.k);
        }
    }

    fn drop_hopeless(&mut self) {
        let threshold = self.threshold;
        self.unscored.retain(|row| row.bounds.upper >= threshold);
    }

    /// Scores the most promising first, until no bound reaches the worst score kept.
    fn score_all(&mut self, score: impl Fn(usize) -> Hit) {
        let mut rows = std::mem::take(&mut self.unscored);
        let upper = |row: &Unscored| row.bounds.upper;
        rows.sort_unstable_by(|a, b| upper(b).total_cmp(&upper(a)).then(a.row.cmp(&b.row)));
        for Unscored { bounds, row } in rows {
            if bounds.upper < self.threshold {
                break;
            }
            let hit = score(row);
            if !bounds.allow(hit.score) {
                self.contradiction.get_or_insert(Contradiction { row });
            }
            self.scored.offer(hit);
            if let Some(worst) = self.scored.worst() {
                self.threshold = self.threshold.max(worst);
            }
        }
    }

    /// Joins what several threads found for one question.
    pub(super) fn merge<'c>(k: usize, found: impl Iterator<Item = &'c Self>) -> Self {
        let mut all = Self::new(k);
        for found in found {
            all.raise(found.threshold);
            all.contradiction = all.contradiction.or(found.contradiction);
            found.lower.iter().for_each(|&lower| all.learn_key(lower));
            all.unscored.extend(&found.unscored);
            all.scored = all.scored.merge(found.scored.clone());
        }
        all.sort_out();
        all
    }

    /// Scores what is left and gives the best, best first.
    ///
    /// # Errors
    /// [`Contradiction`] when the score of a row was not within its bounds.
    pub(super) fn into_hits(
        mut self,
        score: impl Fn(usize) -> Hit,
    ) -> Result<Vec<Hit>, Contradiction> {
        self.drop_hopeless();
        self.score_all(score);
        match self.contradiction {
            None => Ok(self.scored.into_sorted()),
            Some(contradiction) => Err(contradiction),
        }
    }
}

/// The thresholds of all questions, shared by the threads.
#[derive(Debug)]
pub(super) struct Thresholds(Vec<AtomicI32>);

impl Thresholds {
    pub(super) fn new(questions: usize) -> Self {
        let none = || AtomicI32::new(key(f32::NEG_INFINITY));
        Self((0..questions).map(|_| none()).collect())
    }

    pub(super) fn get(&self, question: usize) -> f32 {
        value(self.0[question].load(Ordering::Relaxed))
    }

    pub(super) fn raise(&self, question: usize, threshold: f32) {
        let threshold = key(threshold);
        if self.0[question].load(Ordering::Relaxed) < threshold {
            self.0[question].fetch_max(threshold, Ordering::Relaxed);
        }
    }
}

/// A whole number that orders as `f32::total_cmp` does.
fn key(number: f32) -> i32 {
    let bits = number.to_bits() as i32;
    bits ^ (((bits >> 31) as u32) >> 1) as i32
}

/// The number of a [`key`].
fn value(key: i32) -> f32 {
    f32::from_bits((key ^ (((key >> 31) as u32) >> 1) as i32) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_as_numbers() {
        let numbers = [
            f32::NEG_INFINITY,
            -2.0,
            -1e-40,
            -0.0,
            0.0,
            1e-40,
            3.0,
            f32::INFINITY,
        ];
        assert!(numbers.map(key).is_sorted());
        assert_eq!(numbers.map(|n| value(key(n))), numbers);
    }

    #[test]
    fn an_interval_that_is_not_known_shuts_nothing_out() {
        for (estimate, width) in [(f64::NAN, 1.0), (f64::INFINITY, 1.0), (1.0, f64::INFINITY)] {
            let bounds = Bounds::around(estimate, width);
            assert_eq!(bounds.lower, f32::NEG_INFINITY);
            assert_eq!(bounds.upper, f32::INFINITY);
        }
    }
}
