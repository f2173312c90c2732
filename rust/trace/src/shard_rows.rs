//! Rows of a tar shard in WebDataset's form: the members of one key, all of a block in one buffer.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, RecordBatch};

use crate::image::ImagePlace;
use crate::json_row;
use crate::keys::Keys;
use crate::mapping::Mapping;
use crate::picture::{self, Picture};
use crate::read::Slots;
use crate::read::arrow::Binary;
use crate::reason::Reason;
use crate::value::{Fault, Value, utf8};

/// The column that holds a row's key.
const KEY: &str = "__key__";

/// The member whose keys are columns of the row.
pub(crate) const OBJECT: &str = "json";

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// About what a row, a member and a name cost besides their bytes.
const ROW_BYTES: usize = 96;
const MEMBER_BYTES: usize = 40;
const NAME_BYTES: usize = 96;

/// Consecutive rows, with the bytes of the members that the mapping reads.
#[derive(Debug, Default)]
pub(crate) struct ShardRows {
    /// Names of columns: the ends of members' names.
    names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
    bytes: Vec<u8>,
    members: Vec<Held>,
    rows: Vec<ShardRow>,
    /// Bytes that names and refusals take.
    beside: usize,
}

/// A member of a row.
#[derive(Clone, Debug)]
struct Held {
    name: u32,
    /// Where its bytes are; nothing of one that the mapping does not read.
    bytes: Option<Range<usize>>,
}

/// A row: where its members are, or why it is refused.
#[derive(Debug)]
pub(crate) struct ShardRow {
    /// Its number in the archive, from 0.
    pub(crate) number: u64,
    key: Range<usize>,
    members: Range<usize>,
    /// What it shows in members that nobody maps.
    picture: Option<Picture>,
    refused: Option<Box<(Reason, String)>>,
}

/// What is asked of a name: the key of the mapping that it is, and whether files of that name are pictures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    key: Option<usize>,
    is_picture: bool,
}

impl ShardRows {
    pub(crate) fn rows(&self) -> &[ShardRow] {
        &self.rows
    }

    /// About how many bytes the rows take in memory.
    pub(crate) fn bytes_held(&self) -> u64 {
        let members = self.members.len() * MEMBER_BYTES + self.rows.len() * ROW_BYTES;
        (self.bytes.len() + members + self.beside) as u64
    }

    /// About how many bytes they take with what was reserved for more.
    pub(crate) fn bytes_reserved(&self) -> u64 {
        self.bytes_held() + (self.bytes.capacity() - self.bytes.len()) as u64
    }

    /// Begins a row.
    pub(crate) fn begin_row(&mut self, number: u64, key: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        self.rows.push(ShardRow {
            number,
            key: start..self.bytes.len(),
            members: self.members.len()..self.members.len(),
            picture: None,
            refused: None,
        });
    }

    /// Adds bytes to those of the last row's member to come.
    pub(crate) fn extend(&mut self, part: &[u8]) {
        self.bytes.extend_from_slice(part);
    }

    /// Where the bytes of the next member begin.
    pub(crate) fn end(&self) -> usize {
        self.bytes.len()
    }

    /// Ends a member of the last row, whose bytes were added from `start` on and are kept where the mapping reads them.
    /// Gives whether the row has another of this name.
    pub(crate) fn end_member(&mut self, name: &str, start: usize, is_kept: bool) -> bool {
        let end = self.bytes.len();
        if !is_kept {
            self.bytes.truncate(start);
        }
        let number = self.number_of(name);
        let Some(row) = self.rows.last_mut() else {
            return false;
        };
        let others = &self.members[row.members.clone()];
        let is_twice = others.iter().any(|member| member.name == number);
        self.members.push(Held {
            name: number,
            bytes: is_kept.then_some(start..end),
        });
        row.members.end = self.members.len();
        is_twice
    }

    fn number_of(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a block ends before it has as many members"
        )]
        let number = self.names.len() as u32;
        self.beside += 2 * name.len() + NAME_BYTES;
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }

    /// The bytes of a member that is being read.
    pub(crate) fn open_bytes(&self, start: usize) -> &[u8] {
        self.bytes.get(start..).unwrap_or_default()
    }

    /// Adds a picture in a member of the last row that nobody maps.
    pub(crate) fn add_picture(&mut self, name: &str, hash: u64) {
        if let Some(row) = self.rows.last_mut() {
            Picture::add(&mut row.picture, hash, || name.into());
        }
    }

    /// Refuses the last row, of which nothing more is kept; the first reason stays.
    pub(crate) fn refuse(&mut self, reason: Reason, detail: String) {
        let Some(row) = self.rows.last_mut() else {
            return;
        };
        self.bytes.truncate(row.key.end);
        self.members.truncate(row.members.start);
        row.members.end = row.members.start;
        row.picture = None;
        if row.refused.is_none() {
            self.beside += detail.len();
            row.refused = Some(Box::new((reason, detail)));
        }
    }

    /// Whether the last row is refused.
    pub(crate) fn is_refused(&self) -> bool {
        self.rows.last().is_some_and(|row| row.refused.is_some())
    }

    /// How many members the last row has.
    pub(crate) fn members_of_last(&self) -> usize {
        self.rows.last().map_or(0, |row| row.members.len())
    }

    /// What each name is to a mapping, in the order of [`Held::name`].
    pub(crate) fn columns(&self, mapping: &Mapping) -> Vec<Column> {
        let column = |name: &str| Column {
            key: mapping.keys.iter().position(|key| key == name),
            is_picture: is_picture_name(name),
        };
        self.names.iter().map(|name| column(name)).collect()
    }

    /// Puts the values of a row into `slots`, and gives its pictures that nobody maps.
    pub(crate) fn fill<'a>(
        &'a self,
        mapping: &Mapping,
        columns: &[Column],
        row: &ShardRow,
        slots: &mut Slots<'a>,
    ) -> Result<Option<Picture>, Fault> {
        if let Some(refused) = &row.refused {
            let (reason, detail) = &**refused;
            return Err(Fault::new(*reason, detail.clone()));
        }
        let mut picture = row.picture.clone();
        if let Some(object) = self.object(row) {
            // A mapping that names the member itself takes it for a text.
            if !mapping.maps(OBJECT) {
                let is_own = |text: &str| self.is_member(row, text);
                let found = json_row::fill(mapping, object, slots, is_own)?;
                if let Some(found) = found {
                    Picture::add(&mut picture, found.hash, || found.column);
                }
            }
        }
        for member in &self.members[row.members.clone()] {
            let column = columns[member.name as usize];
            let (Some(key), Some(bytes)) = (column.key, &member.bytes) else {
                continue;
            };
            let bytes = &self.bytes[bytes.clone()];
            put(mapping, key, value(mapping, column, key, bytes)?, slots)?;
        }
        if let Some(key) = mapping.keys.iter().position(|key| key == KEY) {
            let text = utf8(&self.bytes[row.key.clone()]);
            let text = text.map_err(|at| invalid_utf8(at, KEY))?;
            put(mapping, key, Value::Text(Cow::Borrowed(text)), slots)?;
        }
        Ok(picture)
    }

    /// Whether a text is the name of one of the row's own members: what a `.json` says of the image beside it.
    fn is_member(&self, row: &ShardRow, text: &str) -> bool {
        let name = text.rsplit('/').next().unwrap_or(text);
        let key = &self.bytes[row.key.clone()];
        let base = key.rsplit(|byte| *byte == b'/').next().unwrap_or(key);
        let rest = name.as_bytes().strip_prefix(base);
        let Some(column) = rest.and_then(|rest| rest.strip_prefix(b".")) else {
            return false;
        };
        let mut members = self.members[row.members.clone()].iter();
        members.any(|member| {
            let name = self.names[member.name as usize].as_bytes();
            name.eq_ignore_ascii_case(column)
        })
    }

    /// The bytes of the row's `.json`.
    fn object(&self, row: &ShardRow) -> Option<&[u8]> {
        let members = self.members[row.members.clone()].iter();
        let mut objects = members.filter(|member| *self.names[member.name as usize] == *OBJECT);
        let bytes = objects.next()?.bytes.clone()?;
        let object = &self.bytes[bytes];
        Some(object.strip_prefix(BYTE_ORDER_MARK).unwrap_or(object))
    }

    /// Tells the columns of a row: its key, those of its `.json`, and its other members.
    pub(crate) fn keys(&self, row: &ShardRow, keys: &mut Keys) {
        if row.refused.is_some() {
            return;
        }
        keys.add(KEY);
        if let Some(object) = self.object(row) {
            keys.add_object(object);
        }
        for member in &self.members[row.members.clone()] {
            let name = &*self.names[member.name as usize];
            if name != OBJECT {
                keys.add(name);
            }
        }
    }

    /// A batch of the row of this number alone, with what was kept of it; nothing for one that is refused, or in another
    /// block.
    pub(crate) fn raw_row(&self, number: u64) -> Option<RecordBatch> {
        let found = self.rows.binary_search_by_key(&number, |row| row.number);
        let row = &self.rows[found.ok()?];
        if row.refused.is_some() {
            return None;
        }
        let value = |bytes: &Range<usize>| -> ArrayRef {
            Arc::new(BinaryArray::from(vec![&self.bytes[bytes.clone()]]))
        };
        let members = self.members[row.members.clone()].iter();
        let members = members.filter_map(|member| {
            let bytes = member.bytes.as_ref()?;
            Some((&*self.names[member.name as usize], value(bytes)))
        });
        RecordBatch::try_from_iter(std::iter::once((KEY, value(&row.key))).chain(members)).ok()
    }
}

/// Whether files of this name are pictures.
pub(crate) fn is_picture_name(name: &str) -> bool {
    let ending = name.rsplit('.').next().unwrap_or(name);
    picture::is_extension(ending) || picture::is_column_name(name)
}

/// Puts a value into its slot; a row that has two of them is refused.
fn put<'a>(
    mapping: &Mapping,
    key: usize,
    value: Value<'a>,
    slots: &mut Slots<'a>,
) -> Result<(), Fault> {
    if slots[key].replace(value).is_some() {
        let detail = format!(
            "`{}` is a member of the row and a key of its `.json`",
            mapping.keys[key]
        );
        return Err(Fault::new(Reason::DuplicateKey, detail));
    }
    Ok(())
}

/// The value that a member's bytes are in the place of this key.
fn value<'a>(
    mapping: &Mapping,
    column: Column,
    key: usize,
    bytes: &'a [u8],
) -> Result<Value<'a>, Fault> {
    let name = &mapping.keys[key];
    if key >= mapping.mapped {
        return Ok(utf8(bytes).map_or(Value::Other, |text| Value::Text(Cow::Borrowed(text))));
    }
    let takes_images = mapping.binary[key] != Binary::Text;
    if takes_images && column.is_picture {
        return Ok(Value::Bytes(Cow::Borrowed(bytes)));
    }
    match utf8(bytes) {
        Ok(text) if is_class(name) => Ok(Value::Text(Cow::Borrowed(text.trim()))),
        Ok(text) => Ok(Value::Text(Cow::Borrowed(text))),
        Err(_) if takes_images => Ok(Value::Bytes(Cow::Borrowed(bytes))),
        // A picture's bytes are no text, and no damage.
        Err(_) if picture::is_picture_bytes(bytes, column.is_picture) => {
            Err(ImagePlace::Column(name.as_str().into()).reject())
        }
        Err(at) => Err(invalid_utf8(at, name)),
    }
}

/// Whether a member says a number or a word and nothing else: around it, white space says nothing.
fn is_class(name: &str) -> bool {
    name.rsplit('.').next() == Some("cls")
}

fn invalid_utf8(at: usize, name: &str) -> Fault {
    let detail = format!("byte {at} of the value in `{name}`");
    Fault::new(Reason::InvalidUtf8, detail)
}
