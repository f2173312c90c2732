//! Images in what a template wrote: found by comparing it with the same turns without their images.

use std::ops::Range;

use super::controls::ControlTable;
use super::image_tokens::{END, PAD, START};
use crate::{Control, Rendered};

/// An image, where the text without images goes on behind it, and what was written for it in the text with images.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Insert {
    place: usize,
    written: Range<usize>,
}

/// All images of a text: what two renderings differ in, and nothing else.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Inserts(Vec<Insert>);

impl Inserts {
    /// Finds the images that stand at ascending `places` of `plain` in `written`, the text with them.
    ///
    /// Believed only if both texts are equal but for them: the number of the first image that is not written as one
    /// placeholder at its place is the error.
    pub(super) fn find(
        plain: &str,
        written: &str,
        places: &[usize],
        controls: &ControlTable,
    ) -> Result<Self, usize> {
        let mut inserts = Vec::with_capacity(places.len());
        let (mut from, mut at) = (0, 0);
        for (number, &place) in places.iter().enumerate() {
            let before = number.saturating_sub(1);
            let same = plain.get(from..place).ok_or(number)?;
            let rest = written[at..].strip_prefix(same).ok_or(before)?;
            let length = length_of_image(rest, controls).ok_or(number)?;
            (from, at) = (place, at + same.len() + length);
            let written = at - length..at;
            inserts.push(Insert { place, written });
        }
        match plain[from..] == written[at..] {
            true => Ok(Self(inserts)),
            false => Err(places.len().saturating_sub(1)),
        }
    }

    /// Makes what was found in the text without images true of `written`, the text with them; `tokens` has the tokens of
    /// each image.
    ///
    /// The error is the number of an image inside of a control token.
    pub(super) fn put_into(
        &self,
        out: &mut Rendered,
        written: String,
        tokens: impl Iterator<Item = u32>,
        table: &ControlTable,
    ) -> Result<(), usize> {
        self.move_controls(&mut out.controls)?;
        for (insert, repeat) in self.0.iter().zip(tokens) {
            let known = out.controls.len();
            table.find(&written, insert.written.clone(), &mut out.controls);
            for control in &mut out.controls[known..] {
                if &written[control.bytes.clone()] == PAD {
                    control.repeat = repeat;
                }
            }
        }
        out.controls.sort_by_key(|control| control.bytes.start);
        self.split_spans(out);
        out.text = written;
        Ok(())
    }

    fn move_controls(&self, controls: &mut [Control]) -> Result<(), usize> {
        for control in controls {
            let Range { start, end } = control.bytes;
            let first = self.0.partition_point(|insert| insert.place <= start);
            if self.0.get(first).is_some_and(|insert| insert.place < end) {
                return Err(first);
            }
            control.bytes = self.start(start)..self.end(end);
        }
        Ok(())
    }

    /// Moves spans, and leaves the images out of them.
    fn split_spans(&self, out: &mut Rendered) {
        let spans = std::mem::take(&mut out.supervised);
        let leads = std::mem::take(&mut out.leads);
        for (number, span) in spans.into_iter().enumerate() {
            let inside = |insert: &&Insert| span.start < insert.place && insert.place < span.end;
            let mut start = self.start(span.start);
            let lead = leads.get(number).copied().unwrap_or(span.start);
            let mut lead = self.lead(lead, span.start);
            for insert in self.0.iter().filter(inside) {
                if start < insert.written.start {
                    out.supervised.push(start..insert.written.start);
                    out.leads.push(lead);
                }
                (start, lead) = (insert.written.end, insert.written.end);
            }
            out.supervised.push(start..self.end(span.end));
            out.leads.push(lead);
        }
    }

    /// A lead that an image cuts off from its span is none.
    fn lead(&self, lead: usize, start: usize) -> usize {
        let cut = (self.0.iter()).any(|insert| lead < insert.place && insert.place <= start);
        self.start(if cut { start } else { lead })
    }

    /// Where what begins at byte `at` of the text without images begins: behind images at that byte.
    fn start(&self, at: usize) -> usize {
        self.moved(at, self.0.partition_point(|insert| insert.place <= at))
    }

    /// Where what ends at byte `at` ends: before images at that byte.
    fn end(&self, at: usize) -> usize {
        self.moved(at, self.0.partition_point(|insert| insert.place < at))
    }

    fn moved(&self, at: usize, inserts: usize) -> usize {
        let last = self.0[..inserts].last();
        last.map_or(at, |insert| insert.written.end + (at - insert.place))
    }
}

/// How many bytes at the beginning of a text were written for an image.
///
/// A template may number its images (`Picture 1: `), but no control token stands before those of the image.
fn length_of_image(text: &str, controls: &ControlTable) -> Option<usize> {
    controls.id(PAD)?;
    let pad = text.find(PAD)?;
    let before = &text[..pad];
    let before = before.strip_suffix(START).unwrap_or(before);
    if controls.any_in(before) {
        return None;
    }
    let end = pad + PAD.len();
    Some(
        end + if text[end..].starts_with(END) {
            END.len()
        } else {
            0
        },
    )
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::single_range_in_vec_init
    )]

    use super::*;

    fn table() -> ControlTable {
        let token = |text: &str, id| (text.to_owned(), id);
        ControlTable::new(&[
            token(START, 1),
            token(PAD, 2),
            token(END, 3),
            token("<s>", 4),
        ])
    }

    const IMAGE: &str = "<|vision_start|><|image_pad|><|vision_end|>";

    fn found(plain: &str, written: &str, places: &[usize]) -> Result<Vec<Range<usize>>, usize> {
        let inserts = Inserts::find(plain, &written.replace('@', IMAGE), places, &table())?;
        Ok(inserts.0.into_iter().map(|insert| insert.written).collect())
    }

    #[test]
    fn images_are_what_two_texts_differ_in() {
        let size = IMAGE.len();
        assert_eq!(found("ab", "a@b", &[1]), Ok(vec![1..1 + size]));
        assert_eq!(
            found("ab", "@@ab", &[0, 0]),
            Ok(vec![0..size, size..2 * size])
        );
        assert_eq!(
            found("ab", "ab<|image_pad|>", &[2]),
            Ok(vec![2..2 + PAD.len()])
        );
        assert_eq!(
            found("ab", "aPicture 1: @b", &[1]),
            Ok(vec![1..1 + 11 + size])
        );
    }

    #[test]
    fn an_image_that_is_elsewhere_or_not_alone_is_refused() {
        assert_eq!(found("ab", "ab", &[1]), Err(0));
        assert_eq!(found("ab", "@ab", &[1]), Err(0));
        assert_eq!(found("ab", "a@@b", &[1]), Err(0));
        assert_eq!(found("ab", "a@b@", &[1]), Err(0));
        assert_eq!(found("ab", "a@b", &[1, 2]), Err(1));
        assert_eq!(found("ab", "a@c", &[1]), Err(0));
        assert_eq!(found("a<s>b", "a<s>@b", &[1]), Err(0));
        assert_eq!(found("a<|image_pad|>b", "a<|image_pad|>b", &[1]), Err(0));
        assert_eq!(found("ab", "a@b", &[3]), Err(0));
    }

    #[test]
    fn a_lead_ends_at_an_image() {
        let written = "a @ b</s>".replace('@', IMAGE);
        let inserts = Inserts::find("a  b</s>", &written, &[2], &table()).unwrap();
        for (lead, start, expected) in [(1, 3, 46), (2, 3, 45), (0, 1, 0)] {
            let mut out = Rendered {
                supervised: vec![start..8],
                leads: vec![lead],
                ..Rendered::default()
            };
            let tokens = [3].into_iter();
            inserts
                .put_into(&mut out, written.clone(), tokens, &table())
                .unwrap();
            assert_eq!(out.leads[0], expected, "{lead} {start}");
            assert_eq!(out.controls[1].repeat, 3);
        }
    }
}
