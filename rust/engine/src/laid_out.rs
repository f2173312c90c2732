//! A row's texts as turns of a conversation, its images at their places.

use std::borrow::Cow;

use octomed_index::Verdict;
use octomed_text::{
    ImageSlot, Message, Prompt, PromptOption, Template, TemplateError, TwoReasonings,
    join_reasoning,
};
use octomed_trace::{Body, Choice, Part, Reason, Response, Row, Turn, place_images};

use crate::error::EngineError;
use crate::row_images::{Failure, RowFault, RowImages};

/// A turn as the template gets it.
#[derive(Clone, Debug)]
pub struct LaidTurn<'r> {
    role: &'r str,
    text: Cow<'r, str>,
    images: Vec<ImageSlot>,
    learned: bool,
}

/// What a row's traces have in common.
#[derive(Debug)]
pub struct LaidOut<'r> {
    /// System message and turns up to a response; all of a conversation.
    pub turns: Vec<LaidTurn<'r>>,
    /// The most bytes of it that go into each trace, what stands for images included, the system message apart.
    pub bytes: u64,
    /// The responses of a question.
    pub responses: Option<&'r [Response<'r>]>,
    /// Why none of the traces has tokens, where that is known already.
    pub refused: Option<Verdict>,
    /// Images in the order of their placeholders, by their places among [`RowImages::images`].
    pub shown: Vec<usize>,
}

/// A text without its placeholders, and where its images stand.
type PlacedText<'r> = (Cow<'r, str>, Vec<ImageSlot>);

/// The most placeholders of a trace: what the index counts.
const MOST_PLACEHOLDERS: usize = u16::MAX as usize;

/// What a template writes for an image: `<|vision_start|><|image_pad|><|vision_end|>`. A question is rendered with each
/// of its responses, and so are its placeholders.
const BYTES_A_PLACEHOLDER: u64 = 43;

/// Lays rows out for one source.
pub struct Layouter<'s> {
    /// How a question is asked.
    pub prompt: &'s Prompt,
    /// What writes the turns.
    pub template: &'s Template,
    /// The system message of rows that have none.
    pub system: Option<&'s str>,
}

impl<'s> Layouter<'s> {
    /// Lays out a row. The text of a question's last turn is made in `prompt`.
    ///
    /// # Errors
    /// When placeholders and images do not belong together, an image stands in a turn that has none in the template,
    /// or the prompt cannot be used at all.
    pub fn lay_out<'r>(
        &self,
        row: &'r Row<'_>,
        images: &RowImages,
        prompt: &'r mut String,
    ) -> Result<LaidOut<'r>, Failure>
    where
        's: 'r,
    {
        let mut placing = Placing {
            images,
            shown: Vec::new(),
        };
        let mut laid = LaidOut {
            turns: Vec::with_capacity(4),
            bytes: 0,
            responses: None,
            refused: None,
            shown: Vec::new(),
        };
        let system = self.system_of(row);
        let system_turn = |text| LaidTurn::new("system", Cow::Borrowed(text), Vec::new());
        laid.turns.extend(system.map(system_turn));
        match &row.body {
            Body::Conversation(turns) => {
                laid.bytes = turns.iter().map(bytes_of_turn).sum();
                match placing.conversation(turns)? {
                    Ok(turns) => laid.turns.extend(turns),
                    Err(TwoReasonings) => laid.refused = Some(Verdict::TwoReasonings),
                }
            }
            Body::Question {
                question,
                options,
                history,
                responses,
                ..
            } => {
                laid.responses = Some(responses);
                laid.refused = self
                    .ask(question, options, system, prompt)
                    .map_err(Failure::Scan)?;
                let texts = history.iter().flatten().map(|text| text.len() as u64);
                laid.bytes = prompt.len() as u64 + texts.sum::<u64>();
                if laid.refused.is_none() {
                    laid.turns.extend(placing.question(history, prompt)?);
                }
            }
        }
        laid.shown = placing.shown;
        laid.bytes += BYTES_A_PLACEHOLDER * laid.shown.len() as u64;
        self.check(&laid)?;
        Ok(laid)
    }

    /// The system message of a row, unless it is the first of its turns, as one that shows images is.
    fn system_of<'r>(&self, row: &'r Row<'_>) -> Option<&'r str>
    where
        's: 'r,
    {
        let own = match &row.body {
            Body::Conversation(turns) => turns.first().is_some_and(|turn| turn.role == "system"),
            Body::Question { .. } => false,
        };
        let default = if own { None } else { self.system };
        row.system.as_deref().or(default)
    }

    /// Writes the user's turn into `prompt`; gives why the layout does not take the row.
    fn ask(
        &self,
        question: &str,
        options: &[Choice<'_>],
        system: Option<&str>,
        prompt: &mut String,
    ) -> Result<Option<Verdict>, EngineError> {
        let options: Vec<PromptOption<'_>> = options.iter().map(prompt_option).collect();
        prompt.clear();
        match self.prompt.render(question, &options, system, prompt) {
            Ok(()) => Ok(None),
            Err(error) => refusal(error).map(Some),
        }
    }

    /// Whether all images stand where the template writes them, and the index can count them.
    fn check(&self, laid: &LaidOut<'_>) -> Result<(), RowFault> {
        if laid.shown.len() > MOST_PLACEHOLDERS {
            let detail = format!("placeholders: {}, more than 65,535", laid.shown.len());
            return Err(RowFault::new(Reason::ImageCount, detail));
        }
        let shows = |turn: &&LaidTurn<'_>| !turn.images.is_empty();
        // A template that writes no images anywhere is a fault of the recipe, which rendering tells.
        let drops = |turn: &&LaidTurn<'_>| {
            !self.template.takes_images(turn.role) && self.template.takes_images("user")
        };
        match laid.turns.iter().filter(shows).find(drops) {
            Some(turn) => {
                let role = shortened(turn.role);
                let detail = format!("a turn of `{role}` shows an image, which the template drops");
                Err(RowFault::new(Reason::ImageInRole, detail))
            }
            None => Ok(()),
        }
    }
}

/// What becomes of a row at which a template fails; an error where the template is at fault.
pub fn refusal(error: TemplateError) -> Result<Verdict, EngineError> {
    match error {
        TemplateError::Limit => Ok(Verdict::TemplateLimit),
        error if error.blames_row() => Ok(Verdict::TemplateRefused),
        error => Err(error.into()),
    }
}

fn bytes_of_turn(turn: &Turn<'_>) -> u64 {
    let bytes = |part: &Part<'_>| match part {
        Part::Text(text) => text.len() as u64,
        Part::Image(_) => 0,
    };
    let reasoning = turn.reasoning.as_ref().map_or(0, |text| text.len());
    turn.content.iter().map(bytes).sum::<u64>() + reasoning as u64
}

/// A role is what a row says: its beginning is enough.
fn shortened(role: &str) -> String {
    role.chars().take(20).collect()
}

fn prompt_option<'o>(choice: &'o Choice<'_>) -> PromptOption<'o> {
    PromptOption {
        label: &choice.label,
        text: choice.text,
        written: choice.written,
    }
}

impl<'r> LaidTurn<'r> {
    /// A turn that may carry loss, if it is the assistant's.
    fn new(role: &'r str, text: Cow<'r, str>, images: Vec<ImageSlot>) -> Self {
        Self {
            role,
            text,
            images,
            learned: true,
        }
    }

    /// The turn as a message.
    pub fn message(&self) -> Message<'_> {
        Message {
            role: self.role,
            content: &self.text,
            images: &self.images,
            learned: self.learned,
        }
    }
}

/// The images of a row while they find their places.
struct Placing<'i> {
    images: &'i RowImages,
    shown: Vec<usize>,
}

impl Placing<'_> {
    /// The slot of an image of the row before byte `at` of a text; none for an image that is left out.
    fn slot(&mut self, number: usize, at: usize) -> Option<ImageSlot> {
        let images = &self.images.images;
        let place = images
            .binary_search_by_key(&number, |image| image.number)
            .ok()?;
        self.shown.push(place);
        let tokens = images[place].tokens;
        Some(ImageSlot { at, tokens })
    }

    /// The texts of a turn, which follow one another directly, and where its images stand in them.
    fn parts<'r>(&mut self, parts: &'r [Part<'_>]) -> (Cow<'r, str>, Vec<ImageSlot>) {
        let mut text = Cow::Borrowed("");
        let mut slots = Vec::new();
        for part in parts {
            match part {
                Part::Text(more) if text.is_empty() => text = Cow::Borrowed(&**more),
                Part::Text(more) => text.to_mut().push_str(more),
                Part::Image(number) => slots.extend(self.slot(*number, text.len())),
            }
        }
        (text, slots)
    }

    fn conversation<'r>(
        &mut self,
        turns: &'r [Turn<'_>],
    ) -> Result<Result<Vec<LaidTurn<'r>>, TwoReasonings>, RowFault> {
        let mut laid = Vec::with_capacity(turns.len());
        for turn in turns {
            let (content, mut images) = self.parts(&turn.content);
            let Ok(text) = with_reasoning(turn, &content) else {
                return Ok(Err(TwoReasonings));
            };
            let text = match text {
                Some(joined) => {
                    follow(&content, &joined, &mut images)?;
                    Cow::Owned(joined)
                }
                None => content,
            };
            laid.push(LaidTurn {
                learned: turn.learned,
                ..LaidTurn::new(&turn.role, text, images)
            });
        }
        Ok(Ok(laid))
    }

    /// The turns of a question up to its responses.
    fn question<'r>(
        &mut self,
        history: &'r [[Cow<'_, str>; 2]],
        prompt: &'r str,
    ) -> Result<Vec<LaidTurn<'r>>, RowFault> {
        let asked = history.iter().map(|[asked, _]| &**asked).chain([prompt]);
        let mut texts: Vec<PlacedText<'r>> = match self.images.images.is_empty() {
            true => asked
                .map(|text| (Cow::Borrowed(text), Vec::new()))
                .collect(),
            false => self.placed(&asked.collect::<Vec<_>>())?,
        };
        let mut turns = Vec::with_capacity(2 * texts.len() + 1);
        let mut user = texts
            .drain(..)
            .map(|(text, images)| LaidTurn::new("user", text, images));
        for [_, answered] in history {
            turns.extend(user.next());
            turns.push(LaidTurn::new(
                "assistant",
                Cow::Borrowed(answered),
                Vec::new(),
            ));
        }
        turns.extend(user);
        Ok(turns)
    }

    /// Texts without their placeholders, and which images stand where.
    fn placed<'r>(&mut self, texts: &[&str]) -> Result<Vec<PlacedText<'r>>, RowFault> {
        let numbers: Vec<usize> = self
            .images
            .images
            .iter()
            .map(|image| image.number)
            .collect();
        let placed = place_images(texts, numbers.len())
            .map_err(|count| RowFault::new(Reason::ImageCount, count.to_string()))?;
        let laid = placed.into_iter().map(|(text, slots)| {
            let slots = slots
                .iter()
                .filter_map(|slot| self.slot(numbers[slot.image], slot.at));
            (Cow::Owned(text), slots.collect())
        });
        Ok(laid.collect())
    }
}

/// The text of a turn with its reasoning before it, where that says something.
fn with_reasoning(turn: &Turn<'_>, content: &str) -> Result<Option<String>, TwoReasonings> {
    match &turn.reasoning {
        Some(reasoning) if !content.trim().is_empty() => {
            let mut text = String::new();
            join_reasoning(Some(reasoning), content, &mut text)?;
            Ok(Some(text))
        }
        _ => Ok(None),
    }
}

/// Moves images to where the text behind them has gone.
fn follow(content: &str, joined: &str, images: &mut [ImageSlot]) -> Result<(), RowFault> {
    for image in images {
        let behind = &content[image.at..];
        if !joined.ends_with(behind) {
            let detail = "an image stands in the reasoning of a turn";
            return Err(RowFault::new(Reason::ImageInRole, detail));
        }
        image.at = joined.len() - behind.len();
    }
    Ok(())
}
