//! An image turned as its orientation says.

/// Turns `width` × `height` RGB pixels by an orientation of EXIF.
pub(crate) fn upright(pixels: Vec<u8>, width: usize, height: usize, orientation: u8) -> Vec<u8> {
    let (right, bottom) = (width - 1, (height - 1) * width);
    // Which stored pixel is the first, and how far away are the next ones of its row and its column.
    let (first, across, down) = match orientation {
        2 => (right, Step::Back(1), Step::On(width)),
        3 => (bottom + right, Step::Back(1), Step::Back(width)),
        4 => (bottom, Step::On(1), Step::Back(width)),
        5 => (0, Step::On(width), Step::On(1)),
        6 => (bottom, Step::Back(width), Step::On(1)),
        7 => (bottom + right, Step::Back(width), Step::Back(1)),
        8 => (right, Step::On(width), Step::Back(1)),
        _ => return pixels,
    };
    let (rows, columns) = if orientation >= 5 {
        (width, height)
    } else {
        (height, width)
    };
    let mut turned = Vec::with_capacity(pixels.len());
    for y in 0..rows {
        let begin = down.from(first, y);
        for x in 0..columns {
            let at = 3 * across.from(begin, x);
            turned.extend_from_slice(&pixels[at..at + 3]);
        }
    }
    turned
}

/// A distance in pixels, and its direction.
#[derive(Clone, Copy)]
enum Step {
    On(usize),
    Back(usize),
}

impl Step {
    fn from(self, begin: usize, count: usize) -> usize {
        match self {
            Self::On(distance) => begin + count * distance,
            Self::Back(distance) => begin - count * distance,
        }
    }
}
