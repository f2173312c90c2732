//! Metadata of TIFF files.

use crate::exif::{entries, tiff_start};

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
