//! `{{convert}}`: a measurement as written, without the conversion.

use super::super::args::Arguments;

/// Units whose sign differs from their code.
const UNITS: &[(&str, &str)] = &[
    ("sqmi", "sq mi"),
    ("sqft", "sq ft"),
    ("sqin", "sq in"),
    ("sqyd", "sq yd"),
    ("sqkm", "km2"),
    ("sqm", "m2"),
    ("cuft", "cu ft"),
    ("cuin", "cu in"),
    ("cumi", "cu mi"),
    ("C", "°C"),
    ("F", "°F"),
    ("acre", "acres"),
    ("kph", "km/h"),
    ("oilbbl", "bbl"),
    ("floz", "fl oz"),
    ("inch", "in"),
    ("foot", "ft"),
    ("mile", "mi"),
    ("LT", "long tons"),
    ("ST", "short tons"),
    ("MT", "metric tons"),
    ("USgal", "US gal"),
    ("impgal", "imp gal"),
    ("PD/sqmi", "/sq mi"),
];

const MULTIPLES: &[(&str, &str)] = &[
    ("e3", "thousand"),
    ("e6", "million"),
    ("e9", "billion"),
    ("e12", "trillion"),
];

/// Pairs of units in which one measurement is given.
const COMPOUND_UNITS: &[(&str, &str)] = &[
    ("ft", "in"),
    ("yd", "ft"),
    ("mi", "yd"),
    ("mi", "ft"),
    ("mi", "ch"),
    ("lb", "oz"),
    ("st", "lb"),
];

/// What stands between two values: as in the template, as in the text.
const RANGE_WORDS: &[(&str, &str)] = &[
    ("-", "–"),
    ("–", "–"),
    ("to", " to "),
    ("and", " and "),
    ("or", " or "),
    ("to(-)", " to "),
    ("and(-)", " and "),
    ("by", " by "),
    ("x", " × "),
    ("×", " × "),
    ("xx", " × "),
    ("+/-", " ± "),
    ("±", " ± "),
];

/// The most values a range may join (`2 × 3 × 4 m`).
const MAX_RANGE_VALUES: usize = 6;

pub(super) fn convert(args: &Arguments, out: &mut String) {
    let values: Vec<&str> = args.positions().take(2 * MAX_RANGE_VALUES + 2).collect();
    let Some((&first, mut rest)) = values.split_first() else {
        return;
    };
    if first.is_empty() {
        return;
    }
    out.push_str(first);
    while let [word, value, after @ ..] = rest {
        let Some((_, between)) = RANGE_WORDS.iter().find(|(code, _)| code == word) else {
            break;
        };
        out.push_str(between);
        out.push_str(value);
        rest = after;
    }
    let [unit, after @ ..] = rest else { return };
    push_unit(unit, out);
    if let [value, small, ..] = after
        && COMPOUND_UNITS.contains(&(*unit, *small))
        && value.starts_with(|c: char| c.is_ascii_digit())
    {
        out.push(' ');
        out.push_str(value);
        push_unit(small, out);
    }
}

/// Appends the sign of the unit `code`, with the space before it.
fn push_unit(code: &str, out: &mut String) {
    let multiple = MULTIPLES.iter().rev().find_map(|(prefix, word)| {
        let unit = code.strip_prefix(prefix)?;
        unit.starts_with(|c: char| c.is_alphabetic())
            .then_some((word, unit))
    });
    let code = multiple.map_or(code, |(word, unit)| {
        out.push(' ');
        out.push_str(word);
        unit
    });
    let sign = UNITS
        .iter()
        .find(|(known, _)| *known == code)
        .map_or(code, |(_, sign)| sign);
    if !sign.is_empty() && !sign.starts_with('/') {
        out.push(' ');
    }
    out.push_str(sign);
}

#[cfg(test)]
mod tests {
    use super::super::{Function, called};

    fn convert(positions: &[&str]) -> String {
        called(Function::Convert, positions, &[])
    }

    #[test]
    fn the_measurement_stays_as_written() {
        assert_eq!(convert(&["5", "km", "mi"]), "5 km");
        assert_eq!(
            convert(&["1,600", "e6acre", "ha", "0"]),
            "1,600 million acres"
        );
        assert_eq!(convert(&["3", "PD/sqmi"]), "3/sq mi");
        assert_eq!((convert(&["5"]), convert(&[])), ("5".into(), String::new()));
    }

    #[test]
    fn ranges_and_compound_units_are_one_measurement() {
        assert_eq!(convert(&["5", "-", "10", "km", "mi"]), "5–10 km");
        assert_eq!(convert(&["2", "x", "3", "x", "4", "m"]), "2 × 3 × 4 m");
        assert_eq!(convert(&["6", "ft", "2", "in", "cm"]), "6 ft 2 in");
        assert_eq!(convert(&["6", "ft", "m", "in"]), "6 ft");
    }
}
