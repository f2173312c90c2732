//! Control tokens and supervised bytes of a text whose contents are known.

use std::ops::Range;

use super::TemplateError;
use super::locate::Located;
use super::renderer::Renderer;
use crate::Control;

/// What a rendered text says about its parts.
pub(super) struct Spans<'a> {
    renderer: &'a Renderer,
    plain: &'a str,
    located: &'a Located,
    /// End and start of each content, ascending.
    ends: Vec<(usize, usize)>,
    /// The control tokens that the template wrote.
    pub(super) controls: Vec<Control>,
}

impl<'a> Spans<'a> {
    pub(super) fn new(renderer: &'a Renderer, plain: &'a str, located: &'a Located) -> Self {
        let mut controls = Vec::new();
        let mut written = 0;
        for typed in &located.typed {
            renderer
                .controls
                .find(plain, written..typed.start.max(written), &mut controls);
            written = written.max(typed.end);
        }
        renderer
            .controls
            .find(plain, written..plain.len(), &mut controls);
        let typed = located.typed.iter();
        let mut ends: Vec<_> = typed.map(|typed| (typed.end, typed.start)).collect();
        ends.sort_unstable();
        Self {
            renderer,
            plain,
            located,
            ends,
            controls,
        }
    }

    /// From the first byte of a turn's content, or of its block, to the end of its end-of-turn token.
    pub(super) fn of_turn(&self, turn: usize) -> Result<Range<usize>, TemplateError> {
        let content = self.located.contents[turn]
            .clone()
            .ok_or(TemplateError::NotLocated { turn })?;
        let none = TemplateError::NoEndOfTurn { turn };
        let next = self.next_content(&content);
        if !self.renderer.has_blocks {
            return Ok(content.start..self.end_of_turn(content.end, next).ok_or(none)?);
        }
        let blocks = &self.located.blocks;
        let number = blocks.partition_point(|block| block.end < content.end);
        let block = blocks.get(number);
        let block = block
            .filter(|block| block.start <= content.start)
            .ok_or(TemplateError::OutsideGeneration { turn })?;
        self.refuse_shared(number)?;
        if let Some(end) = self.last_control(content.end..block.end) {
            return Ok(block.start..end);
        }
        let end = self.end_of_turn(block.end, next).ok_or(none.clone())?;
        let between = self.plain[block.end..end].trim_start();
        match (self.controls)
            .binary_search_by_key(&(end - between.len()), |control| control.bytes.start)
        {
            Ok(_) => Ok(block.start..end),
            Err(_) => Err(none),
        }
    }

    /// Refuses a block that holds an assistant turn without loss next to one with it: the span is the block.
    ///
    /// A turn that could not be marked is in none of the others' blocks where there are as many blocks as
    /// assistant turns.
    fn refuse_shared(&self, block: usize) -> Result<(), TemplateError> {
        let own_blocks = self.located.blocks.len() >= self.located.assistants;
        let unmarked = self.located.unmarked.filter(|_| !own_blocks);
        let inside = self.located.unlearned.get(&block).copied();
        match inside.into_iter().chain(unmarked).min() {
            Some(turn) => Err(TemplateError::SharedBlock { turn }),
            None => Ok(()),
        }
    }

    /// Where the last content ends that ends at or before `start`.
    pub(super) fn last_content_before(&self, start: usize) -> usize {
        let ended = &self.ends[..self.ends.partition_point(|(end, _)| *end <= start)];
        let last = ended.iter().rev().find(|(_, typed)| *typed < start);
        last.map_or(0, |(end, _)| *end)
    }

    /// Where the content that follows begins; the next turn's header is before it.
    fn next_content(&self, content: &Range<usize>) -> usize {
        let typed = &self.located.typed;
        let after = &typed[typed.partition_point(|typed| typed.start < content.end)..];
        let next = after.iter().find(|typed| *typed != content);
        next.map_or(self.plain.len(), |typed| typed.start)
    }

    /// The end of the first control token at or after `from`; of the end-of-sequence token, when that
    /// one follows it without a gap (`<|END_RESPONSE|><|END_OF_TURN_TOKEN|>`).
    fn end_of_turn(&self, from: usize, next: usize) -> Option<usize> {
        let first = self
            .controls
            .partition_point(|control| control.bytes.start < from);
        let mut end = None;
        for control in self.controls[first..]
            .iter()
            .take_while(|control| control.bytes.end <= next)
        {
            if end.is_some_and(|end| end != control.bytes.start) {
                break;
            }
            end = Some(control.bytes.end);
            if self.renderer.eos.as_deref() == Some(&self.plain[control.bytes.clone()]) {
                return end;
            }
        }
        let found = self
            .controls
            .get(first)
            .filter(|control| control.bytes.end <= next);
        found.map(|control| control.bytes.end).or_else(|| {
            let eos = self.renderer.eos.as_deref()?;
            self.plain[from..next]
                .find(eos)
                .map(|at| from + at + eos.len())
        })
    }

    /// The end of the control token that closes a block, white space apart.
    ///
    /// Published training templates put the line break after the end-of-turn token into the block;
    /// a model stops at the token, so the line break carries no loss here.
    fn last_control(&self, part: Range<usize>) -> Option<usize> {
        let end = part.start + self.plain[part.clone()].trim_end().len();
        let ended = (self.controls).partition_point(|control| control.bytes.end <= part.end);
        let last = self.controls[..ended].last()?;
        (last.bytes.start >= part.start && last.bytes.end == end).then_some(end)
    }

    /// Sorts the spans, and joins the copies of one block that holds several turns.
    pub(super) fn put_in_order(&self, spans: &mut Vec<Range<usize>>) -> Result<(), TemplateError> {
        spans.sort_by_key(|span| (span.start, span.end));
        spans.dedup_by(|later, earlier| {
            later.start == earlier.start && self.renderer.has_blocks && {
                earlier.end = earlier.end.max(later.end);
                true
            }
        });
        match spans
            .windows(2)
            .position(|pair| pair[0].end > pair[1].start)
        {
            Some(turn) => Err(TemplateError::NotLocated { turn }),
            None => Ok(()),
        }
    }
}
