//! The second clean-up of decoded text, over the whole of it.

/// What is replaced, in this order, each over the whole text.
const REPLACEMENTS: [(&str, &str); 10] = [
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
];

/// Takes out the spaces that splitting into words put before punctuation and contractions.
///
/// # Source
/// `PreTrainedTokenizerBase.clean_up_tokenization` of transformers 4.57.6.
pub(super) fn clean_up(text: &str) -> String {
    let replace = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
    REPLACEMENTS.iter().fold(text.to_owned(), replace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contractions_and_punctuation_lose_their_spaces() {
        let spaced = "who didn ' t like june aske ' s record ? i 'm sure , they 've .";
        let clean = "who didn't like june aske's record? i'm sure, they've.";
        assert_eq!(clean_up(spaced), clean);
    }
}
