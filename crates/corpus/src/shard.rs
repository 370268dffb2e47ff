//! A share of a source, for work that is spread over several machines.

use std::fmt;
use std::str::FromStr;

use ragdex_core::ContentHash;

/// One of `count` shares of a source: the documents whose keys fall in it.
///
/// Every key falls in exactly one shard, whatever the machine, the order or the number of threads:
/// the one whose number is the first eight bytes of the key's [`ContentHash`], as a little-endian
/// number, modulo `count`, plus 1. Records that cannot be used have no key; they belong to the first
/// shard; in strict reading each of them is an error in every shard.
///
/// # Examples
///
/// ```
/// use ragdex_corpus::Shard;
///
/// let shard: Shard = "2/3".parse()?;
/// assert_eq!((shard.index(), shard.count()), (2, 3));
/// assert_eq!(shard.to_string(), "2/3");
/// assert!(Shard::default().holds("any key"));
/// # Ok::<(), ragdex_corpus::ShardError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard {
    index: u32,
    count: u32,
}

impl Default for Shard {
    /// The whole source.
    fn default() -> Self {
        Self { index: 1, count: 1 }
    }
}

impl Shard {
    /// Makes the shard number `index`, from 1, of `count`.
    ///
    /// # Errors
    /// [`ShardError`] unless `1 <= index <= count`.
    pub fn new(index: u32, count: u32) -> Result<Self, ShardError> {
        if index == 0 || index > count {
            return Err(ShardError {
                found: format!("{index}/{count}"),
            });
        }
        Ok(Self { index, count })
    }

    /// Its number, from 1.
    pub fn index(self) -> u32 {
        self.index
    }

    /// How many shards there are.
    pub fn count(self) -> u32 {
        self.count
    }

    /// Whether a document with this key falls in the shard.
    pub fn holds(self, key: &str) -> bool {
        self.count == 1 || key_hash(key) % u64::from(self.count) == u64::from(self.index - 1)
    }

    /// Whether records without a key fall in the shard.
    pub(crate) fn is_first(self) -> bool {
        self.index == 1
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let malformed = || ShardError { found: text.into() };
        let (index, count) = text.split_once('/').ok_or_else(malformed)?;
        let number = |digits: &str| digits.parse().map_err(|_| malformed());
        Self::new(number(index)?, number(count)?).map_err(|_| malformed())
    }
}

/// Something that names no shard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a shard `i/n` with 1 <= i <= n expected, found `{found}`")]
pub struct ShardError {
    /// What was given.
    pub found: String,
}

impl ShardError {
    /// What the user can do about it.
    pub fn hint(&self) -> String {
        "three machines take `1/3`, `2/3` and `3/3`".into()
    }
}

/// A number that stands for a key, the same in every run and on every machine.
pub(crate) fn key_hash(key: &str) -> u64 {
    let ContentHash(bytes) = ContentHash::of_fields(&[key]);
    let first = bytes.first_chunk().copied();
    u64::from_le_bytes(first.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_no_shard_is_an_error_with_a_remedy() {
        for text in [
            "0/3", "4/3", "x", "1", "1/0", "/", "-1/3", "1/3/3", "1.0/3", "",
        ] {
            let error = text.parse::<Shard>().unwrap_err();
            let expected = format!("a shard `i/n` with 1 <= i <= n expected, found `{text}`");
            assert_eq!(error.to_string(), expected);
            assert!(error.hint().contains("1/3"));
        }
    }

    #[test]
    fn a_key_falls_in_the_same_shard_for_ever() {
        let shards: Vec<u32> = ["12", "25", "Aruba", ""]
            .iter()
            .map(|key| {
                let mut holding = (1..=5).filter(|i| Shard::new(*i, 5).unwrap().holds(key));
                let shard = holding.next().unwrap();
                assert_eq!(holding.next(), None);
                shard
            })
            .collect();
        assert_eq!(shards, EXPECTED);
    }

    /// Worked out with another implementation of SHA-256.
    const EXPECTED: [u32; 4] = [2, 5, 2, 1];
}
