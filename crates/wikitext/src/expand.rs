//! Second pass: text without comments, opaque elements, templates and tables.
//!
//! Known templates are replaced by their text, which may hold wikitext again for the passes that
//! follow; whatever is dropped leaves a mark.

mod args;
mod functions;
mod name;
mod parts;
mod pattern;
mod table;

use memchr::{memchr, memmem, memrchr};

use crate::marks::{BREAK, FORMULA, LITERAL, LITERAL_END, MARK, QUOTE, QUOTE_END, is_blank};
use crate::rules::Rules;
use crate::structure::{Token, TokenKind};
use crate::{Cause, Counters};
use args::Arguments;
use functions::Call;
use name::{Head, ParserFunction};
use parts::{Parts, split_name};
use table::Action;
pub(crate) use table::TemplateTable;
pub use table::{TemplateTableError, TemplateTableProblem};

/// Deepest nesting of templates that give text.
const MAX_DEPTH: u32 = 40;

/// Longest formula that is kept as text, in characters.
const MAX_FORMULA_CHARS: usize = 100;

/// A part of the page, with the index of its first token.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
    token: usize,
}

/// The page with its templates resolved.
pub(crate) struct Expanded {
    pub(crate) text: String,
    /// A template says that this is a disambiguation page.
    pub(crate) is_disambiguation: bool,
}

/// Expands the whole page.
pub(crate) fn expand(
    text: &str,
    tokens: &[Token],
    title: &str,
    rules: &Rules,
    counters: &mut Counters,
) -> Expanded {
    let mut expander = Expander {
        text,
        tokens,
        title,
        rules,
        counters,
        is_disambiguation: false,
        growth_left: text.len() / 4 + 48,
        name: String::new(),
        spare: Vec::new(),
    };
    let mut out = String::with_capacity(text.len());
    expander.expand(
        Span {
            start: 0,
            end: text.len(),
            token: 0,
        },
        0,
        &mut out,
    );
    Expanded {
        text: out,
        is_disambiguation: expander.is_disambiguation,
    }
}

struct Expander<'a> {
    text: &'a str,
    tokens: &'a [Token],
    title: &'a str,
    rules: &'a Rules,
    counters: &'a mut Counters,
    is_disambiguation: bool,
    /// Bytes by which templates may still make the page longer than it is written. Without it a
    /// user's `{1}{1}` would double the text at every level.
    growth_left: usize,
    /// The name of the template at hand, in normal form.
    name: String,
    /// Buffers of arguments, used again.
    spare: Vec<Arguments>,
}

impl Expander<'_> {
    /// Appends the expanded text of `span` to `out`.
    fn expand(&mut self, span: Span, depth: u32, out: &mut String) {
        let mut at = span.start;
        let mut index = span.token;
        while let Some(&token) = self.tokens.get(index) {
            if token.kind == TokenKind::Unmatched {
                index += 1;
                continue;
            }
            let start = token.start as usize;
            if start >= span.end {
                break;
            }
            out.push_str(&self.text[at..start]);
            if token.kind == TokenKind::OpenTable {
                self.drop(Cause::UnclosedTable, BREAK, out);
                (at, index) = self.end_of_open_table(index, span.end);
            } else {
                self.push_token(index, depth, out);
                (at, index) = (token.end as usize, token.next as usize);
            }
        }
        out.push_str(&self.text[at..span.end]);
    }

    fn push_token(&mut self, index: usize, depth: u32, out: &mut String) {
        let token = self.tokens[index];
        let written = &self.text[token.start as usize..token.end as usize];
        match token.kind {
            TokenKind::Nothing | TokenKind::Unmatched | TokenKind::OpenTable => {}
            TokenKind::Reference => self.drop(Cause::Reference, MARK, out),
            TokenKind::Element => self.drop(Cause::Element, MARK, out),
            TokenKind::BlockElement => self.drop(Cause::Element, BREAK, out),
            TokenKind::HtmlTable | TokenKind::Table => self.drop(Cause::Table, BREAK, out),
            TokenKind::Literal => push_literal(body(written), out),
            TokenKind::Formula => self.push_formula(body(written), out),
            TokenKind::Template => self.push_template(index, depth, out),
            TokenKind::Argument => self.push_default(index, depth, out),
        }
    }

    fn drop(&mut self, cause: Cause, mark: u8, out: &mut String) {
        self.counters.count(cause);
        out.push(char::from(mark));
    }

    fn push_formula(&mut self, body: &str, out: &mut String) {
        let collapsed = body.split_whitespace().collect::<Vec<_>>().join(" ");
        if collapsed.is_empty() || collapsed.chars().nth(MAX_FORMULA_CHARS).is_some() {
            return self.drop(Cause::Formula, MARK, out);
        }
        out.push(char::from(FORMULA));
        out.push_str(&collapsed);
        out.push(char::from(LITERAL_END));
    }

    /// Finds where the text goes on after a table without end: at the next heading, or at `end`.
    /// Returns the position and the index of the first token there.
    fn end_of_open_table(&self, table: usize, end: usize) -> (usize, usize) {
        let mut at = self.tokens[table].end as usize;
        let mut index = table + 1;
        while let Some(heading) = find_heading(&self.text[..end], at) {
            let is_before =
                |token: &Token| token.kind == TokenKind::Unmatched || token.end as usize <= heading;
            while self.tokens.get(index).is_some_and(is_before) {
                index += 1;
            }
            match self.tokens.get(index) {
                // The heading stands inside something that does end.
                Some(token) if (token.start as usize) < heading => at = token.end as usize,
                _ => return (heading, index),
            }
        }
        (end, self.tokens.len())
    }

    /// Appends the default of `{{{name|default}}}`.
    fn push_default(&mut self, index: usize, depth: u32, out: &mut String) {
        if depth >= MAX_DEPTH {
            return self.drop(Cause::DepthLimit, MARK, out);
        }
        let before = out.len();
        if let Some(default) = Parts::new(self.text, self.tokens, self.inside(index, 3)).nth(1) {
            self.expand(default, depth + 1, out);
        }
        if is_blank(&out[before..]) {
            out.push(char::from(MARK));
        }
    }

    /// What stands between the `braces` braces of a template or argument.
    fn inside(&self, index: usize, braces: usize) -> Span {
        let token = self.tokens[index];
        Span {
            start: token.start as usize + braces,
            end: token.end as usize - braces,
            token: index + 1,
        }
    }

    fn push_template(&mut self, index: usize, depth: u32, out: &mut String) {
        let written = (self.tokens[index].end - self.tokens[index].start) as usize;
        let rest = match self.read_head(self.inside(index, 2)) {
            Head::Template(rest) => rest,
            Head::PageName => {
                let before = out.len();
                out.push_str(self.title);
                return self.settle(before, written, out);
            }
            Head::Function(function, argument) => {
                return self.push_parser_function(function, argument, depth, out);
            }
            Head::Unreadable => return self.drop(Cause::TemplateDropped, MARK, out),
        };
        let rules = self.rules;
        match rules.templates.get(&self.name) {
            None => {
                self.counters.count_unknown_template(&self.name);
                out.push(char::from(MARK));
            }
            Some(Action::Nothing) => {}
            Some(Action::Drop) => self.drop(Cause::TemplateDropped, MARK, out),
            Some(Action::Disambiguation) => {
                self.is_disambiguation = true;
                self.drop(Cause::TemplateDropped, MARK, out);
            }
            Some(_) if depth >= MAX_DEPTH => self.drop(Cause::DepthLimit, MARK, out),
            Some(action) => self.push_action(action, rest, written, depth, out),
        }
    }

    /// Appends what `action` makes of the arguments in `rest`; the template is `written` bytes long.
    fn push_action(
        &mut self,
        action: &Action,
        rest: Option<Span>,
        written: usize,
        depth: u32,
        out: &mut String,
    ) {
        let growth_before = self.growth_left;
        let name = std::mem::take(&mut self.name);
        let args = self.read_arguments(rest, depth);
        let before = out.len();
        match action {
            Action::Pattern(pattern) => pattern.fill(&args, out),
            Action::Block(pattern) => {
                out.push(char::from(QUOTE));
                pattern.fill(&args, out);
                out.push(char::from(QUOTE_END));
            }
            Action::Call(function) => {
                function.call(
                    &Call {
                        name: &name,
                        args: &args,
                        words: &self.rules.words,
                    },
                    out,
                );
            }
            Action::Drop | Action::Nothing | Action::Disambiguation => {}
        }
        self.name = name;
        self.recycle(args);
        // What the arguments grew by is accounted for already.
        self.settle(before, written + (growth_before - self.growth_left), out);
    }

    /// Makes what was appended since `before` a hole when it is empty or would make the page
    /// longer, beyond the `written` bytes it stands for, than is allowed.
    fn settle(&mut self, before: usize, written: usize, out: &mut String) {
        let growth = (out.len() - before).saturating_sub(written);
        if growth > self.growth_left {
            out.truncate(before);
            return self.drop(Cause::GrowthLimit, MARK, out);
        }
        self.growth_left -= growth;
        if out.as_bytes()[before..]
            .iter()
            .all(|&b| b == MARK || b == QUOTE || b == QUOTE_END)
        {
            out.truncate(before);
            out.push(char::from(MARK));
        }
    }

    fn push_parser_function(
        &mut self,
        function: ParserFunction,
        argument: Span,
        depth: u32,
        out: &mut String,
    ) {
        if depth >= MAX_DEPTH {
            return self.drop(Cause::DepthLimit, MARK, out);
        }
        let mut args = self.spare.pop().unwrap_or_default();
        if let Some(value) = Parts::new(self.text, self.tokens, argument).next() {
            self.expand(value, depth + 1, &mut args.text);
        }
        let before = out.len();
        function.apply(args.text.trim(), out);
        let written = args.text.len();
        self.recycle(args);
        self.settle(before, written, out);
    }

    /// Expands the arguments, each once.
    fn read_arguments(&mut self, rest: Option<Span>, depth: u32) -> Arguments {
        let mut args = self.spare.pop().unwrap_or_default();
        let Some(rest) = rest else { return args };
        for part in Parts::new(self.text, self.tokens, rest) {
            let (name, value) = split_name(self.text, self.tokens, part);
            let start = args.text.len();
            self.expand(value, depth + 1, &mut args.text);
            args.finish(name, start);
        }
        args
    }

    fn recycle(&mut self, mut args: Arguments) {
        args.clear();
        self.spare.push(args);
    }
}

/// The content of an element, without its tags.
fn body(element: &str) -> &str {
    let start = memchr(b'>', element.as_bytes()).map_or(0, |at| at + 1);
    let end = memrchr(b'<', element.as_bytes()).unwrap_or(element.len());
    element.get(start..end).unwrap_or("")
}

/// Appends `text` so that later passes take it as it is. Line breaks would end the paragraph.
fn push_literal(text: &str, out: &mut String) {
    out.push(char::from(LITERAL));
    for (i, line) in text.split('\n').enumerate() {
        if i > 0 {
            out.push(' ');
        }
        out.push_str(line);
    }
    out.push(char::from(LITERAL_END));
}

/// Finds the line break before the first line from `from` on that is a heading.
fn find_heading(text: &str, from: usize) -> Option<usize> {
    memmem::find_iter(text.as_bytes().get(from..)?, b"\n=")
        .map(|at| from + at)
        .find(|at| {
            let line = text[at + 1..].lines().next().unwrap_or("").trim_end();
            let line = line
                .strip_suffix("-->")
                .and_then(|rest| rest.rsplit_once("<!--"))
                .map_or(line, |cut| cut.0);
            line.trim_end().ends_with('=') && line.len() > 2
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::scan;

    fn expanded(text: &str) -> String {
        let rules = Rules::built_in(crate::SiteInfo::default());
        let mut counters = Counters::default();
        expand(text, &scan(text), "Title", &rules, &mut counters).text
    }

    #[test]
    fn known_templates_give_text_and_others_a_mark() {
        assert_eq!(
            expanded("a {{nowrap|b {{small|c}}}} {{foo|d}}"),
            "a b c \u{1}"
        );
        assert_eq!(
            expanded("{{Template:Small|1=x}}{{subst:small|y}}{{ small <!-- z --> |z}}"),
            "xyz"
        );
        assert_eq!(expanded("{{small|a<!-- b=c -->d=e|f}}"), "f");
        assert_eq!(
            expanded("{{small| }}{{small|{{foo}}}}{{shy}}"),
            "\u{1}\u{1}"
        );
    }

    #[test]
    fn templates_met_in_the_middle_of_sentences_keep_their_text() {
        let cases = [
            ("{{vr|ai}}", "⟨ai⟩"),
            ("HA {{eqm}} H", "HA ⇌ H"),
            ("''soil''{{-\"}}.", "''soil''\"."),
            ("{{nq|افغانستان}}", "افغانستان"),
            ("{{Vol-en|leopard}}", "leopard"),
            ("A {{nowrap begin}}B C{{nowrap end}}.", "A B C."),
            (
                "I. Newton {{post-nominals|country=GBR|PRS|MP}}",
                "I. Newton PRS, MP",
            ),
            ("({{née|Sklodowska}})", "(née Sklodowska)"),
            ("on {{bibleref|Mark|3:25|9}},", "on Mark 3:25,"),
            ("{{US patent|1781541}}", "US patent 1781541"),
            ("{{gaps|299|792|458}}", "299792458"),
        ];
        for (text, wanted) in cases {
            assert_eq!(expanded(text), wanted);
        }
    }

    #[test]
    fn parser_functions_and_arguments_give_their_text() {
        assert_eq!(
            expanded("{{formatnum: 1 }}{{uc:aß}}{{ucfirst:ab}}{{PAGENAME}}"),
            "1ASSAbTitle"
        );
        assert_eq!(
            expanded("{{#if:x|y}}{{{1|{{small|b}}}}}{{{c}}}"),
            "\u{1}b\u{1}"
        );
    }

    #[test]
    fn a_table_without_end_stops_at_a_heading() {
        assert_eq!(
            expanded("a\n{| b\n== c\n== d ==\ne"),
            "a\n\u{2}\n== d ==\ne"
        );
        assert_eq!(expanded("{{small|a\n{| b}}c"), "a\n\u{2}c");
        assert_eq!(expanded("{| <!--\n== x ==\n-->\n== d =="), "\u{2}\n== d ==");
    }

    #[test]
    fn nesting_and_growth_are_bounded() {
        let nested = format!("{}x{}", "{{small|".repeat(60), "}}".repeat(60));
        assert_eq!(expanded(&nested), "\u{1}");
        let grown = expanded(&"{{PAGENAME}}".repeat(10));
        assert_eq!(grown, "Title".repeat(10));
    }
}
