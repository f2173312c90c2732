//! The images of a pack's row, and what has to hold of them and of the tokens that stand for them.

use std::ops::Range;

use super::error::RowFault;

/// The image columns of a pack's row, little-endian as MDS stores them; all empty in a pack of text.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImageColumns<'a> {
    /// Bytes of the column `images`: its encoded images, one after another.
    pub bytes: u64,
    /// `image_offsets`: where each image begins, and where the last one ends.
    pub offsets: &'a [u8],
    /// `image_grid_thw`: patches of each image along time, height and width.
    pub grids: &'a [u8],
    /// `image_refs`: the image of each placeholder, in the order of the placeholders' tokens.
    pub refs: &'a [u8],
}

/// How the images of a run stand in its packs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageRules {
    /// The token that stands for a part of an image.
    pub token: u32,
    /// Patches along a side of what becomes one token.
    pub merge: u32,
}

const ENTRY: usize = size_of::<u32>();
const GRID: usize = 3;

impl<'a> ImageColumns<'a> {
    /// Images.
    #[must_use]
    pub fn count(&self) -> usize {
        self.grids.len() / (GRID * ENTRY)
    }

    /// Placeholders, each of which shows an image.
    #[must_use]
    pub fn placeholders(&self) -> usize {
        self.refs.len() / ENTRY
    }

    /// Whether nothing is in the columns.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes == 0 && self.offsets.is_empty() && self.grids.is_empty() && self.refs.is_empty()
    }

    /// The image of each placeholder.
    pub fn refs(&self) -> impl Iterator<Item = u32> + use<'a> {
        numbers(self.refs)
    }

    /// Patches of each image along time, height and width.
    pub fn grids(&self) -> impl Iterator<Item = [u32; GRID]> + use<'a> {
        self.grid_chunks().iter().map(sides)
    }

    /// The grid of the image that each placeholder shows.
    pub fn shown(&self) -> impl Iterator<Item = [u32; GRID]> + use<'a> {
        let grids = self.grid_chunks();
        let grid = move |image: u32| grids.get(image as usize).map(sides);
        self.refs()
            .map(move |image| grid(image).unwrap_or_default())
    }

    fn grid_chunks(&self) -> &'a [[u8; GRID * ENTRY]] {
        self.grids.as_chunks().0
    }

    /// What is wrong with the columns by themselves.
    pub(super) fn column_fault(&self, merge: u32) -> Option<RowFault> {
        self.width_fault()
            .or_else(|| self.offset_fault())
            .or_else(|| self.grid_fault(merge))
            .or_else(|| self.ref_fault())
    }

    fn width_fault(&self) -> Option<RowFault> {
        let columns = [
            ("image_offsets", self.offsets.len(), ENTRY),
            ("image_grid_thw", self.grids.len(), GRID * ENTRY),
            ("image_refs", self.refs.len(), ENTRY),
        ];
        let odd = |&(_, bytes, entry): &(&str, usize, usize)| !bytes.is_multiple_of(entry);
        let (column, bytes, entry) = columns.into_iter().find(odd)?;
        Some(RowFault::ImageColumn {
            column,
            bytes,
            entry,
        })
    }

    /// The offsets cut the bytes of `images` into as many images as there are grids, none of them empty.
    fn offset_fault(&self) -> Option<RowFault> {
        let images = self.count();
        let offsets = || numbers(self.offsets);
        let expected = if images == 0 { 0 } else { images + 1 };
        let whole = self.offsets.len() / ENTRY == expected
            && offsets().next().unwrap_or_default() == 0
            && offsets().is_sorted_by(|one, next| one < next)
            && u64::from(offsets().last().unwrap_or_default()) == self.bytes;
        let bytes = self.bytes;
        (!whole).then_some(RowFault::ImageOffsets { images, bytes })
    }

    fn grid_fault(&self, merge: u32) -> Option<RowFault> {
        let whole = |side: u32| side > 0 && side.checked_rem(merge) == Some(0);
        let wrong = |&[t, h, w]: &[u32; GRID]| t != 1 || !whole(h) || !whole(w);
        let (image, [t, h, w]) = self.grids().enumerate().find(|(_, grid)| wrong(grid))?;
        Some(RowFault::ImageGrid {
            image,
            t,
            h,
            w,
            merge,
        })
    }

    /// Every placeholder shows an image of the pack, and every image is shown.
    fn ref_fault(&self) -> Option<RowFault> {
        let images = self.count();
        let mut seen = vec![false; images];
        for (placeholder, image) in self.refs().enumerate() {
            match seen.get_mut(image as usize) {
                Some(seen) => *seen = true,
                None => {
                    return Some(RowFault::ImageRef {
                        placeholder,
                        image,
                        images,
                    });
                }
            }
        }
        let image = seen.into_iter().position(|seen| !seen)?;
        Some(RowFault::ImageUnused { image })
    }

    /// One run of image tokens a placeholder, of its image's size, none across the edge of a document.
    pub(super) fn run_fault(
        &self,
        ids: &[u32],
        lengths: &[u32],
        rules: ImageRules,
    ) -> Option<RowFault> {
        let found = runs(ids, lengths, rules.token);
        for (run, grid) in found.zip(self.shown()) {
            let expected = tokens(grid, rules.merge);
            if run.len() as u64 == expected {
                continue;
            }
            let goes_on = ids.get(run.end) == Some(&rules.token);
            let (at, found) = (run.start, run.len());
            if goes_on && (found as u64) < expected {
                return Some(RowFault::ImageAcross { at });
            }
            return Some(RowFault::ImageRun {
                at,
                found,
                expected,
            });
        }
        let (runs, placeholders) = (runs(ids, lengths, rules.token).count(), self.placeholders());
        (runs != placeholders).then_some(RowFault::ImageRuns { runs, placeholders })
    }
}

fn sides(grid: &[u8; GRID * ENTRY]) -> [u32; GRID] {
    let mut sides = numbers(grid);
    [(); GRID].map(|()| sides.next().unwrap_or_default())
}

/// Tokens that stand for an image of this grid.
fn tokens([t, h, w]: [u32; GRID], merge: u32) -> u64 {
    let along = |side: u32| u64::from(side.checked_div(merge).unwrap_or_default());
    u64::from(t).saturating_mul(along(h) * along(w))
}

/// The tokens of each placeholder: runs of `token`, which end where a document does.
pub(super) fn runs(ids: &[u32], lengths: &[u32], token: u32) -> impl Iterator<Item = Range<usize>> {
    documents(lengths).flat_map(move |document| runs_of(ids, document, token))
}

/// The tokens of each document.
pub(super) fn documents(lengths: &[u32]) -> impl Iterator<Item = Range<usize>> {
    lengths.iter().scan(0_usize, |begin, &length| {
        let end = begin.saturating_add(length as usize);
        Some(std::mem::replace(begin, end)..end)
    })
}

/// The runs of `token` in one document.
pub(super) fn runs_of(
    ids: &[u32],
    document: Range<usize>,
    token: u32,
) -> impl Iterator<Item = Range<usize>> {
    let end = document.end.min(ids.len());
    let mut at = document.start;
    std::iter::from_fn(move || {
        let from = at + ids.get(at..end)?.iter().position(|&id| id == token)?;
        let other = ids.get(from..end)?.iter().position(|&id| id != token);
        at = other.map_or(end, |length| from + length);
        Some(from..at)
    })
}

fn numbers(column: &[u8]) -> impl Iterator<Item = u32> {
    let entries = column.as_chunks::<ENTRY>().0;
    entries.iter().map(|&entry| u32::from_le_bytes(entry))
}
