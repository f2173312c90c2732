//! Evaluation sets: their rows are read, and their questions found among others by the words that both have.
#![no_main]

use std::collections::HashSet;
use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

use libfuzzer_sys::fuzz_target;
use octomed_engine::{EvaluationReader, ImageSettings, Look};
use octomed_fuzz::chunks;
use octomed_ngrams::{Asked, Matcher, NgramIndex, Question, Rule, normalised};
use octomed_responses::Kinds;
use octomed_trace::{JsonLinesCutter, Mapping, Numbering};

static READER: LazyLock<EvaluationReader> = LazyLock::new(|| {
    let mapping = r#"{"question": "q", "options": {"any_of": ["o"], "optional": true}}"#;
    let mapping = Mapping::questions_only(mapping).expect("a mapping of ours");
    let images = ImageSettings::from_json("{}").expect("settings of ours");
    EvaluationReader::new(mapping, images, Look::IfThere, vec![Kinds::all()], std::sync::Arc::default())
        .expect("a reader of ours")
});

// A byte each chooses the words of an n-gram and the rule; the rest is a file of evaluation questions, whose texts are
// looked up as they stand and one behind the other.
fuzz_target!(|input: &[u8]| {
    let [n, share, file @ ..] = input else {
        return;
    };
    let mut cutter = JsonLinesCutter::new(0, None, Numbering::RowNumber, 4096);
    let mut blocks = Vec::new();
    for chunk in chunks(file, 0) {
        let Ok(cut) = cutter.feed(chunk) else {
            return;
        };
        blocks.extend(cut);
    }
    let Ok(rest) = cutter.finish() else {
        return;
    };
    blocks.extend(rest);
    let going = AtomicBool::new(false);
    let mut stems = Vec::new();
    for block in &blocks {
        let Ok(part) = READER.read(block, 0, 0, "a file", &going) else {
            continue;
        };
        for question in part.questions {
            stems.push(question.stem(Some(0)).to_owned());
            stems.push(question.stem);
        }
    }
    let n = usize::from(n % 5) + 1;
    let any = share % 2 == 0;
    let rule = if any {
        Rule::Any
    } else {
        Rule::Coverage(f64::from(*share) / 256.0)
    };
    let (held, asked) = stems.split_at(stems.len() / 2);
    let questions = (0..).zip(held).map(|(id, stem)| Question {
        set: 0,
        id,
        stem,
        images: id % 3,
    });
    let index = NgramIndex::new(n, rule, questions);
    let known: HashSet<String> = held.iter().flat_map(|stem| ngrams(stem, n)).collect();
    let mut matcher = Matcher::new(&index);
    for (number, stem) in (0..).zip(asked.iter().chain(held)) {
        let images = number % 3;
        let id = number;
        let found = matcher.find(&Asked { id, stem, images });
        let shares = ngrams(stem, n).iter().any(|ngram| known.contains(ngram));
        if any {
            assert_eq!(!found.keeping.is_empty(), shares, "{stem:?}");
        } else {
            assert!(found.keeping.is_empty() || shares, "{stem:?}");
        }
        for contact in found.keeping.iter().chain(&found.ignoring) {
            let whole = format!(" {} ", normalised(&held[contact.question as usize]));
            assert!(whole.contains(&format!(" {} ", contact.words)));
        }
    }
});

fn ngrams(text: &str, n: usize) -> Vec<String> {
    let text = normalised(text);
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    words.windows(n).map(|words| words.join(" ")).collect()
}
