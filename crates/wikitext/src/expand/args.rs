//! The arguments of one template, their text already expanded.

use crate::marks::is_blank;

/// Arguments in the order written; all texts in one buffer.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) text: String,
    list: Vec<Argument>,
    n_unnamed: u32,
}

#[derive(Debug)]
struct Argument {
    key: Key,
    /// Start and end in the buffer.
    value: (u32, u32),
}

#[derive(Debug, PartialEq, Eq)]
enum Key {
    Position(u32),
    Name(String),
}

impl Arguments {
    /// Forgets everything but the memory.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.list.clear();
        self.n_unnamed = 0;
    }

    /// Takes the buffer from `start` to its end as the value of the next argument. A name that is
    /// a number is a position; without a name the position is the next one not yet counted.
    pub(super) fn finish(&mut self, name: Option<&str>, start: usize) {
        let key = if let Some(name) = name.map(str::trim) {
            name.parse()
                .map_or_else(|_| Key::Name(name.to_owned()), Key::Position)
        } else {
            self.n_unnamed += 1;
            Key::Position(self.n_unnamed)
        };
        let value = self.text[start..].trim();
        let start = start + self.text[start..].len() - self.text[start..].trim_start().len();
        let end = start + value.len();
        self.list.push(Argument {
            key,
            value: (start as u32, end as u32),
        });
    }

    /// The value of position `n`, from 1; empty when there is none. The last one written counts.
    pub(super) fn position(&self, n: usize) -> &str {
        let found = self
            .list
            .iter()
            .rev()
            .find(|argument| argument.key == Key::Position(n as u32));
        found.map_or("", |argument| self.value(argument))
    }

    /// The value of the argument of this name; empty when there is none.
    pub(super) fn named(&self, name: &str) -> &str {
        let is_named =
            |argument: &&Argument| matches!(&argument.key, Key::Name(key) if key == name);
        self.list
            .iter()
            .rev()
            .find(is_named)
            .map_or("", |argument| self.value(argument))
    }

    /// Tells whether the argument of this name says yes.
    pub(super) fn is_set(&self, name: &str) -> bool {
        matches!(
            self.named(name),
            "y" | "yes" | "Y" | "Yes" | "YES" | "1" | "on" | "true" | "t"
        )
    }

    /// The positions in the order written.
    pub(super) fn positions(&self) -> impl DoubleEndedIterator<Item = &str> {
        let is_position = |argument: &&Argument| matches!(argument.key, Key::Position(_));
        self.list
            .iter()
            .filter(is_position)
            .map(|argument| self.value(argument))
    }

    /// The named arguments in the order written.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list.iter().filter_map(|argument| match &argument.key {
            Key::Name(name) => Some((name.as_str(), self.value(argument))),
            Key::Position(_) => None,
        })
    }

    /// The last position that is not empty.
    pub(super) fn last_filled(&self) -> &str {
        self.positions()
            .rev()
            .find(|value| !is_blank(value))
            .unwrap_or("")
    }

    fn value(&self, argument: &Argument) -> &str {
        &self.text[argument.value.0 as usize..argument.value.1 as usize]
    }
}

#[cfg(test)]
impl Arguments {
    pub(super) fn from_values(positions: &[&str], named: &[(&str, &str)]) -> Self {
        let mut args = Self::default();
        for value in positions {
            args.text.push_str(value);
            args.finish(None, args.text.len() - value.len());
        }
        for (name, value) in named {
            args.text.push_str(value);
            args.finish(Some(name), args.text.len() - value.len());
        }
        args
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_positions_and_the_last_one_written_counts() {
        let args = Arguments::from_values(&[" a ", "b"], &[("2", "c"), ("x", "y")]);
        assert_eq!(
            (args.position(1), args.position(2), args.position(3)),
            ("a", "c", "")
        );
        assert_eq!(
            (args.named("x"), args.named("z"), args.last_filled()),
            ("y", "", "c")
        );
    }
}
