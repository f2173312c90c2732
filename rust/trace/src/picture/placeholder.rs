//! What stands for a picture inside of a text: tags of formats and models, HTML, Markdown.

use crate::place_images::marks;

use super::is_reference;

/// The placeholder of a picture, film or sound in what a user says.
pub(crate) fn placeholder(text: &str) -> Option<&str> {
    placeholders(text).next()
}

/// The first placeholder that no image takes although the row's images are read: one of another tool or model.
///
/// `<image>` and `<image 1>` are taken; what the model's own template writes is text where a user types it.
pub(crate) fn unread_mark(text: &str) -> Option<&str> {
    const TYPED: [&str; 2] = ["<|image_pad|>", "<|video_pad|>"];
    placeholders(text).find(|mark| !TYPED.contains(mark) && marks(mark).next().is_none())
}

fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    memchr::memchr3_iter(b'<', b'[', b'!', text.as_bytes()).filter_map(|open| {
        let rest = &text[open..];
        match rest.as_bytes() {
            [b'!', b'[', ..] => markdown(rest),
            [b'[', ..] => enclosed(rest, ']').filter(|mark| is_bracketed(mark)),
            // Without its attributes, which are the row's own words.
            [b'<', b'i' | b'I', ..] if is_tag(rest) => Some(&rest[..4]),
            [b'<', ..] => enclosed(rest, '>').filter(|mark| is_angled(mark)),
            _ => None,
        }
    })
}

/// The longest placeholder is `<image 18446744073709551616>`, whose number no image has.
const LONGEST_MARK: usize = 32;

/// From an opening mark to the one that closes it, if that is near.
fn enclosed(text: &str, close: char) -> Option<&str> {
    let near = text.char_indices().take(LONGEST_MARK);
    let mut ends = near.filter(|(_, character)| *character == close);
    ends.next().map(|(end, _)| &text[..=end])
}

fn is_angled(mark: &str) -> bool {
    const KINDS: [&str; 6] = ["image", "images", "img", "video", "audio", "imagehere"];
    const PADS: [&str; 3] = ["image_pad", "video_pad", "image_placeholder"];
    let inner = &mark[1..mark.len() - 1];
    let inner = inner
        .strip_prefix('|')
        .and_then(|inner| inner.strip_suffix('|'))
        .unwrap_or(inner);
    // `<image/>`, `<image 1 >`
    let inner = inner.trim_matches(' ').trim_end_matches(['/', ' ']);
    let is_one_of =
        |kinds: &[&str], name: &str| kinds.iter().any(|kind| kind.eq_ignore_ascii_case(name));
    is_one_of(&KINDS, without_number(inner)) || is_one_of(&PADS, inner)
}

fn is_bracketed(mark: &str) -> bool {
    let inner = without_number(&mark[1..mark.len() - 1]);
    ["image", "img"]
        .iter()
        .any(|kind| kind.eq_ignore_ascii_case(inner))
}

/// Whether a tag of HTML begins here that shows a picture.
fn is_tag(text: &str) -> bool {
    let head = text.get(..5).unwrap_or_default();
    head.eq_ignore_ascii_case("<img ")
}

fn without_number(name: &str) -> &str {
    name.trim_end_matches(|last: char| last.is_ascii_digit())
        .trim_end_matches([' ', '_', '-', ':'])
}

/// A picture of Markdown: `![words](path)`.
fn markdown(text: &str) -> Option<&str> {
    let open = text.find("](")?;
    let length = text[open..].find(')')?;
    let path = text[open + 2..open + length].split_whitespace().next()?;
    (!text[..open].contains('\n') && is_reference(path)).then(|| &text[..2])
}

#[cfg(test)]
mod tests {
    use super::{placeholder, unread_mark};

    #[test]
    fn placeholders_that_no_image_takes_are_found() {
        for (text, mark) in [
            ("<image>\n<|image|>", Some("<|image|>")),
            ("<video>", Some("<video>")),
            ("[image] <image 1>", Some("[image]")),
            ("<image 0>", Some("<image 0>")),
            ("<image-1>", Some("<image-1>")),
            ("<img src='x'>", Some("<img")),
            ("<image_placeholder>", Some("<image_placeholder>")),
            ("![x](a.png)", Some("![")),
            ("<image> <image 1> <Image_2>", None),
            ("<|vision_start|><|image_pad|><|vision_end|>", None),
            ("<image>text", None),
        ] {
            assert_eq!(unread_mark(text), mark, "{text}");
        }
    }

    #[test]
    fn placeholders_are_found_in_all_their_forms() {
        for text in [
            "<image>",
            "<image/>",
            "<image 1 >",
            "< image >",
            "<image 18446744073709551617>",
            "What is <image 1>?",
            "a < b <Image_2>",
            "<video>",
            "<|image_1|>",
            "<|image|>",
            "Picture 1: <img>a</img>",
            "<image_placeholder>",
            "<<image>",
            "<|vision_start|><|image_pad|><|vision_end|>What?",
            "see ![x-ray](http://x/y.png?w=1) here",
            "<img src=\"x.png\">",
            "[image] What?",
            "[IMG 2]",
        ] {
            assert!(placeholder(text).is_some(), "{text}");
        }
        for text in [
            "",
            "<",
            "<imagine>",
            "<|vision_start|>",
            "an image",
            "![note](see.html)",
            "[imagine]",
            "é<é",
            "<p>",
            "x <= 3 and y >",
        ] {
            assert_eq!(placeholder(text), None, "{text}");
        }
    }
}
