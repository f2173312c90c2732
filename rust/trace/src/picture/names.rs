//! Names of columns: those that say that pictures are in one, and those that suggest it.

/// Names of columns that hold pictures, without numbers at their end.
const COLUMN_NAMES: [&str; 48] = [
    "image",
    "images",
    "img",
    "imgs",
    "pic",
    "pics",
    "picture",
    "pictures",
    "photo",
    "photos",
    "figure",
    "figures",
    "fig",
    "jpg",
    "jpeg",
    "png",
    "image_path",
    "image_paths",
    "image_file",
    "image_files",
    "image_name",
    "image_names",
    "image_url",
    "image_urls",
    "image_filename",
    "img_path",
    "img_paths",
    "img_name",
    "img_url",
    "img_file",
    "figure_path",
    "figure_name",
    "picture_path",
    "image_bytes",
    "image_data",
    "image_base64",
    "pixel_values",
    "decoded_image",
    "dicom",
    "dicom_path",
    "video",
    "videos",
    "video_path",
    "video_url",
    "audio",
    "audios",
    "audio_path",
    "scan_path",
];
/// Words in a name that are a reason to look: what a row holds is read from its values.
const WORDS: [&str; 38] = [
    "bmp",
    "dcm",
    "dicom",
    "fig",
    "figs",
    "figure",
    "figures",
    "frame",
    "frames",
    "gif",
    "image",
    "images",
    "img",
    "imgs",
    "jpeg",
    "jpg",
    "photo",
    "photos",
    "pic",
    "pics",
    "picture",
    "pictures",
    "pixel",
    "pixels",
    "png",
    "radiograph",
    "radiographs",
    "scan",
    "scans",
    "screenshot",
    "thumbnail",
    "tif",
    "tiff",
    "video",
    "videos",
    "webp",
    "xray",
    "xrays",
];

/// Whether a column's name alone says that pictures are in it.
pub(crate) fn is_column_name(name: &str) -> bool {
    let name = name.trim_end_matches(|last: char| last.is_ascii_digit() || last == '_');
    COLUMN_NAMES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a column's name has a word for pictures: `image_0`, `imgPath`, `Figure_path`.
pub(crate) fn suggests_pictures(name: &str) -> bool {
    let letters = name.split(|sign: char| !sign.is_ascii_alphabetic());
    letters.into_iter().any(|run| {
        let is_word = |text: &str| WORDS.iter().any(|word| word.eq_ignore_ascii_case(text));
        is_word(run) || camel_case_words(run).any(is_word)
    })
}

/// The words of letters without anything between them: a capital begins one, and so does the last of several before
/// a small letter.
fn camel_case_words(run: &str) -> impl Iterator<Item = &str> {
    let bytes = run.as_bytes();
    let begins = |&at: &usize| {
        let small = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_lowercase);
        at > 0 && bytes[at].is_ascii_uppercase() && (small(at - 1) || small(at + 1))
    };
    let starts: Vec<usize> = std::iter::once(0)
        .chain((0..run.len()).filter(begins))
        .chain(std::iter::once(run.len()))
        .collect();
    (1..starts.len()).map(move |word| &run[starts[word - 1]..starts[word]])
}

#[cfg(test)]
mod tests {
    use super::{camel_case_words, suggests_pictures};

    #[test]
    fn capitals_begin_words() {
        let words = |run| camel_case_words(run).collect::<Vec<_>>();
        assert_eq!(words("imgPath"), ["img", "Path"]);
        assert_eq!(words("XMLImage"), ["XML", "Image"]);
        assert_eq!(words("imageURL"), ["image", "URL"]);
        assert_eq!(words("IMAGE"), ["IMAGE"]);
        assert_eq!(words(""), [""]);
    }

    #[test]
    fn a_word_for_pictures_is_a_reason_to_look() {
        for name in [
            "image_0",
            "imgPath",
            "Figure_path",
            "IMAGE",
            "scan-2",
            "DICOMFile",
            "x.png",
        ] {
            assert!(suggests_pictures(name), "{name}");
        }
        for name in [
            "",
            "imagine",
            "configure",
            "question",
            "capture",
            "Complex_CoT",
        ] {
            assert!(!suggests_pictures(name), "{name}");
        }
    }
}
