//! Reads answers that only prose gives, for a profile: `valgrind --tool=callgrind target/debug/examples/prose`.
use octomed_responses::{Choice, extract, parts};

fn main() {
    let texts = [
        "Ampicillin",
        "Ceftriaxone",
        "Nitrofurantoin",
        "Doxycycline",
        "Ciprofloxacin and rest",
    ];
    let options: Vec<_> = ["A", "B", "C", "D", "E"]
        .iter()
        .zip(texts)
        .map(|(label, text)| Choice { label, text })
        .collect();
    let mut text = String::new();
    for number in 0..24 {
        text += &format!(
            "The patient in question {number} presents with dysuria, urgency and frequency over the last {number} days; her \
             temperature is 37.{number} and there is no flank pain. Ampicillin has high rates of resistance in E. coli, which \
             makes an empirical treatment with it less attractive in this setting. "
        );
        if number % 3 == 0 {
            text += "\n\n";
        }
    }
    text += "Therefore we give nitrofurantoin.";
    let rounds: usize = std::env::args()
        .nth(1)
        .and_then(|one| one.parse().ok())
        .unwrap_or(200);
    let begin = std::time::Instant::now();
    let mut found = 0;
    for _ in 0..rounds {
        let split = parts(std::hint::black_box(&text), None);
        found += usize::from(format!("{:?}", extract(&options, &split)).contains('2'));
    }
    let spent = begin.elapsed().as_secs_f64();
    println!(
        "{found} of {rounds}, {} bytes, {:.0} MB/s",
        text.len(),
        (text.len() * rounds) as f64 / spent / 1e6
    );
}
