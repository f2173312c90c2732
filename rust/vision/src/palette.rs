//! Samples of a few bits, and the colours that they stand for.

use crate::samples::Samples;

/// Samples of 1, 2, 4 or 8 bits, one a byte, of rows of `stride` bytes.
pub(crate) fn unpack(data: &[u8], width: usize, depth: usize, stride: usize) -> Vec<u8> {
    let depth = depth.clamp(1, 8);
    let each = 8 / depth;
    let mask = u8::MAX >> (8 - depth);
    let mut samples = Vec::with_capacity(width * (data.len() / stride.max(1)));
    for row in data.chunks_exact(stride.max(1)) {
        if depth == 8 {
            samples.extend_from_slice(&row[..width.min(row.len())]);
        } else {
            samples
                .extend((0..width).map(|x| (row[x / each] >> (8 - depth * (x % each + 1))) & mask));
        }
    }
    samples
}

/// Colours by index; an index beyond the palette is black, as Pillow has it.
pub(crate) fn coloured(indices: &[u8], palette: &[u8], alpha: Option<&[u8]>) -> Samples {
    let mut colours = [[0, 0, 0, 255]; 256];
    for (entry, colour) in colours.iter_mut().zip(palette.chunks_exact(3)) {
        entry[..3].copy_from_slice(colour);
    }
    let Some(alpha) = alpha else {
        return Samples::Rgb(
            indices
                .iter()
                .flat_map(|index| first_three(colours[usize::from(*index)]))
                .collect(),
        );
    };
    for (entry, alpha) in colours.iter_mut().zip(alpha) {
        entry[3] = *alpha;
    }
    Samples::Rgba(
        indices
            .iter()
            .flat_map(|index| colours[usize::from(*index)])
            .collect(),
    )
}

fn first_three([red, green, blue, _]: [u8; 4]) -> [u8; 3] {
    [red, green, blue]
}
