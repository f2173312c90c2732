//! What the samples of a TIFF page are, and which pages are not read.

use crate::tiff_page::Page;

/// What the samples of a pixel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Gray { white_is_zero: bool },
    Palette,
    Rgb,
    Ink,
}

/// The meaning of a page's samples; `Err` says what about it is not read.
pub(crate) fn meaning(page: &Page) -> Result<Meaning, String> {
    let (meaning, colours) = match page.photometric {
        0 | 1 => (
            Meaning::Gray {
                white_is_zero: page.photometric == 0,
            },
            1,
        ),
        2 => (Meaning::Rgb, 3),
        3 => (Meaning::Palette, 1),
        5 => (Meaning::Ink, 4),
        6 if page.compression == 7 => (Meaning::Rgb, 3),
        other => return Err(format!("of photometric interpretation {other}")),
    };
    if !possible(page, meaning, colours) {
        return Err(format!(
            "of {} bits and sample format {}",
            page.bits, page.sample_format
        ));
    }
    if page.samples < colours || page.samples > colours + 4 {
        return Err(format!("of {} samples a pixel", page.samples));
    }
    if page.planar && !page.bits.is_multiple_of(8) {
        return Err(format!("of planes of {} bits", page.bits));
    }
    storage(page).map(|()| meaning)
}

/// Whether samples have as many bits, and of the kind, as their meaning allows.
fn possible(page: &Page, meaning: Meaning, colours: u32) -> bool {
    let depth = match (meaning, page.samples) {
        (Meaning::Gray { .. }, 1) => matches!(page.bits, 1 | 2 | 4 | 8 | 12 | 16),
        (Meaning::Palette, 1) => matches!(page.bits, 1 | 2 | 4 | 8),
        (Meaning::Palette, _) => page.bits == 8,
        _ => matches!(page.bits, 8 | 16),
    };
    // Signed samples have a meaning only to a window. 4 is `undefined`, which readers take for 1.
    let format = match page.sample_format {
        1 | 4 => true,
        2 => page.bits == 16 && colours == 1,
        _ => false,
    };
    depth && format && page.even_bits
}

fn storage(page: &Page) -> Result<(), String> {
    match (page.compression, page.predictor) {
        (7, _) if page.bits != 8 => Err(format!("with JPEG of {} bits", page.bits)),
        (1 | 7 | 32_773, _) => Ok(()),
        (5 | 8 | 32_946, 1) => Ok(()),
        (5 | 8 | 32_946, 2) if page.bits.is_multiple_of(8) => Ok(()),
        (5 | 8 | 32_946, other) => Err(format!("with predictor {other} of {} bits", page.bits)),
        (2..=4, _) => Err("with the compression of fax (CCITT)".to_owned()),
        (6, _) => Err("with the old form of JPEG".to_owned()),
        (33_003 | 33_005 | 34_712, _) => Err("with JPEG 2000".to_owned()),
        (other, _) => Err(format!("with compression {other}")),
    }
}
