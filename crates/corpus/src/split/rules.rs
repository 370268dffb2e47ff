//! The rules, each from a document to pieces of text.

use ragdex_core::Document;
use unicode_segmentation::UnicodeSegmentation as _;

use super::SplitOptions;
use super::window::windows;
use super::word::{self, Word};

/// The text of a passage and the section it begins in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) section: Option<usize>,
    pub(super) text: String,
}

pub(super) fn plain(document: &Document, options: &SplitOptions) -> Vec<Piece> {
    let mut words = Vec::new();
    for (section, paragraph) in paragraphs(document) {
        word::collect(paragraph, section, &mut words);
    }
    cut(&words, options)
}

pub(super) fn section(document: &Document, options: &SplitOptions) -> Vec<Piece> {
    let mut words = Vec::new();
    for (section, paragraph) in paragraphs(document) {
        word::collect(paragraph, section, &mut words);
    }
    let sections = words.chunk_by(|a, b| a.section == b.section);
    sections.flat_map(|words| cut(words, options)).collect()
}

pub(super) fn dpr(document: &Document, options: &SplitOptions) -> Vec<Piece> {
    let mut title = document.title.clone();
    word::compose(&mut title);
    let mut words: Vec<Word<'_>> = word::between_spaces(&title)
        .map(|text| spaced(text, None))
        .collect();
    for (section, paragraph) in paragraphs(document) {
        words.extend(word::between_spaces(paragraph).map(|text| spaced(text, Some(section))));
    }
    if words.len() < options.words {
        return Vec::new();
    }
    let mut pieces = cut(&words, options);
    for piece in &mut pieces {
        word::compose(&mut piece.text);
    }
    pieces
}

fn spaced(text: &str, section: Option<usize>) -> Word<'_> {
    Word {
        text,
        glued: false,
        section,
    }
}

/// Cuts one run of words into windows.
fn cut(words: &[Word<'_>], options: &SplitOptions) -> Vec<Piece> {
    let tail = options.tail.unwrap_or(options.rule.default_tail());
    let windows = windows(words.len(), options, tail).into_iter();
    let piece = |range: std::ops::Range<usize>, wrapped: usize| Piece {
        section: words[range.start].section,
        text: word::join(words[range].iter().chain(wrap(&words[..wrapped]).iter())),
    };
    windows
        .map(|window| piece(window.range, window.wrapped))
        .collect()
}

/// The words that fill a passage from the beginning; a space goes before the first.
fn wrap<'a>(words: &[Word<'a>]) -> Vec<Word<'a>> {
    let mut words = words.to_vec();
    if let Some(first) = words.first_mut() {
        first.glued = false;
    }
    words
}

pub(super) fn hf(document: &Document, options: &SplitOptions) -> Vec<Piece> {
    let mut text = String::new();
    let mut starts = Vec::new();
    for (section, paragraph) in paragraphs(document) {
        if !starts.is_empty() {
            text.push_str("\n\n");
        }
        starts.push((text.len(), section));
        text.push_str(paragraph);
    }
    if starts.is_empty() {
        return Vec::new();
    }
    let section_at = |at: usize| {
        let after = starts.partition_point(|&(start, _)| start <= at);
        Some(starts[after.saturating_sub(1)].1)
    };
    let mut at = 0;
    let words: Vec<Word<'_>> = text
        .split(' ')
        .map(|word| {
            let section = section_at(at);
            at += word.len() + 1;
            spaced(word, section)
        })
        .collect();
    let mut pieces = cut_exactly(&words, options);
    for piece in &mut pieces {
        piece.text = piece.text.trim_matches(word::is_space).to_owned();
    }
    pieces
}

/// As [`cut`], with a space between any two words, empty ones too.
fn cut_exactly(words: &[Word<'_>], options: &SplitOptions) -> Vec<Piece> {
    let tail = options.tail.unwrap_or(options.rule.default_tail());
    let windows = windows(words.len(), options, tail).into_iter();
    let piece = |range: std::ops::Range<usize>, wrapped: usize| {
        let section = words[range.start].section;
        let all = words[range].iter().chain(&words[..wrapped]);
        let texts: Vec<&str> = all.map(|word| word.text).collect();
        Piece {
            section,
            text: texts.join(" "),
        }
    };
    windows
        .map(|window| piece(window.range, window.wrapped))
        .collect()
}

pub(super) fn kilt(document: &Document, options: &SplitOptions) -> Vec<Piece> {
    let mut chunks: Vec<Chunk> = Vec::new();
    for (section, paragraph) in paragraphs(document) {
        let mut chunk = Chunk::new(section);
        for sentence in paragraph.split_sentence_bounds() {
            let n = sentence
                .split_word_bounds()
                .filter(|part| !part.trim_matches(word::is_space).is_empty())
                .count();
            if chunk.n_words > 0 && chunk.n_words + n >= options.words {
                chunks.push(std::mem::replace(&mut chunk, Chunk::new(section)));
            }
            chunk.text.push_str(sentence);
            chunk.n_words += n;
        }
        let before = chunks.last_mut().filter(|before| {
            before.section == section && before.n_words + chunk.n_words < options.words
        });
        match before {
            _ if chunk.n_words == 0 => {}
            Some(before) => before.join(&chunk),
            None => chunks.push(chunk),
        }
    }
    let piece = |chunk: Chunk| Piece {
        section: Some(chunk.section),
        text: word::between_spaces(&chunk.text)
            .collect::<Vec<_>>()
            .join(" "),
    };
    chunks.into_iter().map(piece).collect()
}

/// Sentences of one section.
struct Chunk {
    section: usize,
    text: String,
    n_words: usize,
}

impl Chunk {
    fn new(section: usize) -> Self {
        Self {
            section,
            text: String::new(),
            n_words: 0,
        }
    }

    fn join(&mut self, next: &Self) {
        self.text.push(' ');
        self.text.push_str(&next.text);
        self.n_words += next.n_words;
    }
}

/// The whole document, unless its text is blank.
pub(super) fn whole(document: &Document) -> Vec<Piece> {
    let mut starts = paragraphs(document).map(|(section, _)| section);
    let section = starts.next();
    let text = document.text();
    let has_words = text.contains(|c| !word::is_space(c));
    let piece = has_words.then_some(Piece { section, text });
    piece.into_iter().collect()
}

/// The paragraphs of all sections with the positions of these.
fn paragraphs(document: &Document) -> impl Iterator<Item = (usize, &str)> {
    let sections = document.sections.iter().enumerate();
    sections.flat_map(|(i, section)| section.paragraphs.iter().map(move |p| (i, p.as_str())))
}
