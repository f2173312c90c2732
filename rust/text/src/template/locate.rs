//! Where each turn's content lies in a rendered text.

use std::collections::BTreeMap;
use std::ops::Range;

use super::marks::{Mark, Marks, Placement, parts};
use super::renderer::Renderer;
use super::{Message, TemplateError};

/// Places in the rendered text.
#[derive(Debug, Default)]
pub(super) struct Located {
    /// The content of each supervised turn, by turn.
    pub(super) contents: Vec<Option<Range<usize>>>,
    /// Every part that came from a content, ascending: no control token is looked for in it.
    pub(super) typed: Vec<Range<usize>>,
    /// The `{% generation %}` blocks.
    pub(super) blocks: Vec<Range<usize>>,
    /// The first assistant turn without loss that has a mark in each block, by block; a template may drop what it
    /// likes of such a turn.
    pub(super) unlearned: BTreeMap<usize, usize>,
    /// The first assistant turn without loss that could not be marked.
    pub(super) unmarked: Option<usize>,
    /// The images that the template writes where a text would stand, in order: number and place.
    pub(super) images: Vec<(usize, usize)>,
    /// How many assistant turns there are.
    pub(super) assistants: usize,
}

/// How many turns may be rendered for the white space before contents: one rendering of all turns for each such
/// content, about two seconds of work.
const TURNS_RENDERED: usize = 2_000_000;

/// One way of marking the contents.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    placement: Placement,
    /// Whether the turns without loss are marked as well.
    all_turns: bool,
    /// Whether contents of nothing but white space are marked: templates ask whether there is any.
    blank: bool,
}

/// A conversation under search.
struct Search<'a> {
    renderer: &'a Renderer,
    messages: &'a [Message<'a>],
    supervised: &'a dyn Fn(usize) -> bool,
    plain: &'a str,
    marks: Marks,
}

/// Finds the contents in `plain`, what the template writes for `messages` without their images.
///
/// The turns are rendered a second time with marks round their contents. The places are believed
/// only if the text without the marks is `plain`: a template that looks into a content, trims it or
/// measures it then falls to the next way of marking, and in the end to an error.
pub(super) fn locate(
    renderer: &Renderer,
    messages: &[Message<'_>],
    supervised: &dyn Fn(usize) -> bool,
    plain: &str,
) -> Result<Located, TemplateError> {
    let marks = Marks::choose(plain, messages)?;
    let search = Search {
        renderer,
        messages,
        supervised,
        plain,
        marks,
    };
    let mut refusal = None;
    for attempt in attempts(messages) {
        match search.try_with(attempt) {
            Some(Ok(located)) => return Ok(located),
            Some(Err(error)) => {
                refusal.get_or_insert(error);
            }
            None => {}
        }
    }
    Err(refusal.unwrap_or_else(|| search.blame()))
}

fn attempts(messages: &[Message<'_>]) -> impl Iterator<Item = Attempt> {
    let any = |test: fn(&str) -> bool| messages.iter().any(|message| test(message.content));
    let trimmable = any(|content| parts(content).1.len() != content.len());
    let has_blank = any(|content| parts(content).1.is_empty());
    let placements = [Placement::Whole, Placement::Core];
    let both = [true, false];
    both.into_iter().flat_map(move |all_turns| {
        placements
            .into_iter()
            .take(1 + usize::from(trimmable))
            .flat_map(move |placement| {
                let blanks = both.into_iter().take(1 + usize::from(has_blank));
                blanks.map(move |blank| Attempt {
                    placement,
                    all_turns,
                    blank,
                })
            })
    })
}

impl Search<'_> {
    /// `None` when the marks changed what the template writes.
    fn try_with(&self, attempt: Attempt) -> Option<Result<Located, TemplateError>> {
        let (text, found) = self.rendered(|turn| self.placement(turn, attempt))?;
        (text == self.plain).then(|| self.read(attempt, &found))
    }

    /// The text with marks taken out again, and where they stood.
    fn rendered(
        &self,
        placement: impl Fn(usize) -> Placement,
    ) -> Option<(String, Vec<(Mark, usize)>)> {
        let mut images = 0;
        let turns = self.messages.iter().enumerate().map(|(turn, message)| {
            let (placement, first_image) = (placement(turn), images);
            images += message.images.len();
            let content = match message.images {
                [] => self.marks.enclose(turn, message.content, placement).into(),
                _ => (self.marks).enclose_parts(turn, message, first_image, placement),
            };
            (message.role, content)
        });
        let marked = self
            .renderer
            .run(turns, false, Some(&self.marks.of_blocks()))
            .ok()?;
        Some(self.marks.strip(&marked))
    }

    fn placement(&self, turn: usize, attempt: Attempt) -> Placement {
        let blank = parts(self.messages[turn].content).1.is_empty();
        if (blank && !attempt.blank) || !(attempt.all_turns || (self.supervised)(turn)) {
            Placement::Nowhere
        } else {
            attempt.placement
        }
    }

    fn read(&self, attempt: Attempt, found: &[(Mark, usize)]) -> Result<Located, TemplateError> {
        let mut located = Located {
            blocks: blocks(found),
            images: images(found),
            ..Located::default()
        };
        self.limit_leads(attempt)?;
        let by_turn = by_turn(found, self.messages.len());
        for (turn, message) in self.messages.iter().enumerate() {
            let placement = self.placement(turn, attempt);
            let expected = if placement == Placement::Core {
                parts(message.content).1
            } else {
                message.content
            };
            let regions = self.regions(expected, &by_turn[turn]);
            let supervised = (self.supervised)(turn);
            located.contents.push(if supervised {
                Some(self.content(turn, placement, expected, &regions)?)
            } else {
                None
            });
            let whole = regions.complete && !regions.places.is_empty();
            if !whole && self.renderer.controls.any_in(message.content) {
                return Err(TemplateError::LookAlike { turn });
            }
            located.assistants += usize::from(message.role == "assistant");
            if message.role == "assistant" && !supervised {
                if placement == Placement::Nowhere {
                    located.unmarked.get_or_insert(turn);
                }
                for block in by_turn[turn].iter().filter_map(|at| at.block) {
                    located.unlearned.entry(block).or_insert(turn);
                }
            }
            located.typed.extend(regions.places);
        }
        located.typed.sort_by_key(|place| (place.start, place.end));
        Ok(located)
    }

    /// The one place of a supervised turn's content, unaltered.
    fn content(
        &self,
        turn: usize,
        placement: Placement,
        expected: &str,
        regions: &Regions,
    ) -> Result<Range<usize>, TemplateError> {
        match regions.places.as_slice() {
            [place] if regions.complete && &self.plain[place.clone()] == expected => {
                let kept = self.kept_lead(turn, placement, place.start);
                let kept = kept.ok_or(TemplateError::NotLocated { turn })?;
                Ok(place.start - kept..place.end)
            }
            [_, _, ..] => Err(TemplateError::NotLocated { turn }),
            [] if expected.is_empty() || placement == Placement::Nowhere => {
                Err(TemplateError::NotLocated { turn })
            }
            _ => Err(TemplateError::DropsText { turn }),
        }
    }

    /// Refuses a conversation that [`Search::kept_lead`] would render too often.
    fn limit_leads(&self, attempt: Attempt) -> Result<(), TemplateError> {
        let has_lead = |turn: &usize| {
            self.placement(*turn, attempt) == Placement::Core
                && !parts(self.messages[*turn].content).0.is_empty()
        };
        let turns = (0..self.messages.len()).filter(|turn| (self.supervised)(*turn));
        match turns.filter(has_lead).count() * self.messages.len() > TURNS_RENDERED {
            true => Err(TemplateError::Limit),
            false => Ok(()),
        }
    }

    /// Bytes of leading white space that a template which trims other turns, or other ends, kept.
    ///
    /// The header may end in the same characters, so looking at the text does not tell: the turn is
    /// rendered without its white space, and what was kept is what is then missing before the core.
    fn kept_lead(&self, turn: usize, placement: Placement, core_start: usize) -> Option<usize> {
        let (lead, ..) = parts(self.messages[turn].content);
        if placement != Placement::Core || lead.is_empty() {
            return Some(0);
        }
        let turns = self.messages.iter().enumerate().map(|(other, message)| {
            let cut = if other == turn { lead.len() } else { 0 };
            (message.role, message.without_images(cut))
        });
        let without = self.renderer.run(turns, false, None).ok()?;
        let kept = lead.get(
            lead.len()
                .checked_sub(self.plain.len().checked_sub(without.len())?)?..,
        )?;
        let header = self.plain[..core_start].strip_suffix(kept)?;
        let rest = without.strip_prefix(header)?;
        (rest == &self.plain[core_start..]).then_some(kept.len())
    }

    fn regions(&self, expected: &str, found: &[Found]) -> Regions {
        let mut regions = Regions {
            places: Vec::new(),
            complete: true,
        };
        let mut open = None;
        for Found { opens, at, .. } in found {
            if *opens {
                regions.complete &= open.replace(*at).is_none();
            } else {
                let start = open.take().or_else(|| self.start_before(*at, expected));
                regions.complete &= start.is_some();
                regions.places.extend(start.map(|start| start..*at));
            }
        }
        if let Some(start) = open {
            let kept = self.plain[start..].starts_with(expected);
            regions.complete &= kept;
            regions
                .places
                .extend(kept.then_some(start..start + expected.len()));
        }
        regions
    }

    /// Where a content begins whose first mark the template cut away, if it stands there unaltered:
    /// Qwen3 takes `<think>` apart and writes it again.
    fn start_before(&self, end: usize, expected: &str) -> Option<usize> {
        self.plain[..end]
            .ends_with(expected)
            .then(|| end - expected.len())
    }

    /// What to say when no way of marking left the text alone.
    fn blame(&self) -> TemplateError {
        let mut turns = (0..self.messages.len()).filter(|turn| (self.supervised)(*turn));
        let first = turns.clone().next().unwrap_or_default();
        match turns.find(|turn| !self.plain.contains(parts(self.messages[*turn].content).1)) {
            Some(turn) => TemplateError::DropsText { turn },
            None => TemplateError::NotLocated { turn: first },
        }
    }
}

/// Where one turn's content stands.
struct Regions {
    places: Vec<Range<usize>>,
    /// Whether every mark had its partner.
    complete: bool,
}

fn blocks(found: &[(Mark, usize)]) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    let mut open = None;
    for (mark, at) in found {
        match mark {
            Mark::BlockOpen => open = Some(*at),
            Mark::BlockClose => blocks.extend(open.take().map(|start| start..*at)),
            _ => {}
        }
    }
    blocks
}

fn images(found: &[(Mark, usize)]) -> Vec<(usize, usize)> {
    let images = found.iter().filter_map(|(mark, at)| match mark {
        Mark::Image(number) => Some((*number, *at)),
        _ => None,
    });
    images.collect()
}

/// A mark of one turn.
struct Found {
    opens: bool,
    /// Where it stands in the text without marks.
    at: usize,
    /// The `{% generation %}` block that it stands in: a place in the text does not tell blocks that touch apart.
    block: Option<usize>,
}

/// The marks of each turn, in the order of the text.
fn by_turn(found: &[(Mark, usize)], turns: usize) -> Vec<Vec<Found>> {
    let mut by_turn: Vec<Vec<Found>> = (0..turns).map(|_| Vec::new()).collect();
    let (mut number, mut open) = (0, false);
    for &(mark, at) in found {
        let (turn, opens) = match mark {
            Mark::Open(turn) => (turn, true),
            Mark::Close(turn) => (turn, false),
            Mark::Image(_) => continue,
            Mark::BlockOpen => {
                open = true;
                continue;
            }
            Mark::BlockClose => {
                number += usize::from(open);
                open = false;
                continue;
            }
        };
        let block = open.then_some(number);
        by_turn[turn].push(Found { opens, at, block });
    }
    by_turn
}
