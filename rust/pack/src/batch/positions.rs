//! Positions of tokens in their documents: plain ones, and the three rows that images have.

use super::images::{documents, runs_of};
use super::row::PackRow;

/// Writes the rows of time, height and width for the documents of `row` that show images; the other documents'
/// are equal to the plain row, and stay as they are.
///
/// A token of text takes the next position in all three rows. An image of `h` × `w` merged patches begins at the
/// next position, too: its tokens have that as their time, and lie below and right of it by their row and
/// column. What follows begins after the larger of the two sides.
pub(super) fn write_image_positions(
    row: &PackRow<'_>,
    token: u32,
    merge: u32,
    [times, heights, widths]: [&mut [i64]; 3],
) {
    let mut shown = row.images.shown();
    for document in documents(row.lengths) {
        let (mut at, mut next) = (document.start, 0_i64);
        for run in runs_of(row.input_ids, document.clone(), token) {
            let Some([_, h, w]) = shown.next() else {
                return; // a checked row has an image for every run
            };
            for positions in [&mut *times, &mut *heights, &mut *widths] {
                ascend(&mut positions[at..run.start], next);
            }
            next += (run.start - at) as i64;
            let (rows, columns) = (i64::from(h / merge), i64::from(w / merge));
            times[run.clone()].fill(next);
            let places = (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x)));
            let here = heights[run.clone()]
                .iter_mut()
                .zip(&mut widths[run.clone()]);
            for ((height, width), (y, x)) in here.zip(places) {
                (*height, *width) = (next + y, next + x);
            }
            next += rows.max(columns);
            at = run.end;
        }
        if at > document.start {
            for positions in [&mut *times, &mut *heights, &mut *widths] {
                ascend(&mut positions[at..document.end], next);
            }
        }
    }
}

/// Writes ascending positions from `first` on.
pub(super) fn ascend(positions: &mut [i64], first: i64) {
    for (position, to) in (first..).zip(positions) {
        *to = position;
    }
}
