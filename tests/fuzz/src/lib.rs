//! What each fuzz target checks, as plain functions, so that the kept inputs run as tests too.
//!
//! Every input begins with a few bytes that choose options, `@` being all of them off, and goes on
//! with the content as a file would hold it. So seeds are files that people can read and write, and
//! the words of a dictionary fit. An input that breaks a promise makes its function panic.

mod base;
mod dump;
mod edits;
mod index;
mod manifest;
mod pickle;
mod reading;
mod source;
mod split;
mod wikitext;

pub use base::base;
pub use dump::dump;
pub use index::index;
pub use manifest::manifest;
pub use pickle::pickle;
pub use source::source;
pub use split::split;
pub use wikitext::wikitext;

/// The longest input that is looked at: longer ones find nothing that shorter ones do not.
pub const MAX_BYTES: usize = 64 * 1024;

/// Takes the next byte of options; `@` when none is left.
fn option_byte(data: &mut &[u8]) -> u8 {
    let (first, rest) = data.split_first().unwrap_or((&b'@', &[]));
    *data = rest;
    *first
}
