//! Windows over a run of words.

use std::ops::Range;

use super::{SplitOptions, Tail};

/// One passage as positions of words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) range: Range<usize>,
    /// How many words from the beginning follow.
    pub(super) wrapped: usize,
}

/// Cuts `len` words by the options; `tail` is what becomes of a short last window.
pub(super) fn windows(len: usize, options: &SplitOptions, tail: Tail) -> Vec<Window> {
    let (words, stride) = (options.words, options.words - options.overlap);
    let starts = (0..len).step_by(stride);
    // A window that only repeats the end of the one before says nothing new.
    let starts = starts.take_while(|&start| start == 0 || start + options.overlap < len);
    let mut windows: Vec<Window> = starts
        .map(|start| Window {
            range: start..len.min(start + words),
            wrapped: 0,
        })
        .collect();
    let short = windows.pop_if(|window| window.range.len() < words);
    if let Some(last) = short {
        finish(&mut windows, last, options, tail);
    }
    windows
}

fn finish(windows: &mut Vec<Window>, mut last: Window, options: &SplitOptions, tail: Tail) {
    let (end, missing) = (last.range.end, options.words - last.range.len());
    match (tail, windows.last_mut()) {
        (Tail::Drop, _) => return,
        (Tail::Merge, Some(before)) if 2 * last.range.len() < options.words => {
            before.range.end = end;
            return;
        }
        (Tail::Wrap, _) if end >= options.words => last.wrapped = missing,
        _ => {}
    }
    windows.push(last);
}
