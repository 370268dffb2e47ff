//! The checksum that dumps carry: SHA-1 in base 36.

use sha1::{Digest as _, Sha1};

/// Digits of the largest 160-bit number in base 36.
const DIGITS: usize = 31;

/// The SHA-1 of a text in base 36, lower case, padded with zeros to 31 digits.
pub(super) fn base36(text: &str) -> String {
    let mut number: [u8; 20] = Sha1::digest(text.as_bytes()).into();
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdefghijklmnopqrstuvwxyz"[usize::from(divide_by_36(&mut number))];
    }
    digits.iter().copied().map(char::from).collect()
}

/// Divides a big-endian number in place and gives the remainder.
fn divide_by_36(number: &mut [u8; 20]) -> u8 {
    let mut remainder = 0u16;
    for byte in number {
        let value = remainder << 8 | u16::from(*byte);
        *byte = (value / 36) as u8;
        remainder = value % 36;
    }
    remainder as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_text_has_the_sum_that_every_dump_shows() {
        assert_eq!(base36(""), "phoiac9h4m842xq45sp7s6u21eteeq1");
    }
}
