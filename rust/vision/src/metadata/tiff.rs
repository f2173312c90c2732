//! Metadata of TIFF files.

use std::collections::BTreeMap;

use crate::bytes::{Order, slice};
use crate::error::{Fault, ImageError};
use crate::exif::{entries, tiff_start};
use crate::tiff_page::{Page, fields, read};

/// Tags of pages that say more than how pixels are stored: names, programs, devices, times, notes, EXIF, GPS, IPTC, XMP.
const TELLING: [u16; 19] = [
    269, 270, 271, 272, 285, 305, 306, 315, 316, 337, 700, 33432, 33723, 34377, 34665, 34853,
    37500, 42112, 50839,
];

/// Whether a page of the file has such a tag.
pub(super) fn has(bytes: &[u8]) -> bool {
    /// Pages that point at each other in a circle end here.
    const MOST_PAGES: usize = 10_000;
    let Some((order, first)) = tiff_start(bytes) else {
        return false;
    };
    let mut next = Some(first).filter(|at| *at != 0);
    for _ in 0..MOST_PAGES {
        let Some(at) = next else { return false };
        if entries(bytes, order, at).any(|entry| {
            order
                .u16(entry, 0)
                .is_some_and(|tag| TELLING.contains(&tag))
        }) {
            return true;
        }
        let count = order.u16(bytes, at).map_or(0, usize::from);
        let after = order.u32(bytes, at.saturating_add(2 + 12 * count));
        next = after
            .and_then(|at| usize::try_from(at).ok())
            .filter(|at| *at != 0);
    }
    true
}

/// Tags of a page that say how its pixels are stored, or what their colours are: size, bits, compression, samples,
/// resolution, predictor, palette, inks, tables of JPEG, colour profile.
const KEPT: [u16; 34] = [
    254, 255, 256, 257, 258, 259, 262, 263, 266, 277, 278, 282, 283, 284, 296, 301, 317, 318, 319,
    320, 322, 323, 332, 334, 338, 339, 340, 341, 342, 347, 529, 530, 532, 34675,
];
const ORIENTATION: u16 = 274;
/// Where strips or tiles begin, and how many bytes each has.
const STRIPS: [u16; 2] = [273, 279];
const TILES: [u16; 2] = [324, 325];
const SHORT: u16 = 3;
const LONG: u16 = 4;

/// The value of an entry: its kind, how many there are, and their bytes.
type Value = (u16, u32, Vec<u8>);

/// The first page alone, with no tag but those that its pixels and colours need.
pub(super) fn strip(bytes: &[u8], orientation: u8) -> Result<Vec<u8>, ImageError> {
    let damaged =
        |what: &str| ImageError::new(Fault::Damaged, format!("the tiff file is damaged: {what}"));
    let page = read(bytes).ok_or_else(|| damaged("its directory"))?;
    let found = fields(bytes).ok_or_else(|| damaged("its directory"))?;
    let kept = found.into_iter().filter(|field| KEPT.contains(&field.tag));
    let mut kept: BTreeMap<u16, Value> = kept
        .map(|field| (field.tag, (field.kind, field.count, field.value.to_vec())))
        .collect();
    if orientation != 1 {
        let value = page.order.of_u16(u16::from(orientation)).to_vec();
        kept.insert(ORIENTATION, (SHORT, 1, value));
    }
    let pieces = pieces(bytes, &page)?.ok_or_else(|| damaged("a strip"))?;
    let stripped = written(&page, kept, &pieces).ok_or_else(not_removed)?;
    match read(&stripped) {
        Some(again) if again.lengths == page.lengths => Ok(stripped),
        _ => Err(not_removed()),
    }
}

fn not_removed() -> ImageError {
    let what = "metadata of a TIFF whose strips do not say how long they are is not removed";
    ImageError::new(Fault::Kind, what)
}

/// The bytes of each strip or tile, as they are; `None` where one is not whole.
fn pieces<'b>(bytes: &'b [u8], page: &Page<'_>) -> Result<Option<Vec<&'b [u8]>>, ImageError> {
    let total: u64 = page.lengths.iter().copied().map(u64::from).sum();
    // Strips that lie over one another would make a small file large.
    if page.lengths.len() != page.offsets.len() || total > bytes.len() as u64 {
        return Err(not_removed());
    }
    let piece = |(&at, &length): (&u32, &u32)| slice(bytes, at as usize, length as usize);
    let places = page.offsets.iter().zip(&page.lengths);
    Ok(places.map(piece).collect())
}

/// A file of these entries and pieces; `None` where it would be too long for one.
fn written(page: &Page<'_>, mut kept: BTreeMap<u16, Value>, pieces: &[&[u8]]) -> Option<Vec<u8>> {
    let order = page.order;
    let [places, lengths] = if page.tiled { TILES } else { STRIPS };
    kept.insert(lengths, longs(order, &page.lengths));
    // How long it is does not depend on where they are.
    kept.insert(places, longs(order, &page.offsets));
    let outside = kept
        .values()
        .map(|(_, _, value)| outside(value))
        .sum::<usize>();
    let mut at = 8 + 2 + 12 * kept.len() + 4 + outside;
    let mut begins = Vec::with_capacity(pieces.len());
    for piece in pieces {
        begins.push(u32::try_from(at).ok()?);
        at += even(piece.len());
    }
    kept.insert(places, longs(order, &begins));
    let mut file = match order {
        Order::Little => b"II*\0".to_vec(),
        Order::Big => b"MM\0*".to_vec(),
    };
    file.extend(order.of_u32(8));
    directory(order, &kept, &mut file)?;
    for piece in pieces {
        append(&mut file, piece);
    }
    Some(file)
}

/// Adds a directory, which no other follows, and the values that are not in it.
fn directory(order: Order, kept: &BTreeMap<u16, Value>, file: &mut Vec<u8>) -> Option<()> {
    file.extend(order.of_u16(u16::try_from(kept.len()).ok()?));
    let mut at = file.len() + 12 * kept.len() + 4;
    for (&tag, (kind, count, value)) in kept {
        file.extend(order.of_u16(tag));
        file.extend(order.of_u16(*kind));
        file.extend(order.of_u32(*count));
        if value.len() > 4 {
            file.extend(order.of_u32(u32::try_from(at).ok()?));
        } else {
            file.extend(value);
            file.extend(std::iter::repeat_n(0, 4 - value.len()));
        }
        at += outside(value);
    }
    file.extend([0; 4]);
    for (_, _, value) in kept.values().filter(|(_, _, value)| value.len() > 4) {
        append(file, value);
    }
    Some(())
}

fn longs(order: Order, numbers: &[u32]) -> Value {
    let bytes = numbers.iter().flat_map(|&number| order.of_u32(number));
    (LONG, numbers.len() as u32, bytes.collect())
}

/// Bytes that a value takes beside its directory.
fn outside(value: &[u8]) -> usize {
    if value.len() > 4 {
        even(value.len())
    } else {
        0
    }
}

fn even(length: usize) -> usize {
    length.next_multiple_of(2)
}

/// Adds bytes, and one where they are odd: values begin at even places.
fn append(file: &mut Vec<u8>, bytes: &[u8]) {
    file.extend(bytes);
    file.extend(std::iter::repeat_n(0, even(bytes.len()) - bytes.len()));
}
