//! Rows with images through the scan, against what their files and texts say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use octomed_files::Access;
use octomed_index::{BlockIndex, BlockRef, Header, Needs, part_path, read_index, verify_block};
use octomed_text::{Prompt, Supervise, Template, Tokenizer};
use octomed_trace::{Block, JsonLinesCutter, Mapping, Numbering};
use octomed_vision::{Codec, DecodeRules, Image, decode, encode, resize};
use xxhash_rust::xxh3::xxh3_64;

use crate::block::BlockOrigin;
use crate::decoding_ahead::RowsAhead;
use crate::ids::unpack_ids;
use crate::image_reading::Images;
use crate::image_settings::tests::RECIPE;
use crate::{ImageSettings, Scanner, changed_image_files};

const PAD: u32 = 151_655;
const QUESTION: &str = r#"{"question": "q", "images": "i", "responses": "r"}"#;
const TURNS: &str = r#"{"messages": "messages", "images": "i"}"#;

/// An image of noise, so that it is as large as its pixels.
fn noise(height: u32, width: u32, seed: u32) -> Image {
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    let pixels = (0..3 * height * width).map(|_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    });
    Image {
        width,
        height,
        pixels: pixels.collect(),
    }
}

fn png(height: u32, width: u32, seed: u32) -> Vec<u8> {
    encode(&noise(height, width, seed), Codec::Png).unwrap()
}

/// A folder of images, and one of blocks.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(files: &[(&str, Vec<u8>)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("images")).unwrap();
        std::fs::create_dir(folder.path().join("blocks")).unwrap();
        let place = Self { folder };
        for (name, bytes) in files {
            std::fs::write(place.images().join(name), bytes).unwrap();
        }
        place
    }

    fn images(&self) -> std::path::PathBuf {
        self.folder.path().join("images")
    }

    fn blocks(&self) -> std::path::PathBuf {
        self.folder.path().join("blocks")
    }

    /// Settings of images, with words of the recipe changed.
    fn settings(&self, changes: &[(&str, &str)]) -> ImageSettings {
        let root = format!("{:?}", self.images());
        let mut json = RECIPE.replace("null", &root);
        for (word, other) in changes {
            assert!(json.contains(word), "{word}");
            json = json.replace(word, other);
        }
        ImageSettings::from_json(&json).unwrap()
    }

    fn scanner(&self, mapping: &str, changes: &[(&str, &str)]) -> Scanner {
        let scanner = text_scanner(mapping, "qwen2.5-vl");
        scanner.with_images(self.settings(changes)).unwrap()
    }

    fn scan(&self, scanner: &Scanner, rows: &[&str]) -> Vec<Header> {
        scan(scanner, rows, &self.blocks())
    }

    fn load(&self, part: u32) -> BlockIndex {
        let path = part_path(&self.blocks().join("0"), part);
        verify_block(&path.with_extension("index")).unwrap();
        BlockIndex::load(&BlockRef { path, first_row: 0 }, &Needs::default()).unwrap()
    }

    /// Scans one row, and gives why it is refused.
    fn refusal(&self, scanner: &Scanner, row: &str) -> String {
        let header = &self.scan(scanner, &[row])[0];
        assert_eq!(header.traces, 0, "{row}");
        let refusals = read_index(&self.blocks().join("0.index")).unwrap().refusals;
        format!("{}: {}", refusals.reason_of(0), refusals.detail_of(0))
    }
}

fn text_scanner(mapping: &str, template: &str) -> Scanner {
    let tokenizer = Arc::new(Tokenizer::builtin("qwen2.5").unwrap());
    let template = Template::builtin(template, &tokenizer.special_tokens()).unwrap();
    Scanner::new(
        Mapping::from_json(mapping).unwrap(),
        Arc::new(template),
        Arc::new(Prompt::compile("{{ question }}").unwrap()),
        tokenizer,
        None,
        Supervise::All,
    )
    .unwrap()
}

fn block(rows: &[&str]) -> Block {
    let mut cutter = JsonLinesCutter::new(0, None, Numbering::ByteOffset, 1 << 30);
    let mut blocks = cutter.feed((rows.join("\n") + "\n").as_bytes()).unwrap();
    blocks.extend(cutter.finish().unwrap());
    assert_eq!(blocks.len(), 1);
    blocks.pop().unwrap()
}

fn scan(scanner: &Scanner, rows: &[&str], folder: &Path) -> Vec<Header> {
    scan_of(1, scanner, rows, folder)
}

/// Scans rows as one of so many workers.
fn scan_of(workers: usize, scanner: &Scanner, rows: &[&str], folder: &Path) -> Vec<Header> {
    let origin = BlockOrigin {
        source: "made",
        file: "rows.jsonl",
        number: 0,
        access: Access::Owner,
    };
    let never = AtomicBool::new(false);
    let headers = scanner.scan(&block(rows), origin, folder, &never, workers);
    headers.unwrap()
}

/// The ids of each trace of a block.
fn ids(index: &BlockIndex) -> Vec<Vec<u32>> {
    let stored = std::fs::read(index.path.with_extension("ids")).unwrap();
    let mut rest = &stored[..];
    let mut all = Vec::new();
    for row in 0..index.len() {
        let (trace, behind) = rest.split_at(index.traces.stored[row] as usize);
        rest = behind;
        let mut raw = vec![0; 4 * index.traces.tokens[row] as usize];
        assert!(unpack_ids(
            &trace[8 * index.traces.spans[row] as usize..],
            &mut raw
        ));
        let ids = raw.as_chunks::<4>().0.iter();
        all.push(ids.map(|id| u32::from_le_bytes(*id)).collect());
    }
    all
}

/// The lengths of runs of image tokens.
fn runs(ids: &[u32]) -> Vec<usize> {
    let runs = ids.chunk_by(|one, next| (*one == PAD) == (*next == PAD));
    runs.filter(|run| run[0] == PAD).map(<[u32]>::len).collect()
}

#[test]
fn traces_of_rows_share_their_images() {
    let (one, two) = (png(56, 84, 1), png(280, 140, 2));
    let place = Place::new(&[("one.png", one.clone()), ("two.png", two.clone())]);
    let scanner = place.scanner(QUESTION, &[]);
    let headers = place.scan(
        &scanner,
        &[
            r#"{"q": "What <image> is it?", "i": "one.png", "r": ["a", "b"]}"#,
            r#"{"q": "And <image>, <image>?", "i": ["two.png", "one.png"], "r": ["c"]}"#,
            r#"{"q": "Nothing?", "i": null, "r": ["d"]}"#,
            r#"{"q": "Before", "i": "two.png", "r": ["e", " "]}"#,
        ],
    );
    let header = &headers[0];
    assert_eq!((header.traces, header.traces_rejected), (6, 1));
    assert_eq!(
        (header.rows_with_images, header.rows_without_pictures),
        (3, 0)
    );
    assert_eq!((header.images, header.image_placeholders), (2, 5));
    assert_eq!(
        (header.image_bytes, header.image_files),
        ((one.len() + two.len()) as u64, 2)
    );
    let index = place.load(0);
    let mut expected = [
        (xxh3_64(&one), &one, 56, 84),
        (xxh3_64(&two), &two, 280, 140),
    ];
    expected.sort();
    let stored = std::fs::read(place.blocks().join("0.images")).unwrap();
    assert_eq!(stored, [&expected[0].1[..], expected[1].1].concat());
    for (number, (hash, bytes, height, width)) in expected.into_iter().enumerate() {
        let table = &index.images;
        assert_eq!(
            (
                table.hash[number],
                table.height[number],
                table.width[number]
            ),
            (hash, height, width)
        );
        assert_eq!(
            table.pixel_hash[number],
            decode(bytes, &DecodeRules::default()).unwrap().pixel_hash()
        );
        assert_eq!(
            (
                u32::from(table.grid_h[number]),
                u32::from(table.grid_w[number])
            ),
            (height / 14, width / 14)
        );
    }
    for (row, ids) in ids(&index).iter().enumerate() {
        let shown = index
            .image_refs(row)
            .iter()
            .map(|&image| index.images.hash[image as usize]);
        let shown: Vec<u64> = shown.collect();
        let (one, two) = (xxh3_64(&one), xxh3_64(&two));
        let wanted = match (index.traces.ordinal[row], index.traces.sample[row]) {
            (0, _) => vec![one],
            (1, _) => vec![two, one],
            (3, 0) => vec![two],
            _ => vec![],
        };
        assert_eq!(shown, wanted);
        let tokens = |hash: &u64| if *hash == one { 6 } else { 50 };
        assert_eq!(runs(ids), shown.iter().map(tokens).collect::<Vec<_>>());
        if let Some(first) = shown.first() {
            assert_eq!(index.traces.shuffle_key[row] >> 32, first >> 32);
        }
    }
}

/// A folder of so many images, of which every fifth is damaged, and a row about each.
fn many(count: u32) -> (Place, Vec<String>) {
    let files: Vec<(String, Vec<u8>)> = (0..count)
        .map(|number| {
            let mut bytes = png(60 + number, 90, number);
            if number % 5 == 3 {
                bytes.truncate(bytes.len() / 2);
            }
            (format!("{number}.png"), bytes)
        })
        .collect();
    let named = files.iter().map(|(name, bytes)| (&**name, bytes.clone()));
    let named: Vec<_> = named.collect();
    let row = |number| format!(r#"{{"q": "What?", "i": "{number}.png", "r": ["a"]}}"#);
    (Place::new(&named), (0..count).map(row).collect())
}

#[test]
fn a_block_is_the_same_whoever_helps_with_its_images() {
    let (place, rows) = many(60);
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let contents = |workers: usize| {
        let folder = place.folder.path().join(workers.to_string());
        std::fs::create_dir(&folder).unwrap();
        let headers = scan_of(workers, &place.scanner(QUESTION, &[]), &rows, &folder);
        let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
        files.sort_by_key(|file| file.as_ref().unwrap().file_name());
        let read = |file: std::io::Result<std::fs::DirEntry>| std::fs::read(file.unwrap().path());
        let bytes: Vec<Vec<u8>> = files.into_iter().map(|file| read(file).unwrap()).collect();
        (headers, bytes)
    };
    let alone = contents(1);
    assert_eq!((alone.0[0].images, alone.0[0].rows_unreadable), (48, 12));
    for workers in [2, 3, 8] {
        assert_eq!(contents(workers), alone);
    }
}

#[test]
fn who_helps_takes_the_rows_that_the_scan_has_not_begun() {
    let (place, rows) = many(8);
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let (block, never) = (block(&rows), AtomicBool::new(false));
    let mapping = Mapping::from_json(QUESTION).unwrap();
    let images = Images::new(place.settings(&[])).unwrap();
    let ahead = RowsAhead::new(&block, &mapping, &images, &never, 3);
    ahead.begin_row();
    ahead.begin_row();
    std::thread::scope(|scope| ahead.help(scope));
    for number in 0..8 {
        let bytes = std::fs::read(place.images().join(format!("{number}.png"))).unwrap();
        assert_eq!(images.is_known(xxh3_64(&bytes)), number > 2, "{number}");
    }
    assert!(place.blocks().read_dir().unwrap().next().is_none());
}

#[test]
fn nobody_helps_with_a_scan_that_is_over() {
    let (place, rows) = many(3);
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let (block, never) = (block(&rows), AtomicBool::new(false));
    let mapping = Mapping::from_json(QUESTION).unwrap();
    let images = Images::new(place.settings(&[])).unwrap();
    let ahead = RowsAhead::new(&block, &mapping, &images, &never, 2);
    let (one, two) = (images.workers().scanning(), images.workers().scanning());
    std::thread::scope(|scope| {
        let ending = ahead.ending();
        scope.spawn(|| ahead.help(scope));
        std::thread::sleep(std::time::Duration::from_millis(10));
        drop(ending);
    });
    drop((one, two));
    let bytes = std::fs::read(place.images().join("2.png")).unwrap();
    assert!(!images.is_known(xxh3_64(&bytes)));
}

#[test]
fn images_stand_where_placeholders_and_parts_say() {
    let images = [png(28, 28, 1), png(56, 56, 2), png(84, 84, 3)];
    let names = ["1.png", "2.png", "3.png"];
    let files: Vec<_> = names.into_iter().zip(images.clone()).collect();
    let place = Place::new(&files);
    let shown = |mapping: &str, row: &str| {
        let headers = place.scan(&place.scanner(mapping, &[]), &[row]);
        assert_eq!(
            headers[0].traces,
            1,
            "{}",
            place.refusal(&place.scanner(mapping, &[]), row)
        );
        let index = place.load(0);
        let hashes = index
            .image_refs(0)
            .iter()
            .map(|&image| index.images.hash[image as usize]);
        let number = |hash| {
            images
                .iter()
                .position(|image| xxh3_64(image) == hash)
                .unwrap()
                + 1
        };
        (
            hashes.map(number).collect::<Vec<_>>(),
            runs(&ids(&index)[0]),
        )
    };
    let three = r#""i": ["1.png", "2.png", "3.png"]"#;
    let swapped =
        format!(r#"{{"q": "<image 3><image 1> <image 2> <image 1>", {three}, "r": ["a"]}}"#);
    assert_eq!(
        shown(QUESTION, &swapped),
        (vec![3, 1, 2, 1], vec![9, 4, 4, 4])
    );
    let none = format!(r#"{{"q": "none", {three}, "r": ["<image> stays"]}}"#);
    assert_eq!(shown(QUESTION, &none), (vec![1, 2, 3], vec![4, 4, 9]));
    let turns = format!(
        r#"{{"messages": [{{"role": "user", "content": "a <image>"}}, {{"role": "assistant", "content": "<image> b"}},
            {{"role": "user", "content": "c <image> d <image>"}}, {{"role": "assistant", "content": "e"}}], {three}}}"#
    );
    assert_eq!(
        shown(TURNS, &turns.replace('\n', " ")),
        (vec![1, 2, 3], vec![4, 4, 9])
    );
}

#[test]
fn what_a_trace_shows_decides_whether_it_is_a_duplicate() {
    let place = Place::new(&[("1.png", png(28, 28, 1)), ("2.png", png(28, 28, 2))]);
    let rows = [
        r#"{"q": "<image 1> or <image 2>", "i": ["1.png", "2.png"], "r": ["a"]}"#,
        r#"{"q": "<image 2> or <image 1>", "i": ["1.png", "2.png"], "r": ["a"]}"#,
        r#"{"q": "<image 2> or <image 1>", "i": ["2.png", "1.png"], "r": ["a"]}"#,
        r#"{"q": "<image 1> or <image 2>", "i": ["1.png", "2.png"], "r": ["a"]}"#,
    ];
    place.scan(&place.scanner(QUESTION, &[]), &rows);
    let traces = read_index(&place.blocks().join("0.index")).unwrap().traces;
    let hash = |ordinal| {
        let row = traces
            .ordinal
            .iter()
            .position(|&found| found == ordinal)
            .unwrap();
        (traces.hash_high[row], traces.hash_low[row])
    };
    assert_eq!((hash(0), hash(0)), (hash(2), hash(3)));
    assert_ne!(hash(0), hash(1));
    let questions: std::collections::HashSet<u64> = traces.question_id.iter().copied().collect();
    assert_eq!(questions.len(), 3);
}

#[test]
fn a_row_is_refused_whole_with_the_number_and_place_of_its_image() {
    let whole = png(56, 56, 1);
    let place = Place::new(&[
        ("whole.png", whole.clone()),
        ("cut.png", whole[..whole.len() / 2].to_vec()),
        ("empty.png", Vec::new()),
        (
            "page.jpg",
            b"<!doctype html><html><body>Not found</body></html>".to_vec(),
        ),
        ("long.png", png(1, 201, 1)),
        ("large.png", png(101, 100, 1)),
    ]);
    let scanner = place.scanner(QUESTION, &[("100000000", "10000")]);
    let row = |images: &str| format!(r#"{{"q": "What?", "i": {images}, "r": ["a", "b"]}}"#);
    for (images, reason, place_of_image) in [
        (r#"["whole.png", "none.png"]"#, "image_missing", "image 2"),
        (r#""cut.png""#, "image_damaged", "image 1, `cut.png` ("),
        (r#""empty.png""#, "image_damaged", "`empty.png`"),
        (
            r#"["whole.png", "whole.png", "page.jpg"]"#,
            "image_kind",
            "image 3, `page.jpg`",
        ),
        (r#""long.png""#, "image_shape", "`long.png`"),
        (r#""large.png""#, "image_too_large", "`large.png`"),
        (r#""../images/whole.png""#, "image_path", "image 1"),
        (r#""https://example.org/a.png""#, "image_url", "image 1"),
    ] {
        let refused = place.refusal(&scanner, &row(images));
        assert!(
            refused.starts_with(reason) && refused.contains(place_of_image),
            "{refused}"
        );
    }
    let counted = place.refusal(
        &scanner,
        r#"{"q": "<image><image>", "i": "whole.png", "r": ["a"]}"#,
    );
    assert_eq!(counted, "image_count: placeholders: 2, images: 1");
    let text = place.refusal(
        &text_scanner(QUESTION, "qwen2.5-vl"),
        &row(r#""whole.png""#),
    );
    assert!(text.starts_with("has_image"), "{text}");
    assert!(!place.blocks().join("1.images").exists());
}

#[test]
fn a_role_whose_images_the_template_drops_is_refused() {
    let place = Place::new(&[("1.png", png(64, 64, 1))]);
    let row = |role: &str| {
        format!(
            r#"{{"messages": [{{"role": "user", "content": "a"}}, {{"role": "{role}", "content": [{{"type": "image"}}, {{"type": "text", "text": "b"}}]}}, {{"role": "assistant", "content": "c"}}], "i": "1.png"}}"#
        )
    };
    let scanner = text_scanner(TURNS, "qwen3-vl");
    let settings = place.settings(&[("qwen2.5-vl", "qwen3-vl")]);
    let scanner = scanner.with_images(settings).unwrap();
    assert_eq!(
        place.scan(&scanner, &[&row("user")])[0].image_placeholders,
        1
    );
    let refused = place.refusal(&scanner, &row("assistant"));
    assert!(
        refused.starts_with("image_in_role") && refused.contains("`assistant`"),
        "{refused}"
    );
    let scanner = place.scanner(TURNS, &[]);
    assert_eq!(
        place.scan(&scanner, &[&row("assistant")])[0].image_placeholders,
        1
    );
}

#[test]
fn a_resized_image_is_what_the_model_would_see_and_never_larger() {
    let (large, small) = (png(600, 900, 1), png(20, 20, 2));
    let place = Place::new(&[("large.png", large.clone()), ("small.png", small.clone())]);
    for codec in ["webp", "png"] {
        let changes = [
            ("original", "resized"),
            ("webp", codec),
            ("decode", "header"),
        ];
        let scanner = place.scanner(QUESTION, &changes);
        let rows = [
            r#"{"q": "a", "i": "large.png", "r": ["a"]}"#,
            r#"{"q": "b", "i": ["small.png", "large.png"], "r": ["a"]}"#,
        ];
        place.scan(&scanner, &rows);
        let index = place.load(0);
        let stored = std::fs::read(place.blocks().join("0.images")).unwrap();
        let bytes_of = |bytes: &[u8]| {
            let number = index
                .images
                .hash
                .iter()
                .position(|&hash| hash == xxh3_64(bytes))
                .unwrap();
            let start = index.images.offset[number] as usize;
            (
                number,
                &stored[start..start + index.images.bytes[number] as usize],
            )
        };
        assert_eq!(bytes_of(&small).1, &small[..]);
        let (number, kept) = bytes_of(&large);
        let rules = DecodeRules::default();
        let (height, width) = (
            14 * u32::from(index.images.grid_h[number]),
            14 * u32::from(index.images.grid_w[number]),
        );
        let expected = resize(&decode(&large, &rules).unwrap(), height, width);
        assert!(height < 600 && width < 900 && kept.len() < large.len());
        assert_eq!(decode(kept, &rules).unwrap(), expected);
        assert_eq!(
            (index.images.height[number], index.images.width[number]),
            (600, 900)
        );
    }
}

/// A BMP of so many rows of 4,096 pixels: 12,288 bytes a row.
fn bmp(height: u32, seed: u8) -> Vec<u8> {
    let mut bytes = b"BM".to_vec();
    let size = 12_288 * height;
    for value in [
        size + 54,
        0,
        54,
        40,
        4096,
        height,
        1 | 24 << 16,
        0,
        size,
        2835,
        2835,
        0,
        0,
    ] {
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    bytes.resize(54 + size as usize, seed);
    bytes
}

#[test]
fn parts_end_at_64_mib_of_images_and_depend_on_rows_alone() {
    let names: Vec<String> = (0..7).map(|number| format!("{number}.bmp")).collect();
    let files: Vec<(&str, Vec<u8>)> = (0..)
        .zip(&names)
        .map(|(seed, name)| (&**name, bmp(1024, seed)))
        .collect();
    let place = Place::new(&files);
    let scanner = place.scanner(QUESTION, &[("decode", "header")]);
    let rows: Vec<String> = [0, 1, 2, 0, 3, 4, 1, 5, 6]
        .map(|image| format!(r#"{{"q": "what", "i": "{image}.bmp", "r": ["a", "b"]}}"#))
        .into();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let headers = place.scan(&scanner, &rows);
    // 12 MiB each: five fit, the sixth distinct one begins a part, which has the second once more.
    let images: Vec<(u64, u64)> = headers
        .iter()
        .map(|header| (header.images, header.traces))
        .collect();
    assert_eq!(images, [(5, 14), (2, 4)]);
    assert_eq!((place.load(0).len(), place.load(1).len()), (14, 4));
    assert!(headers.iter().all(|header| header.image_bytes <= 64 << 20));
    let measured = scanner.measure(&block(&rows)).unwrap();
    assert_eq!((measured.images, measured.traces), (7, 18));
}

#[test]
fn workers_that_meet_the_same_images_write_the_same_bytes() {
    let files: Vec<(String, Vec<u8>)> = (0..6)
        .map(|seed| (format!("{seed}.png"), png(90, 120, seed)))
        .collect();
    let named: Vec<(&str, Vec<u8>)> = files
        .iter()
        .map(|(name, bytes)| (&**name, bytes.clone()))
        .collect();
    let place = Place::new(&named);
    let scanner = place.scanner(QUESTION, &[("original", "resized")]);
    let rows: Vec<String> = (0..60)
        .map(|row| {
            format!(
                r#"{{"q": "row {row}", "i": ["{}.png", "{}.png"], "r": ["a"]}}"#,
                row % 6,
                row * row % 6
            )
        })
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let folders: Vec<tempfile::TempDir> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    std::thread::scope(|scope| {
        for folder in &folders {
            scope.spawn(|| scan(&scanner, &rows, folder.path()));
        }
    });
    scanner.release_memory();
    place.scan(&scanner, &rows);
    for extension in ["ids", "index", "images", "image_files"] {
        let read =
            |folder: &Path| std::fs::read(folder.join("0").with_extension(extension)).unwrap();
        for folder in &folders {
            assert!(read(folder.path()) == read(&place.blocks()), "{extension}");
        }
    }
}

#[test]
fn files_that_a_block_depends_on_are_compared_missing_ones_too() {
    let place = Place::new(&[("1.png", png(28, 28, 1)), ("2.png", png(28, 28, 2))]);
    let rows = [
        r#"{"q": "a", "i": "1.png", "r": ["a"]}"#,
        r#"{"q": "a", "i": "none.png", "r": ["a"]}"#,
        r#"{"q": "a", "i": ["1.png", "2.png"], "r": ["a"]}"#,
    ];
    place.scan(&place.scanner(QUESTION, &[]), &rows);
    let stems = [place.blocks().join("0")];
    let changed = || changed_image_files(&stems, &[place.images()]).unwrap();
    assert_eq!(changed(), None);
    std::fs::write(place.images().join("none.png"), png(28, 28, 3)).unwrap();
    assert_eq!(changed().as_deref(), Some("none.png"));
    std::fs::remove_file(place.images().join("none.png")).unwrap();
    std::fs::write(place.images().join("2.png"), png(28, 28, 4)).unwrap();
    assert_eq!(changed().as_deref(), Some("2.png"));
}

#[test]
fn rows_packed_without_their_images_stay_as_they_were() {
    let place = Place::new(&[]);
    let mapping = r#"{"question": "q", "responses": "r", "image_columns": []}"#;
    let rows = [r#"{"q": "<image> What?", "image": "none.png", "r": ["a"]}"#];
    let header = place.scan(&place.scanner(mapping, &[]), &rows)[0].clone();
    let text = place.scan(&text_scanner(mapping, "qwen2.5-vl"), &rows)[0].clone();
    assert_eq!(header, text);
    assert_eq!((header.rows_with_images, header.images), (0, 0));
}

#[test]
fn what_two_workers_hold_stays_below_two_gigabytes() {
    use crate::image_reading::MAX_ROW_IMAGE_BYTES;
    use crate::image_work::{BYTES_PER_PIXEL, DECODING};
    let pixels = DecodeRules::default().max_source_pixels;
    assert!(
        pixels * BYTES_PER_PIXEL <= DECODING,
        "the largest image is decoded alone"
    );
    // Of each worker: the images of the part, and those of the next row as they come and as they are stored.
    let held = crate::block::MAX_IMAGE_BYTES + 2 * MAX_ROW_IMAGE_BYTES;
    // An image of 8 bits a channel takes 12 bytes for each pixel at most.
    assert!(2 * held + 12 * pixels < 1_650_000_000);
}
