//! A JSON file that vouches for itself: its last field is the checksum of all that stands before it.

use ragdex_core::Sha256;
use serde::Serialize;

use super::pretty_json;

/// How the JSON of an object ends.
const END: &str = "\n}\n";

/// Writes an object with fields as indented JSON, and behind them `checksum`: the SHA-256 of every byte
/// before the comma in front of that field.
pub(crate) fn sealed(value: &impl Serialize) -> Vec<u8> {
    let mut json = pretty_json(value);
    json.truncate(json.len() - END.len());
    let sum = Sha256::of(&json);
    json.extend_from_slice(seal(sum).as_bytes());
    json
}

/// The sum of what stands before the field `checksum`, which must equal it; `None` when the field is not
/// where [`sealed`] puts it.
pub(crate) fn sum_before(content: &[u8], checksum: Sha256) -> Option<Sha256> {
    content
        .strip_suffix(seal(checksum).as_bytes())
        .map(Sha256::of)
}

fn seal(sum: Sha256) -> String {
    format!(",\n  \"checksum\": \"{sum}\"{END}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_seal_is_a_field_and_no_byte_before_it_can_change() {
        let value = json!({"a": 1, "b": ["c"]});
        let content = sealed(&value);
        let read: Value = serde_json::from_slice(&content).unwrap();
        assert_eq!(read["b"], value["b"]);
        let sum: Sha256 = serde_json::from_value(read["checksum"].clone()).unwrap();
        assert_eq!(sum_before(&content, sum), Some(sum));
        let body = content.len() - seal(sum).len();
        for place in 0..body {
            let mut damaged = content.clone();
            damaged[place] ^= 0x20;
            assert_ne!(sum_before(&damaged, sum), Some(sum), "{place}");
        }
        assert_eq!(sum_before(&content[..body], sum), None);
    }
}
