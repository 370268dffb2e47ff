//! The table of passages that DPR reads.

use std::io::{self, Write};

use ragdex_core::Passage;

/// The first line.
const HEADER: &[u8] = b"id\ttext\ttitle\n";

/// Writes passages as DPR publishes its own (`psgs_w100.tsv`): `id<TAB>text<TAB>title`.
///
/// The text is always between quotation marks, the title only when it holds one; a mark inside is
/// doubled. Lines end in `\n`. A field holds neither tab nor line break, so that a reader may cut
/// lines at tabs before it looks at the marks: these, and everything else that some reader takes
/// for the end of a line, become a space.
///
/// Sections, ordinals and keys are left out: the form has no place for them. DPR numbers its
/// passages from 1, one after the other; readers take any id.
///
/// # Source
/// Python's `csv` with a tab between the fields; `download_data.py` and `biencoder_data.py` of
/// <https://github.com/facebookresearch/DPR>.
///
/// # Examples
///
/// ```
/// use ragdex_core::Passage;
/// use ragdex_corpus::PsgsTsvWriter;
///
/// let mut writer = PsgsTsvWriter::new(Vec::new())?;
/// let passage = Passage { title: "Aruba".into(), text: "An \"island\".".into(), ..Passage::default() };
/// writer.write("1", &passage)?;
/// assert_eq!(writer.finish()?, b"id\ttext\ttitle\n1\t\"An \"\"island\"\".\"\tAruba\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct PsgsTsvWriter<W> {
    writer: W,
    line: Vec<u8>,
}

impl<W: Write> PsgsTsvWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// Those of `writer`, here and in the other functions.
    pub fn new(mut writer: W) -> io::Result<Self> {
        writer.write_all(HEADER)?;
        Ok(Self {
            writer,
            line: Vec::new(),
        })
    }

    /// Writes a passage under an id.
    pub fn write(&mut self, id: &str, passage: &Passage) -> io::Result<()> {
        self.line.clear();
        self.push_if_needed(id);
        self.line.push(b'\t');
        self.push_quoted(&passage.text);
        self.line.push(b'\t');
        self.push_if_needed(&passage.title);
        self.line.push(b'\n');
        self.writer.write_all(&self.line)
    }

    /// Flushes and gives the writer back.
    pub fn finish(mut self) -> io::Result<W> {
        self.writer.flush()?;
        Ok(self.writer)
    }

    /// Appends a field, between quotation marks when it holds one.
    fn push_if_needed(&mut self, field: &str) {
        if field.contains('"') {
            self.push_quoted(field);
        } else {
            self.push_escaped(field);
        }
    }

    fn push_quoted(&mut self, field: &str) {
        self.line.push(b'"');
        self.push_escaped(field);
        self.line.push(b'"');
    }

    fn push_escaped(&mut self, field: &str) {
        let bytes = field.as_bytes();
        let (mut at, mut copied) = (0, 0);
        while let Some(found) = bytes[at..].iter().position(|&b| SPECIAL[b as usize]) {
            at += found;
            let (length, instead): (usize, &[u8]) = match line_end_length(&bytes[at..]) {
                0 if bytes[at] == b'"' => (1, b"\"\""),
                0 => {
                    at += 1;
                    continue;
                }
                length => (length, b" "),
            };
            self.line.extend_from_slice(&bytes[copied..at]);
            self.line.extend_from_slice(instead);
            at += length;
            copied = at;
        }
        self.line.extend_from_slice(&bytes[copied..]);
    }
}

/// Bytes that are not always copied: quotation marks, control white space, and the first bytes of
/// line ends beyond ASCII.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let bytes = b"\"\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f\xc2\xe2";
    let mut i = 0;
    while i < bytes.len() {
        special[bytes[i] as usize] = true;
        i += 1;
    }
    special
};

/// The length of the control white space or line end at the start of `bytes`, 0 if there is none.
/// These are the ends of lines of Python's `str.splitlines`, and the tab.
fn line_end_length(bytes: &[u8]) -> usize {
    match bytes {
        [b'\t'..=b'\r' | b'\x1c'..=b'\x1f', ..] => 1,
        [0xc2, 0x85, ..] => 2,
        [0xe2, 0x80, 0xa8 | 0xa9, ..] => 3,
        _ => 0,
    }
}
