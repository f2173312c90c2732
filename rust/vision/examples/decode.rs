//! Decodes files and prints a line for each: its name, size and a hash of its pixels, or its fault.

use octomed_vision::{Alpha, DecodeRules, Gray16, decode};

fn main() {
    let mut rules = DecodeRules::default();
    for name in std::env::args().skip(1) {
        match name.as_str() {
            "--white" => rules.alpha = Alpha::White,
            "--window" => rules.gray16 = Gray16::Window,
            "--time" => {}
            _ => {
                let bytes = std::fs::read(&name).unwrap_or_default();
                let begin = std::time::Instant::now();
                let result = decode(&bytes, &rules);
                let took = begin.elapsed().as_secs_f64() * 1e3;
                match result {
                    Ok(image) => println!(
                        "{name}\t{}\t{}\t{:016x}\t{took:.2}",
                        image.height,
                        image.width,
                        image.pixel_hash()
                    ),
                    Err(error) => println!("{name}\t{:?}\t{error}\t-\t{took:.2}", error.fault),
                }
            }
        }
    }
}
