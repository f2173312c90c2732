//! An image turned as its orientation says.

/// Turns `width` × `height` RGB pixels by an orientation of EXIF; width and height of the result come with them.
pub(crate) fn upright(
    pixels: Vec<u8>,
    width: usize,
    height: usize,
    orientation: u8,
) -> (Vec<u8>, usize, usize) {
    // Where the pixel at row `y`, column `x` of the result is stored.
    let (right, bottom) = (width - 1, height - 1);
    match orientation {
        2 => (
            gather(&pixels, width, width, height, |y, x| (y, right - x)),
            width,
            height,
        ),
        3 => (
            gather(&pixels, width, width, height, |y, x| {
                (bottom - y, right - x)
            }),
            width,
            height,
        ),
        4 => (
            gather(&pixels, width, width, height, |y, x| (bottom - y, x)),
            width,
            height,
        ),
        5 => (
            gather(&pixels, width, height, width, |y, x| (x, y)),
            height,
            width,
        ),
        6 => (
            gather(&pixels, width, height, width, |y, x| (bottom - x, y)),
            height,
            width,
        ),
        7 => (
            gather(&pixels, width, height, width, |y, x| {
                (bottom - x, right - y)
            }),
            height,
            width,
        ),
        8 => (
            gather(&pixels, width, height, width, |y, x| (x, right - y)),
            height,
            width,
        ),
        _ => (pixels, width, height),
    }
}

fn gather(
    pixels: &[u8],
    stride: usize,
    width: usize,
    height: usize,
    stored: impl Fn(usize, usize) -> (usize, usize),
) -> Vec<u8> {
    let mut turned = Vec::with_capacity(pixels.len());
    for y in 0..height {
        for x in 0..width {
            let (row, column) = stored(y, x);
            let at = 3 * (row * stride + column);
            turned.extend_from_slice(&pixels[at..at + 3]);
        }
    }
    turned
}
