//! The fast path against the pinned crate, and masks against a slow rule over its offsets.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::{hostile, variants};
use crate::tokenizer::spec::alphabet::written;
use crate::tokenizer::split::CL100K;
use crate::tokenizer::{Additions, Encoded, Encoder, Encoders, Isa, Tokenizer};
use crate::{Control, Rendered};

/// A tokenizer of ours and the crate's for the same file.
struct Pair {
    name: &'static str,
    ours: Arc<Tokenizer>,
    theirs: tokenizers::Tokenizer,
}

fn pair(name: &'static str, file: &Value) -> Pair {
    let bytes = file.to_string().into_bytes();
    let ours = Arc::new(Tokenizer::from_json(&bytes).unwrap());
    let mut theirs = tokenizers::Tokenizer::from_bytes(&bytes).unwrap();
    theirs.set_encode_special_tokens(true);
    Pair { name, ours, theirs }
}

static PAIRS: LazyLock<Vec<Pair>> = LazyLock::new(|| {
    variants::fast()
        .iter()
        .map(|(name, file)| pair(name, file))
        .collect()
});

/// Cases of a property: `OCTOMED_CASES` or a number that keeps the ordinary run short.
fn cases(ordinary: u32) -> TestRunner {
    let cases = std::env::var("OCTOMED_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(ordinary);
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    })
}

#[test]
fn every_known_pattern_takes_the_fast_path() {
    for pair in PAIRS.iter() {
        assert_eq!(pair.ours.path(), "byte-level BPE", "{}", pair.name);
    }
}

/// No merge makes this token, so it has seams inside; where the model looks words up first, it stays whole.
#[test]
fn a_clause_that_is_a_token_stays_whole() {
    const CLAUSE: &str = "患者的血中有此";
    let mut file = variants::with_patterns(&[CL100K]);
    let free = file["model"]["vocab"].as_object().unwrap().len();
    file["model"]["vocab"][written(CLAUSE.as_bytes())] = json!(free);
    file["added_tokens"] = json!([]);
    let text = format!("{CLAUSE} {CLAUSE}者，{CLAUSE}，{CLAUSE}。");
    for flag in [false, true] {
        file["model"]["ignore_merges"] = json!(flag);
        let pair = pair("a clause", &file);
        let mut ids = Vec::new();
        let mut encoder = Encoder::new(pair.ours.clone());
        encoder.encode_text(&text, &mut ids).unwrap();
        let theirs = pair.theirs.encode_fast(text.as_str(), false).unwrap();
        assert_eq!(ids, theirs.get_ids());
        assert_eq!(ids[0] == u32::try_from(free).unwrap(), flag, "{ids:?}");
    }
}

/// An encoder for every instruction set that the processor has.
fn encoders(pair: &Pair) -> Vec<Encoder> {
    Isa::available()
        .filter_map(|isa| Encoder::with_isa(pair.ours.clone(), isa))
        .collect()
}

#[test]
fn ids_equal_the_crate_with_every_instruction_set() {
    let mut encoders: Vec<_> = PAIRS.iter().map(encoders).collect();
    let encoders = std::sync::Mutex::new(&mut encoders);
    cases(400)
        .run(&hostile::text(), |text| {
            for (pair, encoders) in PAIRS.iter().zip(encoders.lock().unwrap().iter_mut()) {
                let theirs = pair.theirs.encode_fast(text.as_str(), false).unwrap();
                for encoder in encoders {
                    let mut ours = Vec::new();
                    encoder.encode_text(&text, &mut ours).unwrap();
                    prop_assert_eq!(ours, theirs.get_ids(), "{}", pair.name);
                }
            }
            Ok(())
        })
        .unwrap();
}

/// A rendered trace with controls and supervised spans at random places.
fn rendered() -> impl Strategy<Value = Rendered> {
    let cuts = vec(any::<prop::sample::Index>(), 0..16);
    let repeats = vec(prop_oneof![3 => Just(1), 1 => 0..4_u32], 16);
    (hostile::text(), cuts.clone(), cuts, repeats).prop_map(|(text, controls, spans, repeats)| {
        let controls = ranges(&text, &controls, false);
        let controls = controls
            .into_iter()
            .zip(repeats)
            .map(|(bytes, repeat)| Control {
                bytes,
                id: 151_645,
                repeat,
            })
            .collect();
        let supervised = ranges(&text, &spans, true);
        let lead = |span: &Range<usize>| text[..span.start].trim_end_matches([' ', '\n']).len();
        let leads = supervised.iter().map(lead).collect();
        Rendered {
            text,
            controls,
            supervised,
            leads,
        }
    })
}

/// Disjoint ranges between characters; adjacent and empty ones only where asked for.
fn ranges(text: &str, cuts: &[prop::sample::Index], touching: bool) -> Vec<Range<usize>> {
    let between: Vec<usize> = (0..=text.len())
        .filter(|at| text.is_char_boundary(*at))
        .collect();
    let mut at: Vec<usize> = cuts
        .iter()
        .map(|cut| between[cut.index(between.len())])
        .collect();
    at.sort_unstable();
    let step = if touching && at.len().is_multiple_of(3) {
        1
    } else {
        2
    };
    let pairs = at.windows(2).step_by(step).map(|pair| pair[0]..pair[1]);
    pairs
        .filter(|range| touching || !range.is_empty())
        .collect()
}

/// Every token with its bytes: each segment by the crate, with its offsets.
fn slow_tokens(theirs: &tokenizers::Tokenizer, rendered: &Rendered) -> Vec<(u32, Range<usize>)> {
    let mut tokens = Vec::new();
    let mut at = 0;
    let stretch = |range: Range<usize>, tokens: &mut Vec<_>| {
        let encoding = theirs.encode(&rendered.text[range.clone()], false).unwrap();
        let offsets = encoding
            .get_offsets()
            .iter()
            .map(|(start, end)| range.start + start..range.start + end);
        tokens.extend(encoding.get_ids().iter().copied().zip(offsets));
    };
    for control in &rendered.controls {
        stretch(at..control.bytes.start, &mut tokens);
        let token = (control.id, control.bytes.clone());
        tokens.extend(std::iter::repeat_n(token, control.repeat as usize));
        at = control.bytes.end;
    }
    stretch(at..rendered.text.len(), &mut tokens);
    tokens
}

/// The mask by its definition, token by token and span by span.
fn slow_mask(
    tokens: &[(u32, Range<usize>)],
    spans: &[Range<usize>],
    leads: &[usize],
) -> (Vec<[u32; 2]>, Encoded) {
    let mut ranges = Vec::new();
    let mut encoded = Encoded {
        tokens: tokens.len() as u32,
        ..Encoded::default()
    };
    let learned: Vec<_> = (0..spans.len())
        .map(|number| {
            let lead = leads.get(number).copied().unwrap_or(spans[number].start);
            let end = number.checked_sub(1).map_or(0, |before| spans[before].end);
            (
                spans[number].clone(),
                lead.max(end).min(spans[number].start),
            )
        })
        .collect();
    let is_inside = |(span, lead): &(Range<usize>, usize), bytes: &Range<usize>| {
        bytes.end <= span.end
            && (span.start <= bytes.start || (*lead <= bytes.start && bytes.end > span.start))
    };
    for span in learned.iter().filter(|(span, _)| !span.is_empty()) {
        let inside = |(_, bytes): &&(u32, Range<usize>)| is_inside(span, bytes);
        let first = tokens.iter().position(|token| inside(&token));
        let count = tokens.iter().filter(inside).count() as u32;
        if let Some(first) = first {
            ranges.push([first as u32, first as u32 + count]);
        }
        encoded.supervised += count;
    }
    for (_, bytes) in tokens {
        let touches = |span: &&Range<usize>| span.start.max(bytes.start) < span.end.min(bytes.end);
        let holds = learned.iter().any(|span| is_inside(span, bytes));
        encoded.straddling += u32::from(spans.iter().filter(touches).count() > 0 && !holds);
    }
    (ranges, encoded)
}

#[test]
fn masks_equal_the_slow_rule() {
    // One instruction set after the other: an encoder has some sixty megabytes of tables.
    for isa in Isa::available() {
        let mut encoders: Vec<_> = PAIRS
            .iter()
            .filter_map(|pair| Encoder::with_isa(pair.ours.clone(), isa))
            .collect();
        let encoders = std::sync::Mutex::new(&mut encoders);
        cases(100)
            .run(&rendered(), |rendered| {
                for (pair, encoder) in PAIRS.iter().zip(encoders.lock().unwrap().iter_mut()) {
                    let (mut ids, mut spans) = (vec![1, 2], Vec::new());
                    let encoded = encoder.encode(&rendered, &mut ids, &mut spans).unwrap();
                    let tokens = slow_tokens(&pair.theirs, &rendered);
                    let slow_ids: Vec<u32> = [1, 2]
                        .into_iter()
                        .chain(tokens.iter().map(|token| token.0))
                        .collect();
                    prop_assert_eq!(ids, slow_ids, "{} {:?}", pair.name, isa);
                    prop_assert_eq!(
                        (spans, encoded),
                        slow_mask(&tokens, &rendered.supervised, &rendered.leads),
                        "{} {:?}",
                        pair.name,
                        isa
                    );
                }
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn what_the_fast_path_does_not_know_goes_to_the_crate() {
    for (reason, file) in variants::left_to_the_crate() {
        let pair = pair(reason, &file);
        assert!(
            pair.ours.path().starts_with("tokenizers crate: "),
            "{reason}"
        );
        assert!(
            pair.ours.path().contains(reason),
            "{} lacks {reason}",
            pair.ours.path()
        );
        let mut encoder = Encoder::new(pair.ours.clone());
        let text = "a <tool_call> x </think>  <|im_end|>\u{fb01}\n\n1234";
        let rendered = Rendered {
            text: text.to_owned(),
            supervised: vec![1..8, 8..20],
            ..Rendered::default()
        };
        let (mut ids, mut spans) = (Vec::new(), Vec::new());
        let encoded = encoder.encode(&rendered, &mut ids, &mut spans).unwrap();
        let tokens = slow_tokens(&pair.theirs, &rendered);
        assert_eq!(ids, tokens.iter().map(|token| token.0).collect::<Vec<_>>());
        assert_eq!(
            (spans, encoded),
            slow_mask(&tokens, &rendered.supervised, &rendered.leads)
        );
    }
}

/// Control tokens that swallow white space, with typed ones among the text: the fast path against the whole text cut
/// as the crate does.
#[test]
fn white_space_that_controls_swallow_is_gone_on_both_paths() {
    let mut file = variants::fast().remove(0).1;
    for (token, (left, right)) in file["added_tokens"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .zip([(true, true), (true, false), (false, true)])
    {
        token["lstrip"] = json!(left);
        token["rstrip"] = json!(right);
    }
    let bytes = file.to_string().into_bytes();
    let fast = Arc::new(Tokenizer::from_json(&bytes).unwrap());
    assert_eq!(fast.path(), "byte-level BPE");
    let slow = Tokenizer::from_reference(&bytes, &Additions::default(), "a test").unwrap();
    let special: Vec<_> = fast.special_tokens().into_iter().take(3).collect();
    let mut encoders = [Encoder::new(fast), Encoder::new(Arc::new(slow))];
    let white = prop::sample::select(vec!["", " ", "\n", " \u{3000}\n", "a \n"]);
    let piece = (white.clone(), 0..4_usize, white, hostile::text());
    let encoders = std::sync::Mutex::new(&mut encoders);
    cases(200)
        .run(
            &(vec(piece, 1..5), vec(any::<prop::sample::Index>(), 0..6)),
            |(pieces, cuts)| {
                let mut rendered = Rendered::default();
                for (before, which, behind, text) in pieces {
                    rendered.text += before;
                    if let Some((token, id)) = special.get(which) {
                        let start = rendered.text.len();
                        rendered.text += token;
                        let bytes = start..rendered.text.len();
                        // Repeated as well, by a number that differs from control to control.
                        let repeat = 1 + (start % 3) as u32;
                        rendered.controls.push(Control {
                            bytes,
                            id: *id,
                            repeat,
                        });
                    }
                    rendered.text += behind;
                    rendered.text += &text;
                }
                rendered.supervised = ranges(&rendered.text, &cuts, false);
                let mut results = encoders
                    .lock()
                    .unwrap()
                    .iter_mut()
                    .map(|encoder| {
                        let (mut ids, mut spans) = (Vec::new(), Vec::new());
                        let encoded = encoder.encode(&rendered, &mut ids, &mut spans).unwrap();
                        (ids, spans, encoded)
                    })
                    .collect::<Vec<_>>();
                prop_assert_eq!(results.pop(), results.pop(), "{:?}", rendered);
                Ok(())
            },
        )
        .unwrap();
}

#[test]
fn long_runs_are_exact_and_not_quadratic() {
    let text = |fragment: &str| fragment.repeat((1 << 20) / fragment.len());
    let qwen = &PAIRS[0];
    let mut encoders = encoders(qwen);
    for fragment in [
        "a", "ab", " ", "\n", "x\r\n ", "中", "患者", "!", "9", "\0", "e\u{301}", "\u{301}", "'s",
    ] {
        let text = text(fragment);
        let theirs = qwen.theirs.encode_fast(text.as_str(), false).unwrap();
        for encoder in &mut encoders {
            let mut ids = Vec::new();
            encoder.encode_text(&text, &mut ids).unwrap();
            assert_eq!(ids, theirs.get_ids(), "{fragment:?}");
        }
    }
}

#[test]
fn caches_stay_exact_when_they_overflow() {
    let qwen = &PAIRS[0];
    let mut encoders = encoders(qwen);
    let word = |n: u64| {
        format!(
            " {:x} {}",
            n.wrapping_mul(0x9E37_79B9_7F4A_7C15),
            "é".repeat((n % 90) as usize)
        )
    };
    for round in 0..40u64 {
        let text: String = (0..10_000).map(|n| word(n + round * 7_000)).collect();
        let all = encoders.iter_mut().map(|encoder| {
            let mut ids = Vec::new();
            encoder.encode_text(&text, &mut ids).unwrap();
            ids
        });
        let all: Vec<_> = all.collect();
        if round % 13 == 0 {
            let theirs = qwen.theirs.encode_fast(text.as_str(), false).unwrap();
            all.iter().for_each(|ids| assert_eq!(ids, theirs.get_ids()));
        }
    }
}

#[test]
fn words_of_many_tokens_stay_exact_when_their_ids_are_forgotten() {
    let qwen = &PAIRS[0];
    let mut encoder = Encoder::new(qwen.ours.clone());
    let letters =
        |mixed: u64| (0..15).map(move |at| char::from(b'a' + (mixed >> (4 * at) & 15) as u8));
    let word = |n: u64| letters(n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect::<String>();
    for round in 0..36u64 {
        // Every tenth word is one of a hundred that come again and again.
        let number = |n: u64| {
            if n.is_multiple_of(10) {
                n % 1000
            } else {
                n + round * 10_000
            }
        };
        let words: Vec<String> = (0..10_000).map(|n| word(number(n))).collect();
        let text = words.join(" ");
        let mut ids = Vec::new();
        encoder.encode_text(&text, &mut ids).unwrap();
        if round % 3 == 2 {
            let theirs = qwen.theirs.encode_fast(text.as_str(), false).unwrap();
            assert_eq!(ids, theirs.get_ids(), "round {round}");
        }
    }
}

#[test]
fn contractions_fold_as_the_engine_folds() {
    let case = |character: &char| {
        character
            .to_lowercase()
            .chain(character.to_uppercase())
            .any(|folded| folded != *character)
    };
    let every = (0..=0x10_FFFF).filter_map(char::from_u32);
    let chosen = every.filter(|character| case(character) || u32::from(*character) % 509 == 0);
    let lines: Vec<_> = chosen
        .map(|x| format!("x'{x} y'{x}e z'r{x} u'l{x}l\n"))
        .collect();
    for pair in [&PAIRS[1], &PAIRS[4], &PAIRS[5]] {
        let mut encoders = encoders(pair);
        for text in lines.chunks(100).map(<[String]>::concat) {
            let theirs = pair.theirs.encode_fast(text.as_str(), false).unwrap();
            for encoder in &mut encoders {
                let mut ids = Vec::new();
                encoder.encode_text(&text, &mut ids).unwrap();
                assert!(ids == theirs.get_ids(), "{}: {text}", pair.name);
            }
        }
    }
}

#[test]
fn batches_equal_single_texts() {
    let encoders = Encoders::new(PAIRS[0].ours.clone());
    let mut encoder = Encoder::new(PAIRS[0].ours.clone());
    let rows: Vec<String> = (0..3_000)
        .map(|n| format!("row {n} ").repeat(n % 300))
        .collect();
    let bytes: Vec<&[u8]> = rows.iter().map(String::as_bytes).collect();
    for threads in [1, 2, 7] {
        let batch = encoders.encode_batch(&bytes, threads).unwrap();
        assert_eq!(batch.offsets.len(), rows.len() + 1);
        for (row, ends) in rows.iter().zip(batch.offsets.windows(2)) {
            let mut ids = Vec::new();
            encoder.encode_text(row, &mut ids).unwrap();
            assert_eq!(batch.ids[ends[0] as usize..ends[1] as usize], ids);
        }
    }
    let broken = encoders.encode_batch(&[b"a", b"b\xff"], 2).unwrap_err();
    assert!(
        broken.to_string().starts_with("row 1 is not UTF-8"),
        "{broken}"
    );
    assert!(encoders.encode_batch(&[], 2).unwrap().offsets == [0]);
}
