//! Documents made of seeded words.

use ragdex_core::{Document, Passage, Section};

use crate::Random;

/// Words with what makes text handling hard: accents, other scripts, quotes, a line break.
const WORDS: [&str; 24] = [
    "island",
    "river",
    "the",
    "of",
    "was",
    "1912",
    "Århus",
    "naïve",
    "東京",
    "Ωmega",
    "\"quoted\"",
    "tab\tbed",
    "line\nbreak",
    "🚀",
    "а",
    "é",
    "mountain",
    "king",
    "elected",
    "in",
    "a",
    "\\",
    "{}",
    "-",
];

/// Words of a toy passage, at most.
const PASSAGE_WORDS: usize = 12;

/// Makes `n` documents with keys `0`, `1`, …
pub fn toy_documents(seed: u64, n: usize) -> Vec<Document> {
    let mut random = Random::new(seed);
    (0..n)
        .map(|key| toy_document(&key.to_string(), &mut random))
        .collect()
}

/// Makes one document: up to four sections, some documents without any text, URL or revision.
pub fn toy_document(key: &str, random: &mut Random) -> Document {
    let n_sections = random.below(5);
    Document {
        key: key.to_owned(),
        title: words(2, random),
        url: (random.below(2) == 0).then(|| format!("https://example.org/{key}")),
        revision: (random.below(2) == 0).then(|| random.below(1000).to_string()),
        timestamp: (random.below(2) == 0)
            .then(|| format!("20{:02}-01-02T03:04:05Z", random.below(30))),
        sha1: (random.below(2) == 0).then(|| format!("{:031}", random.below(1000))),
        is_passage: false,
        sections: (0..n_sections)
            .map(|level| section(level, random))
            .collect(),
    }
}

/// Cuts a document into passages of at most twelve words, as a stand-in for a splitting rule.
pub fn toy_passages(document: &Document) -> Vec<Passage> {
    let mut passages = Vec::new();
    for section in &document.sections {
        let text = section.paragraphs.join(" ");
        let words: Vec<&str> = text.split(' ').collect();
        for run in words.chunks(PASSAGE_WORDS) {
            passages.push(Passage {
                ordinal: passages.len() as u32,
                title: document.title.clone(),
                section: section.path.join(" > "),
                text: run.join(" "),
            });
        }
    }
    passages
}

fn section(level: usize, random: &mut Random) -> Section {
    let n_paragraphs = 1 + random.below(2);
    Section {
        path: (0..level).map(|_| words(1, random)).collect(),
        paragraphs: (0..n_paragraphs)
            .map(|_| {
                let n_words = 1 + random.below(30);
                words(n_words, random)
            })
            .collect(),
    }
}

fn words(n: usize, random: &mut Random) -> String {
    let words: Vec<&str> = (0..n).map(|_| WORDS[random.below(WORDS.len())]).collect();
    words.join(" ")
}
