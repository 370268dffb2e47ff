//! Searching graphs.

use ragdex_core::{PassageId, Vectors};
use rayon::prelude::*;

use super::coding::CodedQuestion;
use super::graph::Graph;
use crate::exact::widen_questions;
use crate::top::Top;
use crate::{Error, ExactIndex, Hit, SearchOptions, Segment, VectorIndex};

/// A graph that would have to weigh more than one in so many of its rows is scanned instead: that is
/// about as fast, and exact.
const SCANNED_SHARE: usize = 8;

/// The rows that a graph numbers, or some of them: a graph numbers several blocks of vectors through.
#[derive(Debug, Clone)]
pub enum Covered<'a> {
    /// Vectors as they were when the graph was built, or with more rows masked out.
    Vectors(Segment<'a>),
    /// So many rows that are gone.
    Gone(usize),
}

impl Covered<'_> {
    fn rows(&self) -> usize {
        match self {
            Self::Vectors(segment) => segment.vectors().len(),
            Self::Gone(rows) => *rows,
        }
    }
}

/// Finds most of the nearest vectors, scored from the vectors themselves.
///
/// Each graph gives its best candidates by 8-bit codes; the best of all graphs are scored again. Rows
/// that no graph holds are scanned. `O(log rows)` a graph and question. Equal scores come by ascending
/// id, but which of many equal vectors are found is the graph's choice.
#[derive(Debug)]
pub struct HnswIndex<'a> {
    dim: usize,
    graphs: Vec<GraphRows<'a>>,
    scanned: ExactIndex<'a>,
    expansion_search: usize,
}

impl<'a> HnswIndex<'a> {
    /// Candidates weighed by default in graphs of up to [`Self::DEFAULT_ROWS`] rows: of 50,000 vectors that lie
    /// as those of DPR do, 256 find 0.993 of the best 20 and 0.978 of the best 100.
    pub const DEFAULT_EXPANSION: usize = 256;

    /// Rows of a graph beyond which more candidates are weighed by default.
    pub const DEFAULT_ROWS: usize = 40_000;

    /// The default of [`HnswIndex::with_expansion`] where the largest graph has `rows` rows. Grows with their root:
    /// the more rows, the more are nearly as near as the nearest. Of 300,000 vectors, 256 find 0.946 of the best 20.
    #[must_use]
    pub fn default_expansion(rows: usize) -> usize {
        let square = Self::DEFAULT_EXPANSION.pow(2) as u128 * rows as u128;
        let root = (square / Self::DEFAULT_ROWS as u128).isqrt();
        (root as usize).max(Self::DEFAULT_EXPANSION)
    }

    /// Takes graphs with the vectors that they number, and segments without a graph, as one index.
    ///
    /// # Errors
    /// [`Error::Dimension`], and [`Error::Rows`] when a graph numbers more or fewer rows than are
    /// given.
    pub fn new(
        dim: usize,
        graphs: Vec<(&'a Graph, Vec<Covered<'a>>)>,
        scanned: Vec<Segment<'a>>,
    ) -> Result<Self, Error> {
        let graphs = graphs
            .into_iter()
            .map(|(graph, covered)| GraphRows::new(dim, graph, covered));
        let graphs = graphs.collect::<Result<Vec<_>, _>>()?;
        let largest = graphs.iter().map(|graph| graph.graph.nodes()).max();
        Ok(Self {
            dim,
            graphs,
            scanned: ExactIndex::new(dim, scanned)?,
            expansion_search: Self::default_expansion(largest.unwrap_or(0)),
        })
    }

    /// Weighs `expansion` candidates a question instead of
    /// [`default_expansion`](Self::default_expansion), and at least two for each passage asked for:
    /// more finds more and is slower.
    #[must_use]
    pub fn with_expansion(mut self, expansion: usize) -> Self {
        self.expansion_search = expansion.max(1);
        self
    }

    /// Candidates that are scored again.
    fn n_candidates(&self, k: usize) -> usize {
        self.expansion_search.max(k.saturating_mul(2))
    }

    fn answer(&self, question: &[f64], walked: &[&GraphRows<'_>], k: usize) -> Result<Top, Error> {
        let n = self.n_candidates(k);
        let coded = CodedQuestion::new(question);
        let found = walked
            .par_iter()
            .enumerate()
            .map(|(place, graph)| graph.candidates(place, question, &coded, n))
            .collect::<Result<Vec<_>, _>>()?;
        let mut top = Top::new(k);
        let mut candidates = Vec::new();
        for (graph, found) in walked.iter().zip(found) {
            match found {
                Some(found) => candidates.extend(found),
                None => graph.scan(question, k, &mut top)?,
            }
        }
        candidates.sort_unstable_by(Candidate::best_first);
        candidates.truncate(n);
        for candidate in candidates {
            let (segment, row) = walked[candidate.graph].place(candidate.key);
            if let Some(segment) = segment {
                top.offer(Hit {
                    id: candidate.id,
                    score: segment.score(row, question),
                });
            }
        }
        Ok(top)
    }
}

impl VectorIndex for HnswIndex<'_> {
    fn dim(&self) -> usize {
        self.dim
    }

    fn len(&self) -> usize {
        let graphs = self.graphs.iter().map(|graph| graph.live.len());
        graphs.sum::<usize>() + self.scanned.len()
    }

    fn search(
        &self,
        questions: Vectors<'_>,
        options: &SearchOptions,
    ) -> Result<Vec<Vec<Hit>>, Error> {
        let widened = widen_questions(questions, self.dim)?;
        let k = options.k.min(self.len());
        let n = self.n_candidates(k);
        let (walked, scanned): (Vec<_>, Vec<_>) =
            self.graphs.iter().partition(|graph| graph.is_walked(n));
        let mut lists = vec![self.scanned.search(questions, options)?];
        for graph in scanned {
            lists.push(graph.live.search(questions, options)?);
        }
        let answers = widened.par_iter().enumerate().map(|(place, question)| {
            options.cancel.check()?;
            let mut top = self.answer(question, &walked, k)?;
            for hit in lists.iter().flat_map(|list| &list[place]) {
                top.offer(*hit);
            }
            Ok(top.into_sorted())
        });
        answers.collect()
    }
}

/// A graph with its rows.
#[derive(Debug)]
struct GraphRows<'a> {
    graph: &'a Graph,
    spans: Vec<Span>,
    /// The vectors that are there, for scanning them.
    live: ExactIndex<'a>,
}

/// Some of the rows of a graph.
#[derive(Debug, Clone, Copy)]
struct Span {
    /// One more than the last key.
    end: usize,
    rows: usize,
    /// The place among the segments, unless they are gone.
    segment: Option<usize>,
}

/// A row that may be among the best.
struct Candidate {
    estimate: f64,
    id: PassageId,
    graph: usize,
    key: usize,
}

impl Candidate {
    fn best_first(&self, other: &Self) -> std::cmp::Ordering {
        let by_estimate = other.estimate.total_cmp(&self.estimate);
        by_estimate.then(self.id.cmp(&other.id))
    }
}

impl<'a> GraphRows<'a> {
    fn new(dim: usize, graph: &'a Graph, covered: Vec<Covered<'a>>) -> Result<Self, Error> {
        let mut spans = Vec::with_capacity(covered.len());
        let mut segments = Vec::new();
        let mut end = 0;
        for covered in covered {
            let rows = covered.rows();
            end += rows;
            let segment = match covered {
                Covered::Gone(_) => None,
                Covered::Vectors(segment) => {
                    segments.push(segment);
                    Some(segments.len() - 1)
                }
            };
            spans.push(Span { end, rows, segment });
        }
        if end != graph.rows() {
            return Err(Error::Rows {
                expected: graph.rows(),
                found: end,
            });
        }
        Ok(Self {
            graph,
            spans,
            live: ExactIndex::new(dim, segments)?,
        })
    }

    /// Whether a search for `n` candidates walks the graph instead of scanning its rows.
    fn is_walked(&self, n: usize) -> bool {
        n.saturating_mul(SCANNED_SHARE) <= self.live.len()
    }

    /// The segment and row of a key; no segment for a row that is gone.
    fn place(&self, key: usize) -> (Option<&Segment<'a>>, usize) {
        let span = self.spans.partition_point(|span| span.end <= key);
        match self.spans.get(span) {
            Some(span) => {
                let segment = span.segment.map(|place| &self.live.segments()[place]);
                (segment, key + span.rows - span.end)
            }
            None => (None, 0),
        }
    }

    fn is_live(&self, key: usize) -> bool {
        let (segment, row) = self.place(key);
        segment.is_some_and(|segment| segment.is_live(row))
    }

    /// The best `n` live rows by codes; `None` when the graph does not lead to as many, where a scan
    /// finds them.
    fn candidates(
        &self,
        place: usize,
        question: &[f64],
        coded: &CodedQuestion,
        n: usize,
    ) -> Result<Option<Vec<Candidate>>, Error> {
        let is_live = |key| self.is_live(key);
        // Without deletions there is nothing to ask for at every step.
        let whole = self.live.len() == self.graph.nodes();
        let allowed: Option<&dyn Fn(usize) -> bool> = if whole { None } else { Some(&is_live) };
        let found = self.graph.candidates(coded, n, allowed)?;
        if found.len() < n {
            return Ok(None);
        }
        let coding = self.graph.coding();
        let mean = question.iter().zip(&coding.mean);
        let offset = mean.map(|(value, mean)| value * f64::from(*mean)).sum();
        let candidate = |(key, product)| {
            let (segment, row) = self.place(key);
            let segment = segment.filter(|segment| segment.is_live(row))?;
            Some(Candidate {
                estimate: coded.estimate(product, coding, offset),
                id: segment.id(row),
                graph: place,
                key,
            })
        };
        Ok(Some(found.into_iter().filter_map(candidate).collect()))
    }

    fn scan(&self, question: &[f64], k: usize, top: &mut Top) -> Result<(), Error> {
        let question: Vec<f32> = question.iter().map(|value| *value as f32).collect();
        let question = Vectors::f32(&question, question.len()).map_err(|_| Error::Dimension {
            expected: self.live.dim(),
            found: question.len(),
        })?;
        let hits = self.live.search(question, &SearchOptions::top(k))?;
        for hit in hits.into_iter().flatten() {
            top.offer(hit);
        }
        Ok(())
    }
}
