//! A MediaWiki dump.

use ragdex_corpus::{Format, PageKinds, ReadOptions};

use crate::reading::Reading;
use crate::{MAX_BYTES, option_byte};

/// Bits of the first byte.
const STRICT: u8 = 1;
const DRQA: u8 = 2;
const THREADS: u8 = 4;
const PIECES: u8 = 8;
const KEEP_GOING: u8 = 16;

/// Reads a dump: a byte of options, then XML.
///
/// # Panics
/// When a page is lost without being counted, a document cannot be used, or when the result depends
/// on the number of threads or on how much a reader gives at a time.
pub fn dump(mut data: &[u8]) {
    let choice = option_byte(&mut data);
    let xml = &data[..data.len().min(MAX_BYTES)];
    let mut options = ReadOptions {
        format: Format::MediaWiki,
        pages: if choice & DRQA == 0 {
            PageKinds::default()
        } else {
            PageKinds::drqa()
        },
        strict: choice & STRICT != 0,
        keep_going: choice & KEEP_GOING != 0,
        threads: 1,
        ..ReadOptions::default()
    };
    let reading = Reading::of("dump.xml", xml, usize::MAX, &options);
    reading.check(options.strict);
    if choice & PIECES != 0 {
        let pieces = Reading::of("dump.xml", xml, 7, &options);
        assert_eq!(
            pieces, reading,
            "another result from a reader that gives little"
        );
    }
    if choice & THREADS != 0 {
        options.threads = 2;
        let threads = Reading::of("dump.xml", xml, usize::MAX, &options);
        assert_eq!(threads, reading, "another result from two threads");
    }
}
