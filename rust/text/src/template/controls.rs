//! The special tokens that count as control tokens where the template itself writes them.

use std::ops::Range;

use super::TemplateError;
use crate::{Control, Rendered};

/// Special tokens by their first byte, the longest first, so that the first match is the longest.
#[derive(Clone, Debug)]
pub(super) struct ControlTable {
    tokens: Vec<(String, u32)>,
    by_first_byte: Vec<Vec<usize>>,
}

impl ControlTable {
    pub(super) fn new(controls: &[(String, u32)]) -> Self {
        let mut tokens: Vec<_> = controls
            .iter()
            .filter(|(text, _)| !text.is_empty())
            .cloned()
            .collect();
        tokens.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.cmp(b)));
        let mut by_first_byte = vec![Vec::new(); 256];
        for (place, (text, _)) in tokens.iter().enumerate() {
            by_first_byte[usize::from(text.as_bytes()[0])].push(place);
        }
        Self {
            tokens,
            by_first_byte,
        }
    }

    pub(super) fn id(&self, text: &str) -> Option<u32> {
        self.tokens
            .iter()
            .find(|(token, _)| token == text)
            .map(|(_, id)| *id)
    }

    /// Whether `text` holds the text of a control token anywhere.
    pub(super) fn any_in(&self, text: &str) -> bool {
        let mut found = Vec::new();
        self.find(text, 0..text.len(), &mut found);
        !found.is_empty()
    }

    /// Appends the control tokens within `part` of `text`: leftmost first, the longest at each place.
    pub(super) fn find(&self, text: &str, part: Range<usize>, found: &mut Vec<Control>) {
        let bytes = &text.as_bytes()[..part.end];
        let mut at = part.start;
        while at < part.end {
            let candidates = &self.by_first_byte[usize::from(bytes[at])];
            let matching =
                |&&place: &&usize| bytes[at..].starts_with(self.tokens[place].0.as_bytes());
            let Some(&place) = candidates.iter().find(matching) else {
                at += 1;
                continue;
            };
            let (token, id) = &self.tokens[place];
            found.push(Control {
                bytes: at..at + token.len(),
                id: *id,
                repeat: 1,
            });
            at += token.len();
        }
    }
}

/// A control token that a template of ours writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    text: &'static str,
    id: u32,
}

impl Token {
    pub(super) fn new(
        template: &'static str,
        text: &'static str,
        table: &ControlTable,
    ) -> Result<Self, TemplateError> {
        let id = table.id(text).ok_or(TemplateError::MissingControl {
            template,
            token: text,
        })?;
        Ok(Self { text, id })
    }

    pub(super) fn write(&self, out: &mut Rendered) {
        self.write_repeated(1, out);
    }

    /// Writes one text that stands for several tokens.
    pub(super) fn write_repeated(&self, repeat: u32, out: &mut Rendered) {
        let start = out.text.len();
        out.text.push_str(self.text);
        out.controls.push(Control {
            bytes: start..out.text.len(),
            id: self.id,
            repeat,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_token_at_the_leftmost_place_wins() {
        let table =
            ControlTable::new(&[("<a>".into(), 1), ("<a><b>".into(), 2), ("<b>".into(), 3)]);
        let mut found = Vec::new();
        let text = "x<a><b><b><a>";
        table.find(text, 1..text.len(), &mut found);
        let seen: Vec<_> = found
            .iter()
            .map(|control| (control.bytes.clone(), control.id))
            .collect();
        assert_eq!(seen, [(1..7, 2), (7..10, 3), (10..13, 1)]);
    }

    #[test]
    fn a_token_that_crosses_the_end_of_the_part_is_not_found() {
        let table = ControlTable::new(&[("<a>".into(), 1)]);
        let mut found = Vec::new();
        table.find("<a><a>", 0..5, &mut found);
        assert_eq!(found.len(), 1);
    }
}
