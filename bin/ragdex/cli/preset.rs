//! `--preset`, whose values are data of the library.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use ragdex::presets::{self, Preset};

/// Takes the name of a preset; `--help` lists all of them, each with what it is and its licence.
pub(super) fn parser() -> impl TypedValueParser<Value = Preset> {
    let values = presets::all().iter().map(|preset| {
        let help = format!("{}; {}", preset.summary, preset.licence);
        PossibleValue::new(&*preset.name).help(help)
    });
    PossibleValuesParser::new(values).try_map(|name| name.parse::<Preset>())
}
