//! Python's pickles.

use ragdex_pickle::{Limit, Pickle, Value, run};

use crate::{MAX_BYTES, option_byte};

/// Bits of the first byte.
const ACCEPT_TORCH: u8 = 1;
const SHORT: u8 = 2;

/// The most values that are looked at: containers may hold each other many times.
const MAX_VALUES: usize = 1 << 16;

/// Parses a pickle: a byte of options, then the pickle.
///
/// # Panics
/// When a class or function comes through that was not accepted, when a text is none of the pickle's, when
/// the pickle ends behind its bytes, or when parsing it twice gives two results.
pub fn pickle(mut data: &[u8]) {
    let choice = option_byte(&mut data);
    let bytes = &data[..data.len().min(MAX_BYTES)];
    let accepts = |module: &str, name: &str| {
        choice & ACCEPT_TORCH != 0
            && (module.starts_with("torch") || (module, name) == ("collections", "OrderedDict"))
    };
    let mut limit = Limit::default();
    if choice & SHORT != 0 {
        limit.instructions = 10;
    }
    let parse = || run(bytes, 0, accepts, limit);
    match (parse(), parse()) {
        (Ok(pickle), Ok(again)) => {
            assert_eq!(pickle.end(), again.end(), "another end the second time");
            assert!(pickle.end() <= bytes.len(), "an end behind the bytes");
            let values = check(&pickle, bytes, &accepts);
            assert_eq!(
                values,
                check(&again, bytes, &accepts),
                "another pickle the second time"
            );
        }
        (Err(problem), Err(again)) => {
            let problem = format!("{problem:?}");
            assert_eq!(
                problem,
                format!("{again:?}"),
                "another problem the second time"
            );
        }
        _ => panic!("another result the second time"),
    }
}

/// Looks at the values that can be reached; returns what they are.
fn check<'a>(
    pickle: &Pickle<'a>,
    bytes: &'a [u8],
    accepts: &impl Fn(&str, &str) -> bool,
) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![pickle.root()];
    while let Some(value) = open.pop()
        && found.len() < MAX_VALUES
    {
        found.push(format!("{value:?}"));
        match value {
            Value::Global(global) => {
                let is_accepted = accepts(global.module, global.name);
                assert!(is_accepted, "{global:?} was not accepted");
            }
            Value::Text(text) => assert!(lies_in(text.as_bytes(), bytes)),
            Value::Bytes(text) => assert!(lies_in(text, bytes)),
            Value::Tuple(id)
            | Value::List(id)
            | Value::Dict(id)
            | Value::Persistent(id)
            | Value::Call(id) => {
                let room = MAX_VALUES.saturating_sub(open.len());
                open.extend(pickle.items(id).iter().take(room));
            }
            Value::None | Value::Bool(_) | Value::Int(_) | Value::Number => {}
        }
    }
    found
}

/// Whether a part of the pickle is one.
fn lies_in(part: &[u8], whole: &[u8]) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    part.start == part.end || (whole.start <= part.start && part.end <= whole.end)
}
