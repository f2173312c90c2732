//! JPEG by mozjpeg's decoder, whose pixels are those of libjpeg-turbo, bit for bit.
//!
//! The library reports through callbacks. Ours unwind out of it at the first sign of damage, which it is compiled for
//! (`C-unwind`, `-fexceptions`), so that neither a cut file nor one that claims much costs more than what is there.

use std::ffi::{c_int, c_long};
use std::mem::{size_of, zeroed};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use mozjpeg_sys as library;
use mozjpeg_sys::{J_COLOR_SPACE, jpeg_common_struct, jpeg_decompress_struct};

use crate::error::{Fault, ImageError};
use crate::samples::Samples;

/// More scans than any encoder writes; each costs time over all pixels.
const MOST_SCANS: c_int = 64;
const ROWS: usize = 8;

/// What three channels are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    /// What the file's markers tell.
    Told,
    /// Brightness and colour differences, as the file around it says.
    YCbCr,
    /// Red, green and blue, as the file around it says.
    Rgb,
}

/// Decodes a JPEG file of at most so many pixels.
pub(crate) fn decode_within(
    bytes: &[u8],
    colour: Colour,
    most_pixels: u64,
) -> Result<Samples, ImageError> {
    caught(|| Decompressor::new(bytes).run(colour, most_pixels))
}

/// Hands out the rows of a JPEG file of at most so many pixels, a few at a time, in red, green and blue, and keeps none.
/// Tells whether it did: a file of ink is left to [`decode_within`].
pub(crate) fn each_rgb_rows(
    bytes: &[u8],
    most_pixels: u64,
    each: impl FnMut(&[u8]),
) -> Result<bool, ImageError> {
    caught(|| Decompressor::new(bytes).each_rgb_rows(most_pixels, each))
}

/// Does what calls the library, whose callbacks unwind.
fn caught<T>(work: impl FnOnce() -> Result<T, ImageError>) -> Result<T, ImageError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result,
        Err(thrown) => match thrown.downcast::<ImageError>() {
            Ok(error) => Err(*error),
            Err(other) => resume_unwind(other),
        },
    }
}

/// The library's state and the records that it points to.
struct State {
    info: jpeg_decompress_struct,
    error: library::jpeg_error_mgr,
    source: library::jpeg_source_mgr,
    progress: library::jpeg_progress_mgr,
}

/// The state, at a place of its own: the library keeps pointers into it.
struct Decompressor(*mut State);

impl Decompressor {
    fn new(bytes: &[u8]) -> Self {
        // SAFETY: all four are plain C records, for which zeros are valid: numbers, null pointers and absent functions.
        let own = Self(Box::into_raw(Box::new(unsafe { zeroed::<State>() })));
        // SAFETY: the pointer is of the box above, and nothing else refers to it yet.
        let state = unsafe { &mut *own.0 };
        set_callbacks(state);
        state.source.next_input_byte = bytes.as_ptr();
        state.source.bytes_in_buffer = bytes.len();
        state.info.common.err = &raw mut state.error;
        // SAFETY: the record is of the size that is named, and its error record is complete.
        unsafe {
            library::jpeg_CreateDecompress(
                &raw mut state.info,
                library::JPEG_LIB_VERSION,
                size_of::<jpeg_decompress_struct>(),
            );
        }
        state.info.src = &raw mut state.source;
        state.info.common.progress = &raw mut state.progress;
        state.info.common.client_data = own.0.cast();
        own
    }

    fn run(&mut self, colour: Colour, most_pixels: u64) -> Result<Samples, ImageError> {
        // SAFETY: the calls come in the order that the library wants, on a state that it made; rows are as long as it says.
        unsafe {
            let info = self.with_header(most_pixels)?;
            begin(info, colour)?;
            let pixels = all_rows(info);
            library::jpeg_finish_decompress(info);
            Ok(match info.num_components {
                1 => Samples::Gray(pixels),
                3 => Samples::Rgb(pixels),
                _ => Samples::Cmyk(of_ink(pixels)),
            })
        }
    }

    fn each_rgb_rows(
        &mut self,
        most_pixels: u64,
        mut each: impl FnMut(&[u8]),
    ) -> Result<bool, ImageError> {
        // SAFETY: as above.
        unsafe {
            let info = self.with_header(most_pixels)?;
            let is_gray = info.num_components == 1;
            if !is_gray && info.num_components != 3 {
                return Ok(false);
            }
            begin(info, Colour::Told)?;
            let stride = stride(info);
            let (mut few, mut spread) = (vec![0; ROWS * stride], Vec::new());
            while info.output_scanline < info.output_height {
                let read = read_rows(info, &mut few, stride) * stride;
                if is_gray {
                    spread.clear();
                    spread.extend(few[..read].iter().flat_map(|value| [*value; 3]));
                    each(&spread);
                } else {
                    each(&few[..read]);
                }
            }
            library::jpeg_finish_decompress(info);
            Ok(true)
        }
    }

    /// The library's record, once it has read the header of a file of at most so many pixels.
    ///
    /// # Safety
    /// It is the first call.
    unsafe fn with_header(
        &mut self,
        most_pixels: u64,
    ) -> Result<&mut jpeg_decompress_struct, ImageError> {
        // SAFETY: the state was made by `new`.
        let info = unsafe { &mut (*self.0).info };
        // SAFETY: a decompressor that has read nothing.
        unsafe { library::jpeg_read_header(info, 1) };
        if u64::from(info.image_width) * u64::from(info.image_height) > most_pixels {
            return Err(damaged("more pixels than the header says"));
        }
        Ok(info)
    }
}

/// Begins to decompress.
///
/// # Safety
/// The header was read.
unsafe fn begin(info: &mut jpeg_decompress_struct, colour: Colour) -> Result<(), ImageError> {
    set_colours(info, colour)?;
    // SAFETY: the header was read.
    unsafe {
        library::jpeg_start_decompress(info);
        all_channels(info)
    }
}

/// Bytes of a row.
fn stride(info: &jpeg_decompress_struct) -> usize {
    info.output_width as usize * info.output_components as usize
}

impl Drop for Decompressor {
    fn drop(&mut self) {
        // SAFETY: the pointer is of a box. Destroying the state after an error, too, is what the library asks for.
        unsafe {
            library::jpeg_destroy_decompress(&mut (*self.0).info);
            drop(Box::from_raw(self.0));
        }
    }
}

fn set_callbacks(state: &mut State) {
    state.error.error_exit = Some(fail);
    state.error.emit_message = Some(warn);
    state.error.output_message = Some(ignore);
    state.error.reset_error_mgr = Some(ignore);
    state.source.init_source = Some(nothing);
    state.source.fill_input_buffer = Some(at_end);
    state.source.skip_input_data = Some(skip);
    state.source.resync_to_restart = Some(no_restart);
    state.source.term_source = Some(nothing);
    state.progress.progress_monitor = Some(count_scans);
}

/// Says what the channels are to become, and what they are where the file around knows better.
fn set_colours(info: &mut jpeg_decompress_struct, colour: Colour) -> Result<(), ImageError> {
    info.out_color_space = match info.num_components {
        1 => J_COLOR_SPACE::JCS_GRAYSCALE,
        3 => J_COLOR_SPACE::JCS_RGB,
        4 => J_COLOR_SPACE::JCS_CMYK,
        count => {
            return Err(ImageError::new(
                Fault::Kind,
                format!("a JPEG of {count} channels"),
            ));
        }
    };
    match colour {
        Colour::Rgb if info.num_components == 3 => info.jpeg_color_space = J_COLOR_SPACE::JCS_RGB,
        Colour::YCbCr if info.num_components == 3 => {
            info.jpeg_color_space = J_COLOR_SPACE::JCS_YCbCr
        }
        _ => {}
    }
    Ok(())
}

/// Reads all rows.
///
/// # Safety
/// Decompression was begun.
unsafe fn all_rows(info: &mut jpeg_decompress_struct) -> Vec<u8> {
    let stride = stride(info);
    let mut pixels = vec![0; stride * info.output_height as usize];
    while info.output_scanline < info.output_height {
        let done = info.output_scanline as usize;
        // SAFETY: decompression was begun.
        unsafe { read_rows(info, &mut pixels[done * stride..], stride) };
    }
    pixels
}

/// Reads the next rows, [`ROWS`] at most and as many as fit; how many these were.
///
/// # Safety
/// Decompression was begun.
unsafe fn read_rows(info: &mut jpeg_decompress_struct, into: &mut [u8], stride: usize) -> usize {
    let mut rows = [std::ptr::null_mut::<u8>().cast_const(); ROWS];
    let mut count = 0;
    for (row, piece) in rows.iter_mut().zip(into.chunks_exact_mut(stride)) {
        *row = piece.as_mut_ptr();
        count += 1;
    }
    // SAFETY: `count` pointers, each to a row of its own of the output's width.
    unsafe { library::jpeg_read_scanlines(info, rows.as_mut_ptr().cast(), count) as usize }
}

/// Refuses a file whose scans leave a channel out: of a cut file with an end put to it.
///
/// # Safety
/// Decompression was begun.
unsafe fn all_channels(info: &jpeg_decompress_struct) -> Result<(), ImageError> {
    let count =
        usize::try_from(info.num_components).map_err(|_| damaged("its number of channels"))?;
    // SAFETY: the library keeps this many records there.
    let channels = unsafe { std::slice::from_raw_parts(info.comp_info, count) };
    // The first scan of a channel is where it gets its table.
    if channels.iter().any(|channel| channel.quant_table.is_null()) {
        return Err(damaged("no scan of a channel"));
    }
    Ok(())
}

/// Adobe's files say light where ink is meant, and Pillow takes all for Adobe's.
fn of_ink(mut pixels: Vec<u8>) -> Vec<u8> {
    for value in &mut pixels {
        *value = 255 - *value;
    }
    pixels
}

fn damaged(what: &str) -> ImageError {
    ImageError::new(Fault::Damaged, format!("the jpeg file is damaged: {what}"))
}

fn throw(error: ImageError) -> ! {
    // Unlike a panic this prints nothing, and calls no hook.
    resume_unwind(Box::new(error))
}

/// The message that the library is about to tell.
fn code(info: &jpeg_common_struct) -> c_int {
    // SAFETY: the error record is set before the library is called, and lives as long as its state.
    unsafe { (*info.err).msg_code }
}

unsafe extern "C-unwind" fn fail(info: &mut jpeg_common_struct) {
    throw(match code(info) {
        library::JERR_OUT_OF_MEMORY => {
            ImageError::new(Fault::TooLarge, "no memory for the jpeg file")
        }
        library::JERR_BAD_PRECISION => ImageError::new(Fault::Kind, "a JPEG of more than 8 bits"),
        library::JERR_SOF_UNSUPPORTED => {
            ImageError::new(Fault::Kind, "a JPEG without loss, or of layers")
        }
        library::JERR_CONVERSION_NOTIMPL => {
            ImageError::new(Fault::Kind, "a JPEG of unknown channels")
        }
        other => damaged(&format!("libjpeg's error {other}")),
    })
}

/// Warnings that harm no pixel; any other is damage.
const HARMLESS: [c_int; 4] = [
    library::JWRN_ADOBE_XFORM,
    library::JWRN_EXTRANEOUS_DATA,
    library::JWRN_JFIF_MAJOR,
    library::JWRN_NOT_SEQUENTIAL,
];

unsafe extern "C-unwind" fn warn(info: &mut jpeg_common_struct, level: c_int) {
    let code = code(info);
    // From 0 on it is chatter.
    if level >= 0 || HARMLESS.contains(&code) {
        return;
    }
    throw(damaged(match code {
        library::JWRN_HIT_MARKER => "a scan ends before its pixels",
        library::JWRN_HUFF_BAD_CODE => "a code that is in no table",
        library::JWRN_BOGUS_PROGRESSION => "scans that do not follow from each other",
        _ => "its data are corrupt",
    }));
}

unsafe extern "C-unwind" fn ignore(_: &mut jpeg_common_struct) {}

unsafe extern "C-unwind" fn nothing(_: &mut jpeg_decompress_struct) {}

unsafe extern "C-unwind" fn at_end(_: &mut jpeg_decompress_struct) -> c_int {
    throw(damaged("it ends before its end marker"))
}

unsafe extern "C-unwind" fn no_restart(_: &mut jpeg_decompress_struct, _: c_int) -> c_int {
    throw(damaged("a restart marker is not where it belongs"))
}

unsafe extern "C-unwind" fn skip(info: &mut jpeg_decompress_struct, count: c_long) {
    let Ok(count) = usize::try_from(count) else {
        return;
    };
    // SAFETY: the source record is set before the library reads.
    let source = unsafe { &mut *info.src };
    if count > source.bytes_in_buffer {
        throw(damaged("it ends before its end marker"));
    }
    // SAFETY: so many bytes are left.
    source.next_input_byte = unsafe { source.next_input_byte.add(count) };
    source.bytes_in_buffer -= count;
}

unsafe extern "C-unwind" fn count_scans(info: &mut jpeg_common_struct) {
    // SAFETY: `client_data` points to the state itself.
    let scan = unsafe { (*info.client_data.cast::<State>()).info.input_scan_number };
    if scan > MOST_SCANS {
        throw(ImageError::new(
            Fault::TooLarge,
            format!("a JPEG of more than {MOST_SCANS} scans"),
        ));
    }
}
