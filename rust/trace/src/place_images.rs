//! Placeholders of images in what a user says: `<image>` for the next image, `<image 1>` for the first.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

/// Where an image stands in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageSlot {
    /// Its number among the row's images, from 0.
    pub image: usize,
    /// The byte of the text before which it stands, placeholders taken out.
    pub at: usize,
}

/// Placeholders and images that do not belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageCount {
    /// Placeholders; of numbered ones those of different numbers, or the highest number where no image has it.
    pub placeholders: usize,
    /// Images of the row.
    pub images: usize,
    /// Whether some have a number and some have none, so that nobody knows which image they mean.
    pub mixed: bool,
}

impl fmt::Display for ImageCount {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            placeholders,
            images,
            mixed,
        } = self;
        if *mixed {
            to.write_str("placeholders with a number and without one are mixed: ")?;
        }
        write!(to, "placeholders: {placeholders}, images: {images}")
    }
}

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The next image.
    Next,
    /// The image of this number, from 1.
    Numbered(usize),
}

/// The longest number of an image.
const MOST_DIGITS: usize = 5;

/// The placeholders of a text, in order.
pub(crate) fn marks(text: &str) -> impl Iterator<Item = (Range<usize>, Mark)> + '_ {
    memchr::memchr_iter(b'<', text.as_bytes()).filter_map(move |open| {
        let (length, mark) = mark_at(&text.as_bytes()[open..])?;
        Some((open..open + length, mark))
    })
}

/// The placeholder with which `bytes` begin, and its length: `<image>`, or `<image 1>`, `<image_1>`, `<image1>`.
fn mark_at(bytes: &[u8]) -> Option<(usize, Mark)> {
    const WORD: &[u8] = b"<image";
    let begins = bytes
        .get(..WORD.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(WORD));
    if !begins {
        return None;
    }
    let rest = &bytes[WORD.len()..];
    if rest.first() == Some(&b'>') {
        return Some((WORD.len() + 1, Mark::Next));
    }
    let blank = usize::from(matches!(rest.first(), Some(b' ' | b'_')));
    let digits = rest[blank..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let end = blank + digits;
    if digits == 0 || digits > MOST_DIGITS || rest.get(end) != Some(&b'>') {
        return None;
    }
    let number = rest[blank..end]
        .iter()
        .fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
    (number > 0).then_some((WORD.len() + end + 1, Mark::Numbered(number)))
}

/// The placeholders of a row, as far as they have been read.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Those without a number.
    next: usize,
    /// The numbers of the others.
    numbers: BTreeSet<usize>,
}

impl Marks {
    /// Counts a placeholder, and gives the number of the image that it stands for, from 0.
    pub(crate) fn take(&mut self, mark: Mark) -> usize {
        match mark {
            Mark::Next => {
                self.next += 1;
                self.next - 1
            }
            Mark::Numbered(number) => {
                self.numbers.insert(number);
                number - 1
            }
        }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.next == 0 && self.numbers.is_empty()
    }

    /// Whether one has a number.
    pub(crate) fn are_numbered(&self) -> bool {
        !self.numbers.is_empty()
    }

    /// Checks that each of so many images has its placeholder, and each placeholder its image.
    pub(crate) fn check(&self, images: usize) -> Result<(), ImageCount> {
        let highest = self.numbers.last().copied().unwrap_or(0);
        let mixed = self.next > 0 && self.are_numbered();
        let placeholders = if mixed {
            self.next + self.numbers.len()
        } else if self.are_numbered() && highest > images {
            highest
        } else {
            self.next + self.numbers.len()
        };
        if mixed || placeholders != images {
            return Err(ImageCount {
                placeholders,
                images,
                mixed,
            });
        }
        Ok(())
    }
}

/// Takes the placeholders out of `texts`, what a user says in order, and gives which image stands where.
///
/// Where there is no placeholder, all images stand before the last text, in order.
///
/// # Errors
/// [`ImageCount`] when a row has more placeholders than images, or fewer, or both kinds of them.
pub fn place_images(
    texts: &[&str],
    images: usize,
) -> Result<Vec<(String, Vec<ImageSlot>)>, ImageCount> {
    let mut found = Marks::default();
    let mut placed: Vec<_> = texts.iter().map(|text| without(text, &mut found)).collect();
    match placed.last_mut() {
        Some((_, slots)) if found.is_empty() => {
            slots.extend((0..images).map(|image| ImageSlot { image, at: 0 }));
        }
        _ => found.check(images)?,
    }
    Ok(placed)
}

/// A text without its placeholders, and where they stood.
fn without(text: &str, found: &mut Marks) -> (String, Vec<ImageSlot>) {
    let mut kept = String::with_capacity(text.len());
    let mut slots = Vec::new();
    let mut from = 0;
    for (range, mark) in marks(text) {
        kept.push_str(&text[from..range.start]);
        from = range.end;
        slots.push(ImageSlot {
            image: found.take(mark),
            at: kept.len(),
        });
    }
    kept.push_str(&text[from..]);
    (kept, slots)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn placed(texts: &[&str], images: usize) -> Vec<(String, Vec<(usize, usize)>)> {
        let placed = place_images(texts, images).unwrap();
        let plain =
            |slots: Vec<ImageSlot>| slots.iter().map(|slot| (slot.image, slot.at)).collect();
        placed
            .into_iter()
            .map(|(text, slots)| (text, plain(slots)))
            .collect()
    }

    fn fault(texts: &[&str], images: usize) -> (usize, usize, bool) {
        let ImageCount {
            placeholders,
            images,
            mixed,
        } = place_images(texts, images).unwrap_err();
        (placeholders, images, mixed)
    }

    #[test]
    fn placeholders_are_taken_out_and_say_where_images_stand() {
        assert_eq!(
            placed(&["<image>\nWhat?"], 1),
            [("\nWhat?".to_owned(), vec![(0, 0)])]
        );
        assert_eq!(
            placed(&["é<image>b<Image>", "c"], 2),
            [
                ("éb".to_owned(), vec![(0, 2), (1, 3)]),
                ("c".to_owned(), vec![])
            ]
        );
        assert_eq!(
            placed(&["<image><image>", "<IMAGE> x"], 3),
            [
                (String::new(), vec![(0, 0), (1, 0)]),
                (" x".to_owned(), vec![(2, 0)])
            ]
        );
    }

    #[test]
    fn without_any_all_images_stand_before_the_last_text() {
        assert_eq!(
            placed(&["before", "What?"], 2),
            [
                ("before".to_owned(), vec![]),
                ("What?".to_owned(), vec![(0, 0), (1, 0)])
            ]
        );
        assert_eq!(placed(&["x"], 0), [("x".to_owned(), vec![])]);
        assert_eq!(fault(&[], 1), (0, 1, false));
    }

    #[test]
    fn a_number_names_an_image_as_often_as_it_likes() {
        let text = "<image 2> or <Image_1>? A <image2>";
        assert_eq!(
            placed(&[text], 2),
            [(" or ? A ".to_owned(), vec![(1, 0), (0, 4), (1, 8)])]
        );
        assert_eq!(placed(&["<image 01>"], 1)[0].1, [(0, 0)]);
    }

    #[test]
    fn numbers_that_differ_are_both_told() {
        assert_eq!(fault(&["<image>"], 0), (1, 0, false));
        assert_eq!(fault(&["<image>", "<image>"], 1), (2, 1, false));
        assert_eq!(fault(&["<image>"], 2), (1, 2, false));
        assert_eq!(fault(&["<image 3> <image 1>"], 2), (3, 2, false));
        assert_eq!(fault(&["<image 1> <image 1>"], 2), (1, 2, false));
        assert_eq!(fault(&["<image 2>"], 2), (1, 2, false));
        assert_eq!(fault(&["<image 1> <image>"], 2), (2, 2, true));
        let shown = place_images(&["<image>"], 3).unwrap_err().to_string();
        assert_eq!(shown, "placeholders: 1, images: 3");
    }

    #[test]
    fn what_only_looks_like_a_placeholder_is_text() {
        for text in [
            "<image 0>",
            "<image  1>",
            "<image -1>",
            "<image 1",
            "<image 1a>",
            "<image_>",
            "<image 123456>",
            "<images>",
            "< image>",
            "<|image_pad|>",
            "<img>",
            "<imagé>",
            "<image\u{a0}1>",
        ] {
            assert_eq!(placed(&[text], 0), [(text.to_owned(), vec![])], "{text}");
        }
    }

    proptest! {
        #[test]
        fn slots_and_texts_give_the_texts_back(
            pieces in prop::collection::vec("[a<é>]{0,3}|<image>|<image 1", 0..12),
        ) {
            let text = pieces.concat();
            let count = text.matches("<image>").count();
            prop_assume!(count > 0 && !text.contains("<image 1>"));
            let placed = &place_images(&[&text], count).unwrap()[0];
            let mut back = placed.0.clone();
            for slot in placed.1.iter().rev() {
                back.insert_str(slot.at, "<image>");
            }
            prop_assert_eq!(back, text);
            let numbers: Vec<usize> = placed.1.iter().map(|slot| slot.image).collect();
            prop_assert_eq!(numbers, (0..count).collect::<Vec<_>>());
        }
    }
}
