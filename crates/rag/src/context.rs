//! What the generator reads: title, text and question in one line.

use ragdex_models::{DecodeOptions, Tokenizer};

use crate::{Error, PassageInput, RagConfig};

/// Gives the question as the generator sees it: decoded from the question tokenizer's tokens, so
/// usually lower-cased, stripped of accents and cut to the tokenizer's length.
pub(crate) fn question_text(
    question: &str,
    tokenizer: Option<&Tokenizer>,
) -> Result<String, Error> {
    if question.trim().is_empty() {
        return Err(Error::EmptyQuestion);
    }
    let Some(tokenizer) = tokenizer else {
        return Ok(question.to_owned());
    };
    let encoding = tokenizer.encode(question, tokenizer.max_length())?;
    Ok(tokenizer.decode(&encoding.ids, DecodeOptions::default())?)
}

/// Joins a passage and a question. Two spaces become one, once over the whole, so that a text
/// ending in a space does no harm.
pub(crate) fn context_text(
    passage: &PassageInput,
    question: &str,
    prefix: &str,
    config: &RagConfig,
) -> String {
    let title = passage.title.strip_prefix('"').unwrap_or(&passage.title);
    let title = title.strip_suffix('"').unwrap_or(title);
    let (title_sep, doc_sep, text) = (&config.title_sep, &config.doc_sep, &passage.text);
    format!("{prefix}{title}{title_sep}{text}{doc_sep}{question}").replace("  ", " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(title: &str, text: &str) -> String {
        let passage = PassageInput {
            title: title.into(),
            text: text.into(),
            score: 0.0,
        };
        context_text(&passage, "q", "", &RagConfig::default())
    }

    #[test]
    fn quotes_around_a_title_go_each_on_its_own() {
        assert_eq!(joined("\"A\" b", "t"), "A\" b / t // q");
        assert_eq!(joined("A \"b\"", "t"), "A \"b / t // q");
        assert_eq!(joined("\"", "t"), " / t // q");
    }

    #[test]
    fn spaces_are_halved_once() {
        assert_eq!(joined("a", "b   c    d "), "a / b  c  d // q");
        assert_eq!(joined("", "t"), " / t // q");
    }
}
