//! The formats that are read, and what a file's header says.

/// A format of image files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JPEG: baseline, extended, progressive, Huffman or arithmetic coding.
    Jpeg,
    /// PNG; of an animation its default image.
    Png,
    /// WebP, lossy and lossless; of an animation the first frame.
    WebP,
    /// GIF; of an animation the first frame.
    Gif,
    /// BMP.
    Bmp,
    /// TIFF; the first page.
    Tiff,
}

impl Format {
    /// Its name in tables and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Gif => "gif",
            Self::Bmp => "bmp",
            Self::Tiff => "tiff",
        }
    }
}

/// What an image file says before its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The format, by content.
    pub format: Format,
    /// Pixels in a row, as stored.
    pub width: u32,
    /// Rows, as stored.
    pub height: u32,
    /// How the stored image is turned, 1 to 8 as EXIF numbers them.
    pub orientation: u8,
    /// Whether it has 16 bits of grey.
    pub gray16: bool,
}

impl Header {
    /// Height and width as a reader sees them.
    #[must_use]
    pub fn upright(&self) -> (u32, u32) {
        if self.orientation >= 5 {
            (self.width, self.height)
        } else {
            (self.height, self.width)
        }
    }

    /// Pixels of the image.
    #[must_use]
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}
