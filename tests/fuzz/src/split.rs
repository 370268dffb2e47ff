//! Documents through every rule of splitting.

use ragdex_core::{Document, Passage, Section};
use ragdex_corpus::{SplitOptions, SplitRule, Splitter, Tail};

use crate::{MAX_BYTES, option_byte};

const RULES: [SplitRule; 6] = [
    SplitRule::Plain,
    SplitRule::Section,
    SplitRule::Dpr,
    SplitRule::Hf,
    SplitRule::Kilt,
    SplitRule::Whole,
];

/// The bit of the first byte that makes the document a passage already; the lower three are the
/// rule.
const IS_PASSAGE: u8 = 8;

const TAILS: [Option<Tail>; 5] = [
    None,
    Some(Tail::Keep),
    Some(Tail::Merge),
    Some(Tail::Wrap),
    Some(Tail::Drop),
];

/// Documents and passages, in characters, for which the whole of a hostile document is affordable:
/// an overlap repeats each word up to `words` times.
const MAX_OUTPUT: usize = 1 << 22;

/// Splits a document: bytes for rule, tail, words and overlap, then the title up to the first line
/// break, then lines. A line that begins with `=` begins a section, a form feed in a line ends a
/// paragraph inside it; every other line is a paragraph.
///
/// # Panics
/// When the options are not checked as promised, a passage is empty or out of order, the result
/// differs from one run to the next, or a rule that promises to keep everything loses something.
pub fn split(mut data: &[u8]) {
    let choice = option_byte(&mut data);
    let rule = RULES[usize::from(choice & 7) % RULES.len()];
    let tail = TAILS[usize::from(option_byte(&mut data)) % TAILS.len()];
    let [words, overlap] = [(); 2].map(|()| usize::from(option_byte(&mut data)));
    let options = SplitOptions {
        rule,
        words,
        overlap,
        tail,
    };
    let splitter = Splitter::new(options);
    assert_eq!(splitter.is_ok(), words > overlap, "{options:?}");
    let Ok(splitter) = splitter else {
        return;
    };
    let mut document = document(&data[..data.len().min(MAX_BYTES)]);
    document.is_passage = choice & IS_PASSAGE != 0;
    if document.text().len() * words / (words - overlap) > MAX_OUTPUT {
        return;
    }
    let passages = splitter.split(&document);
    assert_eq!(splitter.split(&document), passages, "another result");
    check_passages(&document, &options, &passages);
    if document.is_passage || rule == SplitRule::Whole {
        check_whole(&document, &passages);
    } else {
        check_nothing_lost(&document, &options, &passages);
    }
}

/// Reads a document off lines.
fn document(data: &[u8]) -> Document {
    let text = String::from_utf8_lossy(data);
    let (title, rest) = text.split_once('\n').unwrap_or(("", &text));
    let mut sections = vec![Section::default()];
    for line in rest.split('\n') {
        let section = sections.last_mut().expect("begins with one");
        match line.strip_prefix('=') {
            Some(heading) => sections.push(Section {
                path: heading.split('=').map(str::to_owned).collect(),
                paragraphs: Vec::new(),
            }),
            None => section
                .paragraphs
                .extend(line.split('\u{c}').map(str::to_owned)),
        }
    }
    Document {
        key: "1".into(),
        title: title.into(),
        sections,
        ..Document::default()
    }
}

fn check_passages(document: &Document, options: &SplitOptions, passages: &[Passage]) {
    let paths: Vec<String> = document
        .sections
        .iter()
        .map(|s| s.path.join(" > "))
        .collect();
    for (i, passage) in passages.iter().enumerate() {
        assert_eq!(passage.ordinal as usize, i, "out of order");
        let known = passage.section.is_empty() || paths.contains(&passage.section);
        assert!(known, "no section `{}`", passage.section);
        // The rule of Hugging Face cuts at each single space, so it makes passages of spaces.
        let empty = words(&passage.text).next().is_none();
        assert!(
            !empty || options.rule == SplitRule::Hf,
            "{passage:?} is empty"
        );
    }
}

/// Checks that the document came out as one passage, not a byte changed.
fn check_whole(document: &Document, passages: &[Passage]) {
    let text = document.text();
    let expected = words(&text).next().map(|_| &*text);
    let texts: Vec<&str> = passages.iter().map(|passage| &*passage.text).collect();
    assert_eq!(texts, expected.as_slice(), "{passages:?}");
    assert!(
        passages
            .iter()
            .all(|passage| passage.title == document.title)
    );
}

/// Checks that no character that is no space is lost, added or moved, where the rule keeps all: an
/// overlap repeats words, and what fills or leaves out a short end is asked for.
fn check_nothing_lost(document: &Document, options: &SplitOptions, passages: &[Passage]) {
    let keeps = matches!(options.tail, None | Some(Tail::Keep | Tail::Merge));
    let whole = match options.rule {
        SplitRule::Plain | SplitRule::Section | SplitRule::Hf => keeps && options.overlap == 0,
        SplitRule::Kilt => true,
        _ => false,
    };
    let texts = || passages.iter().map(|passage| &*passage.text);
    if whole {
        let kept = texts().flat_map(words).flat_map(str::chars);
        let all = document.paragraphs().flat_map(words).flat_map(str::chars);
        assert!(kept.eq(all), "{options:?}: {passages:?}");
    }
    if options.rule == SplitRule::Plain && keeps {
        check_order(document, options, passages);
    }
}

/// Checks that passages with an overlap, each without the words it repeats, are the document.
fn check_order(document: &Document, options: &SplitOptions, passages: &[Passage]) {
    // Words of scripts without spaces are cut inside a run; their borders are not known here.
    if !document.paragraphs().all(str::is_ascii) {
        return;
    }
    let fresh = passages.iter().enumerate().flat_map(|(i, passage)| {
        let repeated = if i == 0 { 0 } else { options.overlap };
        words(&passage.text).skip(repeated)
    });
    assert!(
        fresh.eq(document.paragraphs().flat_map(words)),
        "{options:?}: {passages:?}"
    );
}

/// Runs without white space, as Python's `str.split()` finds them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_space = |c: char| c.is_whitespace() || matches!(c, '\x1c'..='\x1f');
    text.split(is_space).filter(|word| !word.is_empty())
}
