//! The images that a conversation shows, and where: typed parts, placeholders, images beside a turn's text.

use std::borrow::Cow;

use crate::image::{ImagePlace, ImageRef, ImageValue};
use crate::picture;
use crate::place_images::{ImageCount, Mark, Marks, marks};
use crate::reason::Reason;
use crate::row::{Part, Turn, append};
use crate::value::Fault;

use super::images::ColumnImages;

/// What becomes of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// Columns of images are mapped.
    Mapped,
    /// None are: only what typed parts hold themselves is known.
    NotMapped,
    /// They are left out.
    LeftOut,
}

/// A piece of a turn's content, before placeholders are looked for in its texts.
pub(super) enum Piece<'r> {
    /// A text.
    Text(Cow<'r, str>),
    /// The image of this number in [`Shown::images`].
    Image(usize),
    /// A part that stands for an image of a column.
    Mark(Mark),
}

/// The images of a conversation as far as it has been read.
pub(crate) struct Shown<'r> {
    pub(crate) treatment: Treatment,
    /// Those of columns, then those that turns hold themselves.
    pub(crate) images: Vec<ImageRef<'r>>,
    /// How many are of columns.
    of_columns: usize,
    has_gap: bool,
    marks: Marks,
    /// Why the row is refused, unless something else is wrong with it.
    refused: Option<Fault>,
}

impl<'r> Shown<'r> {
    /// Before the first turn, with the images of columns.
    pub(crate) fn new(treatment: Treatment, columns: ColumnImages<'r>) -> Self {
        Self {
            treatment,
            of_columns: columns.images.len(),
            images: columns.images,
            has_gap: columns.has_gap,
            marks: Marks::default(),
            refused: None,
        }
    }

    /// An image that a turn holds.
    pub(super) fn own(&mut self, image: ImageValue<'r>, what: String) -> usize {
        self.images
            .push(ImageRef::new(image, ImagePlace::Turn(what)));
        self.images.len() - 1
    }

    /// Something in a turn that is left out.
    pub(super) fn left_out(&mut self, what: String, hash: u64) -> usize {
        self.images
            .push(ImageRef::left_out(ImagePlace::Turn(what), hash));
        self.images.len() - 1
    }

    /// Refuses the row for an image that is not read.
    pub(super) fn refuse(&mut self, what: String) {
        let fault = ImagePlace::Turn(what).reject();
        self.refused.get_or_insert(fault);
    }

    /// Looks at what is asked in a question, whose placeholders are placed once the prompt is rendered.
    pub(super) fn check_question<'t>(
        &mut self,
        asked: impl Iterator<Item = &'t str>,
    ) -> Result<(), Fault> {
        for text in asked {
            if self.treatment != Treatment::Mapped {
                let Some(mark) = picture::placeholder(text) else {
                    continue;
                };
                let place = ImagePlace::Placeholder(mark.to_owned());
                self.images.push(ImageRef::left_out(place, 0));
                break;
            }
            if let Some(mark) = picture::unread_mark(text) {
                self.refuse(unread(mark));
            }
            for (_, mark) in marks(text) {
                self.marks.take(mark);
            }
        }
        self.check_marks_alone()?;
        self.refusal()
    }

    /// Refuses placeholders in a question without images, and numbers where a column before the last is empty.
    fn check_marks_alone(&self) -> Result<(), Fault> {
        if self.treatment != Treatment::Mapped {
            return Ok(());
        }
        if self.images.is_empty() {
            self.marks.check(0).map_err(count_fault)?;
        }
        if self.has_gap && self.marks.are_numbered() {
            return Err(gap_fault());
        }
        Ok(())
    }

    /// The parts of a turn of `role` out of its pieces. Placeholders are looked for in what a user says, or a tool;
    /// `beside` are images that stand besides the pieces.
    pub(super) fn place(
        &mut self,
        role: &str,
        pieces: Vec<Piece<'r>>,
        beside: Vec<Part<'r>>,
    ) -> Result<Vec<Part<'r>>, Fault> {
        let is_users = role == "user";
        let left_out = is_users.then(|| self.refuse_marks(&pieces)).flatten();
        let splits = self.treatment == Treatment::Mapped && matches!(role, "user" | "tool");
        // Images beside a text are what its placeholders stand for, where there are any.
        let first = match beside.first() {
            Some(Part::Image(first)) => Some(*first),
            _ => None,
        };
        let mut here = Marks::default();
        let mut content = Vec::new();
        for piece in pieces {
            match (piece, first) {
                (Piece::Text(text), _) if !splits => add_text(text, &mut content),
                (Piece::Text(text), Some(first)) => split(text, &mut here, first, &mut content),
                (Piece::Text(text), None) => split(text, &mut self.marks, 0, &mut content),
                (Piece::Image(number), _) => content.push(Part::Image(number)),
                (Piece::Mark(mark), _) => content.push(Part::Image(self.marks.take(mark))),
            }
        }
        if here.is_empty() {
            content.splice(0..0, beside);
        } else {
            here.check(beside.len()).map_err(count_fault)?;
        }
        content.extend(left_out);
        if content.is_empty() {
            content.push(Part::Text(Cow::Borrowed("")));
        }
        Ok(content)
    }

    /// Refuses what stands for an image in a user's text and takes none; where images are left out it is one more.
    fn refuse_marks(&mut self, pieces: &[Piece<'r>]) -> Option<Part<'r>> {
        let mut texts = pieces.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(&**text),
            _ => None,
        });
        if self.treatment == Treatment::Mapped {
            if let Some(mark) = texts.find_map(picture::unread_mark) {
                self.refuse(unread(mark));
            }
            return None;
        }
        let text = texts.fold(Cow::Borrowed(""), |joined, text| joined + text);
        let mark = picture::placeholder(&text)?.to_owned();
        if self.treatment == Treatment::LeftOut {
            return Some(Part::Image(self.left_out(mark, 0)));
        }
        self.refuse(mark);
        None
    }

    /// Checks that placeholders and images belong together; without a placeholder, all images of columns stand
    /// before what the first user says.
    pub(super) fn finish(&mut self, turns: &mut [Turn<'r>]) -> Result<(), Fault> {
        if self.treatment != Treatment::Mapped {
            return Ok(());
        }
        if self.has_gap && self.marks.are_numbered() {
            return Err(gap_fault());
        }
        let own = self.images.len() - self.of_columns;
        let first = turns.iter_mut().find(|turn| turn.role == "user");
        match first {
            Some(turn) if self.marks.is_empty() && own == 0 => {
                let images = (0..self.of_columns).map(Part::Image);
                turn.content.splice(0..0, images);
                Ok(())
            }
            _ => self.marks.check(self.of_columns).map_err(count_fault),
        }
    }

    /// Why the row is refused, where nothing else is wrong with it.
    pub(super) fn refusal(&mut self) -> Result<(), Fault> {
        self.refused.take().map_or(Ok(()), Err)
    }

    /// Whether a turn shows an image that is not left out.
    pub(super) fn shows(&self, turn: &Turn<'_>) -> bool {
        let is_there = |number: usize| {
            let image = self.images.get(number);
            image.is_some_and(|image| !image.is_left_out())
        };
        let mut parts = turn.content.iter();
        parts.any(|part| matches!(part, Part::Image(number) if is_there(*number)))
    }
}

/// What is said of a placeholder that takes no image.
fn unread(mark: &str) -> String {
    format!("`{mark}`, for which no image is taken")
}

/// Adds a text and the images of its placeholders, of which the first of the row has the number `first`.
fn split<'r>(text: Cow<'r, str>, found: &mut Marks, first: usize, content: &mut Vec<Part<'r>>) {
    let places: Vec<_> = marks(&text).collect();
    let mut from = 0;
    for (range, mark) in places {
        add_text(cut(&text, from..range.start), content);
        content.push(Part::Image(first + found.take(mark)));
        from = range.end;
    }
    if from == 0 {
        add_text(text, content);
    } else {
        add_text(cut(&text, from..text.len()), content);
    }
}

fn cut<'r>(text: &Cow<'r, str>, range: std::ops::Range<usize>) -> Cow<'r, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[range]),
        Cow::Owned(text) => Cow::Owned(text[range].to_owned()),
    }
}

/// Adds a text after the last part, which may be one as well; an empty one is left out.
pub(super) fn add_text<'r>(text: Cow<'r, str>, content: &mut Vec<Part<'r>>) {
    if text.is_empty() {
        return;
    }
    match content.last_mut() {
        Some(Part::Text(before)) => append(before, text),
        _ => content.push(Part::Text(text)),
    }
}

/// The reject of a row whose placeholders and images do not belong together.
pub(crate) fn count_fault(count: ImageCount) -> Fault {
    Fault::new(Reason::ImageCount, count.to_string())
}

/// The reject of numbered placeholders next to columns of images that are empty before one that is not.
pub(crate) fn gap_fault() -> Fault {
    let detail = "the row numbers its images, and a column of images before the last one is empty";
    Fault::new(Reason::ImageCount, detail)
}
