//! The licence on a model card.

/// What hubs write for a licence of the publisher's own.
const OTHER: &str = "other";

/// Finds the licence that the metadata at the head of a `README.md` names, such as `apache-2.0`; `None` when
/// there is none. A licence of the publisher's own goes by its name.
///
/// The metadata is YAML, of which only plain `key: value` lines and lists of them are understood: more is not
/// needed for this key.
pub fn licence_of_card(readme: &str) -> Option<String> {
    let text = readme.trim_start_matches('\u{feff}').strip_prefix("---")?;
    let end = text.find("\n---")?;
    let lines: Vec<&str> = text[..end].lines().collect();
    let licence = value(&lines, "license")?;
    match value(&lines, "license_name") {
        Some(name) if licence == OTHER => Some(name),
        _ => Some(licence),
    }
}

/// The value of a key: on its line, or in the list below.
fn value(lines: &[&str], key: &str) -> Option<String> {
    let at = lines.iter().position(|line| {
        let rest = line.strip_prefix(key);
        rest.is_some_and(|rest| rest.starts_with(':'))
    })?;
    let inline = plain(&lines[at][key.len() + 1..]);
    if !inline.is_empty() {
        return Some(inline);
    }
    let items = lines[at + 1..]
        .iter()
        .map_while(|line| line.trim_start().strip_prefix("- "));
    let items: Vec<String> = items.map(plain).collect();
    (!items.is_empty()).then(|| items.join(", "))
}

fn plain(text: &str) -> String {
    let text = text.trim().trim_start_matches('[').trim_end_matches(']');
    let text = text.trim_matches(['"', '\'']);
    let kept = text.chars().filter(|c| !c.is_control());
    kept.take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_licence_is_read_from_the_head_of_the_card() {
        for (readme, expected) in [
            (
                "---\nlanguage: en\nlicense: apache-2.0\n---\n# Model",
                Some("apache-2.0"),
            ),
            (
                "---\nlicense:\n- mit\n- \"cc-by-4.0\"\ntags: x\n---\n",
                Some("mit, cc-by-4.0"),
            ),
            (
                "---\nlicense: other\nlicense_name: my-own\n---\n",
                Some("my-own"),
            ),
            ("---\r\nlicense: 'mit'\r\n---\r\n", Some("mit")),
            ("---\nlicense_name: x\n---\n", None),
            ("---\nlanguage: en\n---\nlicense: mit", None),
            ("# license: mit", None),
            ("---\nlicense: mit", None),
            ("", None),
        ] {
            assert_eq!(licence_of_card(readme).as_deref(), expected, "{readme}");
        }
    }
}
