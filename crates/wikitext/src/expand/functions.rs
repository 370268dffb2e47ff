//! The templates whose text needs more than a pattern.

mod convert;
mod dates;
mod names;
mod numbers;

use super::args::Arguments;
use crate::words::Words;

/// A function that the table can call by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    AsOf,
    AuthorYear,
    Chinese,
    Convert,
    FirstDate,
    Fraction,
    Height,
    Interlanguage,
    Ipa,
    Music,
    Nihongo,
    Nihongo3,
    PrefixedShip,
    Ship,
    Value,
}

/// What a function knows about the template that it stands for.
pub(super) struct Call<'a> {
    /// The name in normal form.
    pub(super) name: &'a str,
    pub(super) args: &'a Arguments,
    pub(super) words: &'a Words,
}

impl Function {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "as_of" => Self::AsOf,
            "author_year" => Self::AuthorYear,
            "chinese" => Self::Chinese,
            "convert" => Self::Convert,
            "first_date" => Self::FirstDate,
            "fraction" => Self::Fraction,
            "height" => Self::Height,
            "interlanguage" => Self::Interlanguage,
            "ipa" => Self::Ipa,
            "music" => Self::Music,
            "nihongo" => Self::Nihongo,
            "nihongo3" => Self::Nihongo3,
            "prefixed_ship" => Self::PrefixedShip,
            "ship" => Self::Ship,
            "value" => Self::Value,
            _ => return None,
        })
    }

    /// Appends the text of the template to `out`, which holds what stands before it.
    pub(super) fn call(self, call: &Call<'_>, out: &mut String) {
        match self {
            Self::AsOf => dates::as_of(call, out),
            Self::AuthorYear => names::author_year(call.args, out),
            Self::Chinese => names::chinese(call.args, out),
            Self::Convert => convert::convert(call.args, out),
            Self::FirstDate => dates::first_date(call, out),
            Self::Fraction => numbers::fraction(call.args, out),
            Self::Height => numbers::height(call.args, out),
            Self::Interlanguage => names::interlanguage(call.args, out),
            Self::Ipa => names::ipa(call.args, out),
            Self::Music => numbers::music(call.args, out),
            Self::Nihongo => names::nihongo(call.args, out),
            Self::Nihongo3 => names::nihongo3(call.args, out),
            Self::PrefixedShip => names::prefixed_ship(call, out),
            Self::Ship => names::ship(call.args, out),
            Self::Value => numbers::value(call.args, out),
        }
    }
}

/// Appends the texts that are not blank, with `separator` between them.
fn push_joined<'a>(out: &mut String, texts: impl IntoIterator<Item = &'a str>, separator: &str) {
    let texts = texts
        .into_iter()
        .filter(|text| !crate::marks::is_blank(text));
    for (i, text) in texts.enumerate() {
        if i > 0 {
            out.push_str(separator);
        }
        out.push_str(text);
    }
}

/// Calls `function` with these arguments, for the tests of the modules.
#[cfg(test)]
fn called(function: Function, positions: &[&str], named: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let args = Arguments::from_values(positions, named);
    let words = Words::built_in();
    function.call(
        &Call {
            name: "uss",
            args: &args,
            words: &words,
        },
        &mut out,
    );
    out
}
