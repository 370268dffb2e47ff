//! Members of a tar archive, one after another, without unpacking any.
//!
//! The `tar` crate reads headers; its iterator over entries borrows the archive, which a stream of
//! records that owns its reader cannot.

use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tar::{EntryType, Header, PaxExtensions};

use super::{Compression, Opened, open_part};
use crate::Error;

/// The unit of an archive.
const BLOCK_BYTES: usize = 512;

/// Where the mark of a header stands, and the mark of every variant of today.
const MARK: (usize, &[u8]) = (257, b"ustar");

/// A name that stands in a member of its own is not longer.
const MAX_NAME_BYTES: u64 = 1 << 20;

/// An archive that is read from front to back.
pub(crate) struct Archive {
    pub(crate) path: PathBuf,
    pub(crate) compression: Compression,
    tape: Arc<Mutex<Tape>>,
}

impl Archive {
    /// Whether something begins as archives do.
    pub(crate) fn is_one(head: &[u8]) -> bool {
        let (at, mark) = MARK;
        head.get(at..).is_some_and(|rest| rest.starts_with(mark))
    }

    pub(crate) fn new(path: &Path, opened: Opened) -> Self {
        let tape = Tape {
            path: path.to_owned(),
            reader: opened.reader,
            offset: 0,
            left: 0,
            padding: 0,
        };
        Self {
            path: path.to_owned(),
            compression: opened.compression,
            tape: Arc::new(Mutex::new(tape)),
        }
    }

    /// Goes to the next member that is a file and gives its name; the rest of the member before is
    /// skipped.
    ///
    /// # Errors
    /// [`Error::Archive`] for an archive that is damaged or cut, and whatever its decoder says.
    pub(crate) fn next_name(&mut self) -> Result<Option<String>, Error> {
        let mut tape = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
        let result = tape.next_name();
        result.map_err(|error| Error::from_io(error, &self.path, tape.offset))
    }

    /// Opens the member that was named last.
    pub(crate) fn open(&self, path: &Path) -> Result<Opened, Error> {
        let mut opened = open_part(path, Box::new(Member(Arc::clone(&self.tape))))?;
        if opened.compression == Compression::None {
            opened.compression = self.compression;
        }
        Ok(opened)
    }
}

/// The archive, at some place in a member.
struct Tape {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    /// Bytes of the archive before the place.
    offset: u64,
    /// Bytes of the member after the place.
    left: u64,
    /// Bytes between the member and the next header.
    padding: u64,
}

impl Tape {
    fn next_name(&mut self) -> io::Result<Option<String>> {
        let (mut long_name, mut long_size) = (None, None);
        loop {
            self.skip(self.left.saturating_add(self.padding))?;
            (self.left, self.padding) = (0, 0);
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            let kind = header.entry_type();
            let size = header.entry_size();
            let size = size.map_err(|_| self.damaged("a member without its length"))?;
            self.enter(size);
            match kind {
                EntryType::GNULongName => long_name = Some(self.name()?),
                EntryType::XHeader => {
                    let attributes = self.contents()?;
                    long_name = attribute(&attributes, "path").or(long_name);
                    long_size = attribute(&attributes, "size").and_then(|size| size.parse().ok());
                }
                EntryType::Regular | EntryType::Continuous => {
                    if let Some(size) = long_size {
                        self.enter(size);
                    }
                    let short = || String::from_utf8_lossy(&header.path_bytes()).into_owned();
                    return Ok(Some(long_name.unwrap_or_else(short)));
                }
                _ => {}
            }
        }
    }

    fn enter(&mut self, size: u64) {
        let over = size % BLOCK_BYTES as u64;
        self.left = size;
        self.padding = (BLOCK_BYTES as u64 - over) % BLOCK_BYTES as u64;
    }

    /// Reads a header; `None` at the end, after which the decoder below is read to its own end, so
    /// that its checksums are compared.
    fn header(&mut self) -> io::Result<Option<Header>> {
        let mut header = Header::new_old();
        let block = header.as_mut_bytes();
        let mut held = 0;
        while held < BLOCK_BYTES {
            match self.reader.read(&mut block[held..])? {
                0 if held == 0 => return Ok(None),
                0 => return Err(self.damaged("a header is cut off")),
                n => held += n,
            }
        }
        self.offset += BLOCK_BYTES as u64;
        if block.iter().all(|byte| *byte == 0) {
            io::copy(&mut self.reader, &mut io::sink())?;
            return Ok(None);
        }
        let sum: u32 = block
            .iter()
            .enumerate()
            .map(|(i, byte)| match i {
                // The checksum itself counts as blanks.
                148..156 => u32::from(b' '),
                _ => u32::from(*byte),
            })
            .sum();
        if header.cksum().ok() != Some(sum) {
            return Err(self.damaged("the checksum of a header does not match"));
        }
        Ok(Some(header))
    }

    fn name(&mut self) -> io::Result<String> {
        let mut name = self.contents()?;
        while name.pop_if(|byte| *byte == 0).is_some() {}
        Ok(String::from_utf8_lossy(&name).into_owned())
    }

    /// Reads a member that describes the next.
    fn contents(&mut self) -> io::Result<Vec<u8>> {
        if self.left > MAX_NAME_BYTES {
            return Err(self.damaged("a name of over 1 MB"));
        }
        let mut bytes = vec![0; self.left as usize];
        let mut held = 0;
        while held < bytes.len() {
            held += self.read_member(&mut bytes[held..])?;
        }
        Ok(bytes)
    }

    fn read_member(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = buf
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.reader.read(&mut buf[..n])?;
        if read == 0 && n > 0 {
            return Err(self.damaged("a member is cut off"));
        }
        self.left -= read as u64;
        self.offset += read as u64;
        Ok(read)
    }

    fn skip(&mut self, mut bytes: u64) -> io::Result<()> {
        while bytes > 0 {
            let available = self.reader.fill_buf()?.len() as u64;
            if available == 0 {
                return Err(self.damaged("a member is cut off"));
            }
            let n = available.min(bytes);
            self.reader.consume(n as usize);
            self.offset += n;
            bytes -= n;
        }
        Ok(())
    }

    fn damaged(&self, problem: &'static str) -> io::Error {
        io::Error::other(Error::Archive {
            path: self.path.clone(),
            offset: self.offset,
            problem,
        })
    }
}

/// A value among the attributes that stand before a member.
fn attribute(attributes: &[u8], wanted: &str) -> Option<String> {
    let mut all = PaxExtensions::new(attributes).filter_map(Result::ok);
    let found = all.find(|attribute| attribute.key() == Ok(wanted))?;
    found.value().ok().map(str::to_owned)
}

/// Reads the member that the tape is in.
struct Member(Arc<Mutex<Tape>>);

impl Read for Member {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut tape = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tape.read_member(buf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(members: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, text) in members {
            let mut header = Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            builder
                .append_data(&mut header, name, text.as_bytes())
                .unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn open(bytes: &[u8]) -> Archive {
        let path = Path::new("x.tar");
        let opened = open_part(path, Box::new(io::Cursor::new(bytes.to_vec()))).unwrap();
        assert!(Archive::is_one(&opened.head));
        Archive::new(path, opened)
    }

    #[test]
    fn members_follow_each_other_whether_they_were_read_or_not() {
        let long = "n".repeat(300);
        let bytes = archive(&[
            ("a", "one"),
            (&long, &"x".repeat(1000)),
            ("c", ""),
            ("d", "two"),
        ]);
        let mut archive = open(&bytes);
        let mut texts = Vec::new();
        while let Some(name) = archive.next_name().unwrap() {
            let mut text = String::new();
            if name != long {
                let mut opened = archive.open(Path::new(&name)).unwrap();
                opened.reader.read_to_string(&mut text).unwrap();
            }
            texts.push((name, text));
        }
        let expected = [("a", "one"), (&*long, ""), ("c", ""), ("d", "two")];
        assert!(texts.iter().map(|(n, t)| (&**n, &**t)).eq(expected));
    }

    #[test]
    fn an_archive_that_is_cut_or_damaged_is_an_error() {
        let bytes = archive(&[("a", "one"), ("b", &"x".repeat(1000))]);
        for cut in [600, 1030, 1600] {
            let mut archive = open(&bytes[..cut]);
            let error = loop {
                match archive.next_name() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("cut at {cut} passed"),
                    Err(error) => break error,
                }
            };
            assert!(matches!(error, Error::Archive { .. }), "{error}");
        }
        let mut bytes = bytes;
        bytes[1024] ^= 1;
        let mut archive = open(&bytes);
        archive.next_name().unwrap();
        let error = archive.next_name().unwrap_err();
        let expected = "`x.tar`, byte 1536: the checksum of a header does not match";
        assert_eq!(error.to_string(), expected);
    }
}
