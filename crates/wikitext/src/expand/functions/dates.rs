//! Dates.

use super::super::args::Arguments;
use super::Call;
use crate::marks::is_blank;
use crate::words::Words;

/// A date of which the later parts may be missing.
struct Date<'a> {
    year: &'a str,
    month: &'a str,
    day: &'a str,
    day_first: bool,
}

impl<'a> Date<'a> {
    /// Reads year, month and day from the first three positions.
    fn read(args: &'a Arguments, words: &'a Words) -> Self {
        let [year, month, day] = [1, 2, 3]
            .map(|n| args.position(n))
            .map(|part| if is_blank(part) { "" } else { part });
        Self {
            year,
            month: words.month(month).unwrap_or(month),
            day: day.trim_start_matches('0'),
            day_first: true,
        }
    }

    fn push(&self, out: &mut String) {
        if self.month.is_empty() {
            out.push_str(self.year);
        } else if self.day_first || self.day.is_empty() {
            super::push_joined(out, [self.day, self.month, self.year], " ");
        } else {
            super::push_joined(out, [self.month, self.day], " ");
            if !self.year.is_empty() {
                out.extend([", ", self.year]);
            }
        }
    }
}

/// Birth, death, start and end dates: the first date alone, an age never.
pub(super) fn first_date(call: &Call<'_>, out: &mut String) {
    let first = call.args.position(1);
    if !first.bytes().all(|b| b.is_ascii_digit()) {
        out.push_str(first);
        return;
    }
    let day_first = call.args.is_set("df");
    Date {
        day_first,
        ..Date::read(call.args, call.words)
    }
    .push(out);
}

/// `{{as of}}`.
pub(super) fn as_of(call: &Call<'_>, out: &mut String) {
    let args = call.args;
    if !args.named("alt").is_empty() {
        out.push_str(args.named("alt"));
        return;
    }
    if !args.is_set("bare") {
        out.push_str(match (args.is_set("since"), args.is_set("lc")) {
            (false, false) => "As of ",
            (false, true) => "as of ",
            (true, false) => "Since ",
            (true, true) => "since ",
        });
    }
    let day_first = !args.named("df").eq_ignore_ascii_case("us");
    Date {
        day_first,
        ..Date::read(args, call.words)
    }
    .push(out);
}

#[cfg(test)]
mod tests {
    use super::super::{Function, called};

    #[test]
    fn the_first_date_is_written_in_the_order_asked_for() {
        let date = |positions: &[&str], named: &[(&str, &str)]| {
            called(Function::FirstDate, positions, named)
        };
        assert_eq!(date(&["1950", "4", "05", "2020"], &[]), "April 5, 1950");
        assert_eq!(
            date(&["1950", "Apr", "5"], &[("df", "yes")]),
            "5 April 1950"
        );
        assert_eq!(date(&["1950", "4"], &[]), "April 1950");
        assert_eq!(date(&["1950"], &[]), "1950");
        assert_eq!(date(&["5 May 1950", "1"], &[]), "5 May 1950");
        assert_eq!(date(&[], &[]), "");
    }

    #[test]
    fn as_of_follows_its_options() {
        let as_of = |named: &[(&str, &str)]| called(Function::AsOf, &["2012", "5", "12"], named);
        assert_eq!(as_of(&[]), "As of 12 May 2012");
        assert_eq!(as_of(&[("df", "US"), ("lc", "y")]), "as of May 12, 2012");
        assert_eq!(as_of(&[("since", "y")]), "Since 12 May 2012");
        assert_eq!(as_of(&[("bare", "y")]), "12 May 2012");
        assert_eq!(as_of(&[("alt", "by now")]), "by now");
        let holes = ["\u{1}\u{1}\u{1}", "5", "12"];
        assert_eq!(
            called(Function::AsOf, &holes, &[("df", "US")]),
            "As of May 12"
        );
    }
}
