//! Names: of people, of ships, in other languages and scripts.

use super::super::args::Arguments;
use super::{Call, push_joined};
use crate::marks::is_blank;

/// `{{ill}}`: the name; skips the language in the old order of arguments.
pub(super) fn interlanguage(args: &Arguments, out: &mut String) {
    let first = args.position(1);
    let is_code = (2..=3).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_lowercase());
    let name = if is_code { args.position(2) } else { first };
    out.push_str(if args.named("lt").is_empty() {
        name
    } else {
        args.named("lt")
    });
}

/// `{{zh}}`: the forms given, in the order written, without their labels.
pub(super) fn chinese(args: &Arguments, out: &mut String) {
    let before = out.len();
    let forms = args
        .names()
        .filter(|(name, _)| matches!(*name, "c" | "s" | "t" | "p"));
    push_joined(out, forms.map(|(_, value)| value), "; ");
    if out.len() == before {
        out.push_str(args.position(1));
    }
}

/// `{{IPA}}`: a sound; whole words in the alphabet of phonetics are not prose.
pub(super) fn ipa(args: &Arguments, out: &mut String) {
    let mut filled = args.positions().filter(|value| !is_blank(value));
    if let (Some(only), None) = (filled.next(), filled.next()) {
        out.push_str(only);
    }
}

/// `{{nihongo}}`: English, kanji, transcription, explanation.
pub(super) fn nihongo(args: &Arguments, out: &mut String) {
    let [english, kanji, romaji] = [1, 2, 3].map(|n| args.position(n));
    let extra = if is_blank(args.position(4)) {
        args.named("extra")
    } else {
        args.position(4)
    };
    match (is_blank(english), is_blank(romaji)) {
        (false, _) => push_with_glosses(out, english, &[kanji, romaji, extra]),
        (true, false) => push_with_glosses(out, romaji, &[kanji, extra]),
        (true, true) => out.push_str(kanji),
    }
}

/// `{{nihongo3}}`: the transcription first.
pub(super) fn nihongo3(args: &Arguments, out: &mut String) {
    let [english, kanji, romaji] = [1, 2, 3].map(|n| args.position(n));
    push_with_glosses(out, romaji, &[kanji, english]);
}

/// Appends `name (a, b)`, with what is not blank.
fn push_with_glosses(out: &mut String, name: &str, glosses: &[&str]) {
    out.push_str(name);
    if glosses.iter().all(|gloss| is_blank(gloss)) {
        return;
    }
    out.push_str(if is_blank(name) { "(" } else { " (" });
    push_joined(out, glosses.iter().copied(), ", ");
    out.push(')');
}

/// `{{USS}}` and its like: the prefix is the name of the template.
pub(super) fn prefixed_ship(call: &Call<'_>, out: &mut String) {
    let [name, number, format] = [1, 2, 3].map(|n| call.args.position(n));
    if format != "6" {
        out.extend(call.name.chars().flat_map(char::to_uppercase));
        out.push(' ');
    }
    out.push_str(name);
    if !matches!(format, "2" | "6") && !is_blank(number) {
        out.extend([" (", number, ")"]);
    }
}

/// `{{ship}}`: prefix, name, and what tells it from others of its name.
pub(super) fn ship(args: &Arguments, out: &mut String) {
    push_joined(out, [args.position(1), args.position(2)], " ");
    let number = args.position(3);
    if !is_blank(number) && is_blank(args.position(4)) {
        out.extend([" (", number, ")"]);
    }
}

/// `{{harvtxt}}`: authors and year, as in running text.
pub(super) fn author_year(args: &Arguments, out: &mut String) {
    let values: Vec<&str> = args
        .positions()
        .filter(|value| !is_blank(value))
        .take(6)
        .collect();
    let Some((year, authors)) = values.split_last() else {
        return;
    };
    match *authors {
        [] => return out.push_str(year),
        [a] => out.push_str(a),
        [a, b] => out.extend([a, " & ", b]),
        [a, b, c] => out.extend([a, ", ", b, " & ", c]),
        [a, ..] => out.extend([a, " et al."]),
    }
    out.extend([" (", year, ")"]);
}

#[cfg(test)]
mod tests {
    use super::super::{Function, called};

    #[test]
    fn names_lead_and_glosses_follow() {
        let nihongo = |positions: &[&str]| called(Function::Nihongo, positions, &[]);
        assert_eq!(nihongo(&["a", "b", "c", "d"]), "a (b, c, d)");
        assert_eq!(nihongo(&["", "b", "c"]), "c (b)");
        assert_eq!(nihongo(&["", "b"]), "b");
        assert_eq!(
            called(Function::Nihongo3, &["a", "b", "c"], &[]),
            "c (b, a)"
        );
    }

    #[test]
    fn authors_are_counted() {
        let cited = |positions: &[&str]| called(Function::AuthorYear, positions, &[]);
        assert_eq!(cited(&["A", "2000"]), "A (2000)");
        assert_eq!(cited(&["A", "B", "C", "2000"]), "A, B & C (2000)");
        assert_eq!(cited(&["A", "B", "C", "D", "2000"]), "A et al. (2000)");
    }

    #[test]
    fn ships_carry_prefix_and_number() {
        let ship = |positions: &[&str]| called(Function::PrefixedShip, positions, &[]);
        assert_eq!(ship(&["Ajax", "22"]), "USS Ajax (22)");
        assert_eq!(
            (ship(&["Ajax", "22", "6"]), ship(&["Ajax", "22", "2"])),
            ("Ajax".into(), "USS Ajax".into())
        );
        assert_eq!(
            called(Function::Ship, &["HMS", "A", "2", "x"], &[]),
            "HMS A"
        );
    }

    #[test]
    fn forms_keep_their_order() {
        assert_eq!(
            called(
                Function::Chinese,
                &[],
                &[("t", "a"), ("s", "b"), ("w", "c")]
            ),
            "a; b"
        );
        assert_eq!(
            called(Function::Interlanguage, &["de", "Name"], &[]),
            "Name"
        );
        assert_eq!(called(Function::Ipa, &["a", "b"], &[]), "");
    }
}
