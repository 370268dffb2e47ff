//! What a model makes of the padding token where a text spells it.

/// Where tokens stand and whether they are attended to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TokenRules {
    /// Tokens that nothing attends to, also where they stand in the text.
    pub(crate) masked_id: Option<u32>,
    /// The padding id, for a model whose positions begin behind it.
    pub(crate) first_position_after: Option<u32>,
}

impl TokenRules {
    /// The rows of the table of positions for a text. Where padding has a position of its own, a
    /// padding token in the text takes none from the others.
    ///
    /// # Source
    /// `create_position_ids_from_input_ids` in `modeling_roberta.py` of transformers.
    pub(crate) fn positions(&self, ids: &[u32]) -> Vec<u32> {
        let Some(pad) = self.first_position_after else {
            return (0..ids.len() as u32).collect();
        };
        let mut last = pad;
        let place = |&id: &u32| {
            last += u32::from(id != pad);
            if id == pad { pad } else { last }
        };
        ids.iter().map(place).collect()
    }

    /// Whether a text holds a token that nothing attends to.
    pub(crate) fn masks_some(&self, ids: &[u32]) -> bool {
        self.masked_id.is_some_and(|masked| ids.contains(&masked))
    }

    /// Whether the positions of a text do not simply count on from the first.
    pub(crate) fn skips_some(&self, ids: &[u32]) -> bool {
        let pad = self.first_position_after;
        pad.is_some_and(|pad| ids.contains(&pad))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_from_the_first_or_from_behind_the_padding_id() {
        let bert = TokenRules::default();
        assert_eq!(bert.positions(&[7, 1, 9]), [0, 1, 2]);
        let roberta = TokenRules {
            first_position_after: Some(1),
            ..TokenRules::default()
        };
        assert_eq!(roberta.positions(&[7, 1, 9]), [2, 1, 3]);
        assert!(roberta.skips_some(&[7, 1, 9]) && !roberta.skips_some(&[7, 9]));
        assert!(!bert.skips_some(&[7, 1, 9]) && !bert.masks_some(&[7, 1, 9]));
    }
}
