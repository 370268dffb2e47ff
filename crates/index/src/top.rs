//! The best k hits seen so far.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::Hit;

/// Keeps the best `k` of the hits offered to it, in `O(log k)` a hit and `k` entries of memory.
#[derive(Debug, Clone)]
pub(crate) struct Top {
    k: usize,
    /// The worst kept hit on top.
    heap: BinaryHeap<WorstFirst>,
}

impl Top {
    pub(crate) fn new(k: usize) -> Self {
        Self {
            k,
            heap: BinaryHeap::new(),
        }
    }

    /// A score that is not a number, of a vector that no encoder gave, is never kept.
    pub(crate) fn offer(&mut self, hit: Hit) {
        if hit.score.is_nan() {
            return;
        }
        if self.heap.len() < self.k {
            self.heap.push(WorstFirst(hit));
            return;
        }
        let Some(mut worst) = self.heap.peek_mut() else {
            return;
        };
        if hit.best_first(&worst.0) == Ordering::Less {
            worst.0 = hit;
        }
    }

    /// The worst score kept, once there are `k`.
    pub(crate) fn worst(&self) -> Option<f32> {
        let is_full = self.heap.len() == self.k;
        let worst = self.heap.peek().filter(|_| is_full);
        worst.map(|worst| worst.0.score)
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        for WorstFirst(hit) in other.heap {
            self.offer(hit);
        }
        self
    }

    pub(crate) fn into_sorted(self) -> Vec<Hit> {
        let sorted = self.heap.into_sorted_vec();
        sorted.into_iter().map(|WorstFirst(hit)| hit).collect()
    }
}

#[derive(Debug, Clone, Copy)]
struct WorstFirst(Hit);

impl Ord for WorstFirst {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.best_first(&other.0)
    }
}

impl PartialOrd for WorstFirst {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for WorstFirst {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for WorstFirst {}
