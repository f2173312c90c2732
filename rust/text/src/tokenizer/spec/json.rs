//! The large parts of a `tokenizer.json`, borrowed from its bytes where they can be.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A string, borrowed unless it has escapes.
#[derive(Debug)]
pub(super) struct Text<'a>(pub Cow<'a, str>);

/// `vocab`: words and ids.
pub(super) struct VocabEntries<'a>(pub Vec<(Text<'a>, u32)>);

/// `merges` in rank order.
pub(super) struct MergeList<'a>(pub Vec<Merge<'a>>);

/// One merge, written as `["a", "b"]` or `"a b"`.
pub(super) struct Merge<'a>(pub Text<'a>, pub Text<'a>);

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct VocabVisitor;

impl<'de> Visitor<'de> for VocabVisitor {
    type Value = VocabEntries<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a map of words to ids")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut words = Vec::new();
        while let Some(entry) = map.next_entry()? {
            words.push(entry);
        }
        Ok(VocabEntries(words))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for VocabEntries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(VocabVisitor)
    }
}

struct MergeListVisitor;

impl<'de> Visitor<'de> for MergeListVisitor {
    type Value = MergeList<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a list of merges")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = list.next_element()? {
            pairs.push(pair);
        }
        Ok(MergeList(pairs))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for MergeList<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(MergeListVisitor)
    }
}

struct MergeVisitor;

impl<'de> Visitor<'de> for MergeVisitor {
    type Value = Merge<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("two words, in a list or with a space between them")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        let (left, right) = two_words(text)?;
        Ok(Merge(Text(Cow::Borrowed(left)), Text(Cow::Borrowed(right))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let (left, right) = two_words(text)?;
        Ok(Merge(
            Text(Cow::Owned(left.to_owned())),
            Text(Cow::Owned(right.to_owned())),
        ))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let missing = || A::Error::custom("a merge of fewer than two words");
        let left = list.next_element()?.ok_or_else(missing)?;
        let right = list.next_element()?.ok_or_else(missing)?;
        Ok(Merge(left, right))
    }
}

fn two_words<E: Error>(text: &str) -> Result<(&str, &str), E> {
    let words = text
        .split_once(' ')
        .filter(|(_, right)| !right.contains(' '));
    words.ok_or_else(|| E::custom(format!("the merge `{text}` is not two words")))
}

impl<'de: 'a, 'a> Deserialize<'de> for Merge<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MergeVisitor)
    }
}
