//! One block of a bzip2 stream, by itself.

use ::bzip2::{Decompress, Status};

use super::scan::{END, MAGIC_BITS};

/// Output of a decoder at once; a block has up to 900 kB, more only after long runs of one byte.
const CHUNK_BYTES: usize = 1 << 20;

/// Three pieces never belong to one block, unless someone wrote the file for it.
const MAX_PIECE_BYTES: usize = 16 << 20;

/// The bits of a block, from its magic number on, or of a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Bytes of the file before the block.
    pub(super) offset: u64,
    /// The digit in the header of the stream, 1 to 9.
    level: u8,
    /// The bits from the highest on; those of the last byte that are too many are 0.
    bytes: Vec<u8>,
    bits: u64,
}

impl Piece {
    /// Copies bits out of `data`, from bit `start` to bit `end`.
    pub(super) fn cut(data: &[u8], start: u64, end: u64, level: u8, offset: u64) -> Self {
        let mut piece = Self {
            offset,
            level,
            bytes: Vec::with_capacity((end - start) as usize / 8 + 16),
            bits: 0,
        };
        piece.push_bits(data, start, end);
        piece
    }

    /// Joins the piece that follows in the file.
    pub(super) fn append(&mut self, next: &Self) {
        self.push_bits(&next.bytes, 0, next.bits);
    }

    pub(super) fn can_grow(&self) -> bool {
        self.bytes.len() < MAX_PIECE_BYTES
    }

    /// The checksum of the data, as the block states it after the magic number.
    pub(super) fn crc(&self) -> u32 {
        let bytes = self
            .bytes
            .get(6..10)
            .and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_be_bytes)
    }

    /// Decodes the block, which checks its checksum; `None` when it is not whole or damaged.
    pub(super) fn decode(&self) -> Option<Vec<u8>> {
        let mut stream = Self {
            bytes: vec![b'B', b'Z', b'h', self.level],
            bits: 32,
            ..*self
        };
        stream.push_bits(&self.bytes, 0, self.bits);
        stream.push_bits(&END.to_be_bytes(), 64 - MAGIC_BITS, 64);
        stream.push_bits(&self.crc().to_be_bytes(), 0, 32);

        let mut decoder = Decompress::new(false);
        let mut data = Vec::new();
        loop {
            let used = decoder.total_in() as usize;
            let before = decoder.total_out();
            data.reserve(CHUNK_BYTES);
            match decoder.decompress_vec(&stream.bytes[used..], &mut data) {
                Ok(Status::StreamEnd) => {
                    let whole = decoder.total_in() as usize == stream.bytes.len();
                    return whole.then_some(data);
                }
                Ok(_) if decoder.total_in() as usize > used || decoder.total_out() > before => {}
                _ => return None,
            }
        }
    }

    /// Adds the bits of `data` from bit `start` to bit `end`.
    fn push_bits(&mut self, data: &[u8], start: u64, end: u64) {
        let mut at = start;
        while at < end {
            let free = 8 - self.bits % 8;
            let n = (8 - at % 8).min(free).min(end - at);
            // Whole bytes at once where both sides allow it.
            if free == 8 && self.push_bytes(data, &mut at, end) {
                continue;
            }
            let byte = data[(at / 8) as usize] << (at % 8) >> (8 - n);
            if free == 8 {
                self.bytes.push(0);
            }
            let last = self.bytes.last_mut().expect("pushed when none was free");
            *last |= byte << (free - n);
            self.bits += n;
            at += n;
        }
    }

    /// Adds bytes as long as 8 bits are left; tells whether there was any.
    fn push_bytes(&mut self, data: &[u8], at: &mut u64, end: u64) -> bool {
        let (first, shift) = ((*at / 8) as usize, (*at % 8) as u32);
        let n = ((end - *at) / 8) as usize;
        if shift == 0 {
            self.bytes.extend_from_slice(&data[first..first + n]);
        } else {
            let pairs = data[first..=first + n].windows(2);
            self.bytes
                .extend(pairs.map(|pair| pair[0] << shift | pair[1] >> (8 - shift)));
        }
        self.bits += 8 * n as u64;
        *at += 8 * n as u64;
        n > 0
    }
}

#[cfg(test)]
impl Piece {
    /// Cuts a piece after some bits.
    pub(super) fn halves(&self, bits: u64) -> (Self, Self) {
        let half = |start, end| Self::cut(&self.bytes, start, end, self.level, self.offset);
        (half(0, bits), half(bits, self.bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_copied_from_any_place_to_any_place() {
        let data: Vec<u8> = (0..20u8)
            .map(|n| n.wrapping_mul(73).wrapping_add(29))
            .collect();
        let bit = |data: &[u8], at: u64| data[(at / 8) as usize] >> (7 - at % 8) & 1;
        for start in 0..20 {
            for middle in start..40 {
                let mut piece = Piece::cut(&data, start, middle, b'9', 0);
                piece.append(&Piece::cut(&data, middle, 155, b'9', 0));
                assert_eq!(piece.bits, 155 - start);
                let copied = (0..piece.bits).map(|at| bit(&piece.bytes, at));
                assert!(
                    copied.eq((start..155).map(|at| bit(&data, at))),
                    "{start} {middle}"
                );
            }
        }
    }
}
