//! A whole file, changed here and there: nearly every byte of a file of vectors or links is as good as any other, so
//! that an input says only what is to be changed.

use crate::option_byte;

/// The bit of the first byte that cuts the file off: at the place that the next two bytes say.
const CUT: u8 = 1;

/// Changes a file: a byte of options, a place to cut if one is asked for, then three bytes a change, the place
/// in two and the new value.
pub(crate) fn edited(whole: &[u8], data: &mut &[u8]) -> Vec<u8> {
    let choice = option_byte(data);
    let mut file = whole.to_vec();
    if choice & CUT != 0 {
        let end = place(data, whole.len() + 1);
        file.truncate(end);
    }
    while data.len() >= 3 && !file.is_empty() {
        let place = place(data, file.len());
        file[place] = option_byte(data);
    }
    file
}

/// A number below `n` from two bytes. Files are shorter than 64 kB.
fn place(data: &mut &[u8], n: usize) -> usize {
    let low = usize::from(option_byte(data));
    let high = usize::from(option_byte(data));
    (high * 256 + low) % n
}
