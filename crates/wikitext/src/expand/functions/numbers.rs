//! Numbers, heights and the signs of music.

use super::super::args::Arguments;

/// `{{frac}}`: `1/n`, `a/b` or `n a/b`; set off from a whole number before it.
pub(super) fn fraction(args: &Arguments, out: &mut String) {
    if out.ends_with(|c: char| c.is_ascii_digit()) {
        out.push(' ');
    }
    let values: Vec<&str> = args
        .positions()
        .filter(|value| !value.is_empty())
        .take(3)
        .collect();
    match *values {
        [n] => out.extend(["1/", n]),
        [a, b] => out.extend([a, "/", b]),
        [n, a, b] => out.extend([n, " ", a, "/", b]),
        _ => {}
    }
}

/// `{{val}}`: number, uncertainty, power of ten, unit.
pub(super) fn value(args: &Arguments, out: &mut String) {
    out.push_str(args.position(1));
    let uncertainty = args.position(2);
    if !uncertainty.is_empty() && !uncertainty.starts_with('(') {
        out.push('±');
    }
    out.push_str(uncertainty);
    if !args.named("e").is_empty() {
        out.extend(["×10^", args.named("e")]);
    }
    let unit = if args.named("u").is_empty() {
        args.named("ul")
    } else {
        args.named("u")
    };
    if !unit.is_empty() {
        out.extend([" ", unit]);
    }
}

/// `{{height}}`: in the units in which it is given.
pub(super) fn height(args: &Arguments, out: &mut String) {
    let before = out.len();
    for unit in ["ft", "in", "m", "cm"] {
        let value = args.named(unit);
        if value.is_empty() || (out.len() > before && unit != "in") {
            continue;
        }
        if out.len() > before {
            out.push(' ');
        }
        out.extend([value, " ", unit]);
    }
}

/// `{{music}}`: accidentals.
pub(super) fn music(args: &Arguments, out: &mut String) {
    out.push_str(match args.position(1) {
        "flat" | "b" | "♭" => "♭",
        "sharp" | "#" | "♯" => "♯",
        "natural" | "n" | "♮" => "♮",
        _ => "",
    });
}

#[cfg(test)]
mod tests {
    use super::super::{Function, called};

    #[test]
    fn values_carry_their_uncertainty_power_and_unit() {
        let value =
            |positions: &[&str], named: &[(&str, &str)]| called(Function::Value, positions, named);
        assert_eq!(
            value(&["1.5", "0.2"], &[("e", "6"), ("ul", "m")]),
            "1.5±0.2×10^6 m"
        );
        assert_eq!(value(&["1.5", "(7)"], &[]), "1.5(7)");
    }

    #[test]
    fn heights_keep_their_units() {
        let height = |named: &[(&str, &str)]| called(Function::Height, &[], named);
        assert_eq!(height(&[("ft", "6"), ("in", "2")]), "6 ft 2 in");
        assert_eq!(height(&[("m", "1.8"), ("precision", "0")]), "1.8 m");
    }
}
