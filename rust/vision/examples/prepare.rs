//! Prints the milliseconds that the steps of preparing an image take on one core, each the median of many runs.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::Instant;

use octomed_vision::{
    Codec, DecodeRules, Encoded, Family, Image, Preparation, decode, encode, load_patches, patches,
    pixel_values, resize,
};

fn main() {
    let family = Family::ALL[0];
    let source = photograph(768, 1_024);
    let image = resize(&source, 420, 588);
    let square = resize(&photograph(600, 600), 504, 504);
    let mut bytes = vec![0; 30 * 42 * family.patch_bytes()];
    let mut values = vec![0.0; 30 * 42 * family.patch_values()];
    say("resize 1024 × 768 to 588 × 420", || {
        resize(&source, 420, 588)
    });
    say("patches of 588 × 420", || {
        patches(&image, family, &mut bytes)
    });
    say("pixel_values of 588 × 420", || {
        pixel_values(&bytes, family, &mut values)
    });
    for codec in Codec::ALL {
        let name = codec.name();
        say(&format!("encode 504 × 504 as {name}"), || {
            encode(&square, codec)
        });
        let file = encode(&square, codec).unwrap_or_default();
        let rules = DecodeRules::default();
        say(&format!("decode it, {} KB", file.len() / 1_000), || {
            decode(&file, &rules)
        });
    }
    let file = encode(&photograph(512, 512), Codec::Jpeg).unwrap_or_default();
    let preparation = Preparation {
        family,
        min_pixels: 3_136,
        max_pixels: 262_144,
        rules: DecodeRules::default(),
    };
    let images = vec![
        Encoded {
            bytes: &file,
            grid: family.grid(504, 504)
        };
        10
    ];
    let mut out = vec![0; 10 * 36 * 36 * family.patch_bytes()];
    say("ten JPEGs of 512 × 512 to patches", || {
        load_patches(&images, &preparation, NonZeroUsize::MIN, &mut out)
    });
}

/// Waves with a little noise.
fn photograph(height: u32, width: u32) -> Image {
    let mut state = 1_u32;
    let pixel = |at: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (y, x) = ((at / width) as f32, (at % width) as f32);
        let noise = (state >> 29) as f32;
        let wave = |scale: f32| {
            ((x / scale).sin() * (y / scale / 1.3).cos() * 120.0 + 125.0 + noise) as u8
        };
        [wave(31.0), wave(47.0), wave(83.0)]
    };
    let pixels = (0..height * width).flat_map(pixel).collect();
    Image {
        width,
        height,
        pixels,
    }
}

fn say<T>(what: &str, mut work: impl FnMut() -> T) {
    let mut took: Vec<f64> = (0..41)
        .map(|_| {
            let begin = Instant::now();
            black_box(work());
            begin.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    took.sort_unstable_by(f64::total_cmp);
    println!(
        "{what}: {:.2} ms, at best {:.2}",
        took[took.len() / 2],
        took[0]
    );
}
