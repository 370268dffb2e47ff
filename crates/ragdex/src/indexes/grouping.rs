//! Which parts share a graph.

/// Rows of a graph at most, unless one part has more: about half a gigabyte of codes and links at 768
/// dimensions, built by one thread in about five minutes. The 21 million passages of Wikipedia make 41
/// graphs.
pub const SEGMENT_ROWS: u64 = 1 << 19;

/// Fewer rows are scanned: that takes less time than walking a graph of them.
const LEAST_ROWS: u64 = 1024;

/// The share of dead rows, in percent, from which a graph is built anew. Until then a search steps over
/// them at little cost.
const DEAD_PERCENT: u64 = 15;

/// A run of parts that an index of the snapshot before covers with one graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OldGraph {
    /// Its place among the graphs.
    pub(super) place: usize,
    /// The places of its parts that are left, among all parts.
    pub(super) parts: Vec<usize>,
    /// Rows in the graph.
    pub(super) nodes: u64,
}

/// What covers a run of parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Group {
    /// A graph that stays.
    Kept(OldGraph),
    /// A graph to be built over these parts.
    Built(Vec<usize>),
    /// No graph.
    Scanned(Vec<usize>),
}

/// A run of parts on the way to a group.
struct Run {
    parts: Vec<usize>,
    rows: u64,
    old: Option<OldGraph>,
}

/// Sorts parts, given by their live rows, into groups of at most `most` rows.
///
/// A graph stays while few of its rows are dead. New parts join those before them; together they take
/// in an old graph when they are half as large, so that the number of graphs grows with the logarithm
/// of the number of refreshes and a row is built into a graph as often.
pub(super) fn group(live: &[u64], old: Vec<OldGraph>, most: u64) -> Vec<Group> {
    let mut runs: Vec<Run> = Vec::new();
    for run in first_runs(live, old) {
        runs.push(run);
        while let [.., before, last] = &runs[..] {
            if !is_joined(before, last, most) {
                break;
            }
            let last = runs.pop().expect("two runs were looked at");
            let before = runs.last_mut().expect("two runs were looked at");
            before.parts.extend(last.parts);
            before.rows += last.rows;
            before.old = None;
        }
    }
    runs.into_iter().map(Run::into_group).collect()
}

/// Old graphs worth keeping, and every other part for itself, in order.
fn first_runs(live: &[u64], old: Vec<OldGraph>) -> Vec<Run> {
    let mut of_part: Vec<Option<usize>> = vec![None; live.len()];
    let mut kept: Vec<Option<Run>> = Vec::new();
    for graph in old {
        let rows: u64 = graph.parts.iter().map(|&part| live[part]).sum();
        let follow = graph.parts.windows(2).all(|two| two[0] + 1 == two[1]);
        let dead = graph.nodes.saturating_sub(rows);
        if follow && rows > 0 && dead * 100 <= graph.nodes * DEAD_PERCENT {
            for &part in &graph.parts {
                of_part[part] = Some(kept.len());
            }
            kept.push(Some(Run {
                parts: graph.parts.clone(),
                rows,
                old: Some(graph),
            }));
        }
    }
    let mut runs = Vec::new();
    for (part, graph) in of_part.into_iter().enumerate() {
        match graph {
            Some(graph) => runs.extend(kept[graph].take()),
            None => runs.push(Run {
                parts: vec![part],
                rows: live[part],
                old: None,
            }),
        }
    }
    runs
}

fn is_joined(before: &Run, last: &Run, most: u64) -> bool {
    let grown = match (&before.old, &last.old) {
        (None, None) => true,
        (Some(_), Some(_)) => false,
        (Some(_), None) => last.rows * 2 >= before.rows,
        (None, Some(_)) => before.rows * 2 >= last.rows,
    };
    grown && before.rows + last.rows <= most
}

impl Run {
    fn into_group(self) -> Group {
        match self.old {
            Some(old) => Group::Kept(old),
            None if self.rows < LEAST_ROWS => Group::Scanned(self.parts),
            None => Group::Built(self.parts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn old(place: usize, parts: &[usize], nodes: u64) -> OldGraph {
        OldGraph {
            place,
            parts: parts.to_vec(),
            nodes,
        }
    }

    #[test]
    fn parts_fill_graphs_in_order_and_few_rows_are_scanned() {
        let live = [4000, 4000, 4000, 9000, 4000, 500];
        let groups = group(&live, Vec::new(), 8500);
        let expected = [
            Group::Built(vec![0, 1]),
            Group::Built(vec![2]),
            Group::Built(vec![3]),
            Group::Built(vec![4, 5]),
        ];
        assert_eq!(groups, expected);
        assert_eq!(
            group(&[500, 500], Vec::new(), 8000),
            [Group::Scanned(vec![0, 1])]
        );
        assert_eq!(group(&[], Vec::new(), 8000), []);
    }

    #[test]
    fn graphs_stay_until_too_many_rows_are_dead() {
        let before = || vec![old(0, &[0, 1], 8000), old(1, &[2], 4000)];
        let groups = group(&[4000, 4000, 4000, 100], before(), 8000);
        let [a, b] = &before()[..] else {
            unreachable!("two were made");
        };
        let kept = |graph: &OldGraph| Group::Kept(graph.clone());
        assert_eq!(groups, [kept(a), kept(b), Group::Scanned(vec![3])]);
        // 20 % of the second graph are dead.
        let groups = group(&[4000, 4000, 3200, 100], before(), 8000);
        assert_eq!(groups, [kept(a), Group::Built(vec![2, 3])]);
    }

    #[test]
    fn new_rows_take_in_a_graph_when_they_are_half_as_many() {
        let before = vec![old(0, &[0], 4000)];
        let groups = group(&[4000, 1900], before.clone(), 8000);
        assert_eq!(
            groups,
            [Group::Kept(before[0].clone()), Group::Built(vec![1])]
        );
        assert_eq!(
            group(&[4000, 1900, 200], before, 8000),
            [Group::Built(vec![0, 1, 2])]
        );
    }

    #[test]
    fn many_small_refreshes_leave_few_graphs_and_cover_every_row_once() {
        let mut live: Vec<u64> = vec![50_000];
        let mut graphs: Vec<OldGraph> = Vec::new();
        let mut built_rows = 0;
        for _ in 0..300 {
            live.push(300);
            let groups = group(&live, graphs, SEGMENT_ROWS);
            let covered: Vec<usize> = groups
                .iter()
                .flat_map(|group| match group {
                    Group::Kept(old) => old.parts.clone(),
                    Group::Built(parts) | Group::Scanned(parts) => parts.clone(),
                })
                .collect();
            assert_eq!(covered, (0..live.len()).collect::<Vec<_>>());
            assert!(groups.len() <= 8, "{}", groups.len());
            let place = |parts: &Vec<usize>| parts.iter().map(|&part| live[part]).sum::<u64>();
            graphs = Vec::new();
            for group in groups {
                let parts = match group {
                    Group::Scanned(_) => continue,
                    Group::Kept(old) => old.parts,
                    Group::Built(parts) => {
                        built_rows += place(&parts);
                        parts
                    }
                };
                graphs.push(old(graphs.len(), &parts, place(&parts)));
            }
        }
        let total: u64 = live.iter().sum();
        assert!(built_rows < 8 * total, "{built_rows} of {total}");
    }
}
