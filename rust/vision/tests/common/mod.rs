//! The sample files of `tests/data/vision`.
#![allow(dead_code)]

use std::path::PathBuf;

use octomed_vision::{Alpha, DecodeRules, Gray16};

pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/vision")
}

pub fn file(name: &str) -> Vec<u8> {
    std::fs::read(folder().join("files").join(name))
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Names of all files.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder().join("files"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub struct Golden {
    pub name: String,
    pub height: u32,
    pub width: u32,
    pub dropped: u64,
    pub on_white: u64,
}

/// What Pillow makes of the files that it reads.
pub fn goldens() -> Vec<Golden> {
    let table = std::fs::read_to_string(folder().join("goldens.tsv")).unwrap();
    table
        .lines()
        .map(|line| {
            let [name, height, width, dropped, on_white] = line.split('\t').collect::<Vec<_>>()[..]
            else {
                panic!("{line}");
            };
            let hash = |digits| u64::from_str_radix(digits, 16).unwrap();
            Golden {
                name: name.to_owned(),
                height: height.parse().unwrap(),
                width: width.parse().unwrap(),
                dropped: hash(dropped),
                on_white: hash(on_white),
            }
        })
        .collect()
}

pub fn white() -> DecodeRules {
    DecodeRules {
        alpha: Alpha::White,
        ..DecodeRules::default()
    }
}

pub fn window() -> DecodeRules {
    DecodeRules {
        gray16: Gray16::Window,
        ..DecodeRules::default()
    }
}
