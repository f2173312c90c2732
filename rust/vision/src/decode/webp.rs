//! WebP by the crate `image-webp`.
//!
//! The first frame is taken out of its container and decoded by itself, so that nothing depends on what the container
//! claims; then it is put on the canvas.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};

use crate::error::{Fault, ImageError};
use crate::format::Header;
use crate::riff::{Chunk, canvas, chunks, file, frame_size, u24};
use crate::samples::Samples;

/// Of the flags of a container: it has transparency.
const ALPHA: u8 = 0x10;

pub(super) fn decode(bytes: &[u8], header: &Header) -> Result<Samples, ImageError> {
    let inside = file(bytes).ok_or_else(|| damaged("it is shorter than it says"))?;
    let frame = first_frame(inside).ok_or_else(|| damaged("it has no frame"))?;
    if frame.right() > header.width || frame.bottom() > header.height {
        return Err(damaged("its frame is larger than its canvas"));
    }
    let mut samples = alone(&frame)?;
    // The container's word counts: without it libwebp takes no alpha from a frame.
    let whole = chunks(inside).next().filter(|chunk| &chunk.name == b"VP8X");
    let opaque = whole
        .and_then(|chunk| canvas(chunk.body))
        .is_some_and(|(flags, ..)| flags & ALPHA == 0);
    if (frame.width, frame.height) == (header.width, header.height) {
        return Ok(if opaque {
            without_alpha(samples)
        } else {
            samples
        });
    }
    if !frame.animated {
        return Err(damaged("its frame is smaller than its canvas"));
    }
    samples = on_canvas(samples, &frame, header);
    Ok(if opaque {
        without_alpha(samples)
    } else {
        samples
    })
}

fn without_alpha(mut samples: Samples) -> Samples {
    if let Samples::Rgba(pixels) = &mut samples {
        pixels
            .iter_mut()
            .skip(3)
            .step_by(4)
            .for_each(|alpha| *alpha = 255);
    }
    samples
}

fn damaged(what: &str) -> ImageError {
    ImageError::new(Fault::Damaged, format!("the webp file is damaged: {what}"))
}

/// A frame: where it stands, and its chunks.
struct Frame<'a> {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    animated: bool,
    alpha: Option<Chunk<'a>>,
    image: Chunk<'a>,
}

impl Frame<'_> {
    fn right(&self) -> u32 {
        self.left.saturating_add(self.width)
    }

    fn bottom(&self) -> u32 {
        self.top.saturating_add(self.height)
    }
}

fn first_frame(inside: &[u8]) -> Option<Frame<'_>> {
    let animation = chunks(inside).find(|chunk| &chunk.name == b"ANMF");
    match animation {
        Some(chunk) => {
            let frame = frame_in(chunk.body.get(16..)?)?;
            let (left, top) = (2 * u24(chunk.body, 0)?, 2 * u24(chunk.body, 3)?);
            let said = (u24(chunk.body, 6)? + 1, u24(chunk.body, 9)? + 1);
            (said == (frame.width, frame.height)).then_some(Frame {
                left,
                top,
                animated: true,
                ..frame
            })
        }
        None => frame_in(inside),
    }
}

fn frame_in(bytes: &[u8]) -> Option<Frame<'_>> {
    let image = chunks(bytes).find(|chunk| matches!(&chunk.name, b"VP8 " | b"VP8L"))?;
    let alpha = chunks(bytes)
        .take_while(|chunk| chunk.name != image.name)
        .find(|chunk| &chunk.name == b"ALPH");
    let (width, height) = frame_size(image)?;
    let alpha = alpha.filter(|_| &image.name == b"VP8 ");
    Some(Frame {
        left: 0,
        top: 0,
        width,
        height,
        animated: false,
        alpha,
        image,
    })
}

/// The file that has only this frame; `None` where it would be longer than a file of this format can say.
fn file_of(frame: &Frame) -> Option<Vec<u8>> {
    let mut chunks = Vec::new();
    if let Some(alpha) = frame.alpha {
        chunks.extend_from_slice(b"VP8X\x0A\0\0\0");
        chunks.extend_from_slice(&[ALPHA, 0, 0, 0]);
        chunks.extend_from_slice(&(frame.width - 1).to_le_bytes()[..3]);
        chunks.extend_from_slice(&(frame.height - 1).to_le_bytes()[..3]);
        push(&mut chunks, alpha);
    }
    push(&mut chunks, frame.image);
    let length = u32::try_from(chunks.len() + 4).ok()?;
    Some([b"RIFF".as_slice(), &length.to_le_bytes(), b"WEBP", &chunks].concat())
}

fn push(bytes: &mut Vec<u8>, chunk: Chunk) {
    bytes.extend_from_slice(chunk.whole);
    bytes.resize(bytes.len() + bytes.len() % 2, 0);
}

fn alone(frame: &Frame) -> Result<Samples, ImageError> {
    let file = file_of(frame).ok_or_else(|| damaged("its size"))?;
    let mut decoder = WebPDecoder::new(Cursor::new(file)).map_err(|error| fault(&error))?;
    if decoder.dimensions() != (frame.width, frame.height) {
        return Err(damaged("its size"));
    }
    let size = decoder
        .output_buffer_size()
        .ok_or_else(|| damaged("its size"))?;
    let mut pixels = vec![0; size];
    decoder
        .read_image(&mut pixels)
        .map_err(|error| fault(&error))?;
    Ok(if decoder.has_alpha() {
        Samples::Rgba(pixels)
    } else {
        Samples::Rgb(pixels)
    })
}

fn fault(error: &DecodingError) -> ImageError {
    match error {
        DecodingError::MemoryLimitExceeded | DecodingError::ImageTooLarge => ImageError::new(
            Fault::TooLarge,
            "the webp file wants more memory than its pixels do",
        ),
        other => damaged(&other.to_string()),
    }
}

/// What the frame leaves free is transparent black, as libwebp has it.
fn on_canvas(samples: Samples, frame: &Frame, header: &Header) -> Samples {
    let (pixels, step) = match samples {
        Samples::Rgba(pixels) => (pixels, 4),
        Samples::Rgb(pixels) => (pixels, 3),
        other => return other,
    };
    let (width, height) = (header.width as usize, header.height as usize);
    let mut canvas = vec![0; 4 * width * height];
    for (y, row) in pixels.chunks_exact(step * frame.width as usize).enumerate() {
        let at = 4 * ((frame.top as usize + y) * width + frame.left as usize);
        for (to, pixel) in canvas[at..].chunks_exact_mut(4).zip(row.chunks_exact(step)) {
            to[..step].copy_from_slice(pixel);
            if step == 3 {
                to[3] = 255;
            }
        }
    }
    Samples::Rgba(canvas)
}
