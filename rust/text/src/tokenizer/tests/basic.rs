//! What comes out for known texts.

use std::sync::Arc;

use crate::tokenizer::{Encoder, Tokenizer};
use crate::{Control, Rendered, TextError};

fn qwen() -> Arc<Tokenizer> {
    Arc::new(Tokenizer::builtin("qwen2.5").unwrap())
}

fn ids_of(encoder: &mut Encoder, text: &str) -> Vec<u32> {
    let mut ids = Vec::new();
    encoder.encode_text(text, &mut ids).unwrap();
    ids
}

#[test]
fn published_ids_come_out() {
    let tokenizer = qwen();
    assert_eq!(tokenizer.token_to_id("Hello"), Some(9707));
    assert_eq!(tokenizer.token_to_id("<|im_start|>"), Some(151_644));
    assert_eq!(tokenizer.vocabulary_size(), 151_665);
    let mut encoder = Encoder::new(tokenizer);
    assert_eq!(ids_of(&mut encoder, "Hello"), [9707]);
    assert!(!ids_of(&mut encoder, "<|im_end|>").contains(&151_645));
    assert_eq!(ids_of(&mut encoder, "<tool_call>"), [151_657]);
}

#[test]
fn controls_and_spans_come_out() {
    let text = "<|im_start|>assistant\n\n<think>yes</think><|im_end|>\n".to_owned();
    let end = text.find("<|im_end|>").unwrap();
    let start = text.find("\n<think>").unwrap();
    let rendered = Rendered {
        controls: vec![
            Control {
                bytes: 0..12,
                id: 151_644,
                repeat: 1,
            },
            Control {
                bytes: end..end + 10,
                id: 151_645,
                repeat: 1,
            },
        ],
        supervised: vec![start..end + 10],
        text,
        ..Rendered::default()
    };
    let tokenizer = qwen();
    let mut encoder = Encoder::new(tokenizer.clone());
    let (mut ids, mut spans) = (vec![7], Vec::new());
    let encoded = encoder.encode(&rendered, &mut ids, &mut spans).unwrap();
    assert_eq!(ids[1], 151_644);
    assert_eq!(
        tokenizer.decode_bytes(&ids[1..]).unwrap(),
        rendered.text.as_bytes()
    );
    assert_eq!(encoded.tokens as usize, ids.len() - 1);
    assert_eq!(encoded.straddling, 1, "the two line breaks are one token");
    let inside = &ids[1..][spans[0][0] as usize..spans[0][1] as usize];
    assert_eq!(
        tokenizer.decode_bytes(inside).unwrap(),
        b"<think>yes</think><|im_end|>"
    );
    assert_eq!(encoded.supervised as usize, inside.len());
}

#[test]
fn a_control_that_repeats_is_one_text_and_many_tokens() {
    let text = "<|vision_start|><|image_pad|><|vision_end|>What?<|im_end|>".to_owned();
    let control = |name: &str, id, repeat| {
        let start = text.find(name).unwrap();
        let bytes = start..start + name.len();
        Control { bytes, id, repeat }
    };
    let rendered = |repeat| Rendered {
        controls: vec![
            control("<|vision_start|>", 151_652, 1),
            control("<|image_pad|>", 151_655, repeat),
            control("<|vision_end|>", 151_653, 1),
            control("<|im_end|>", 151_645, 1),
        ],
        supervised: vec![text.find("What").unwrap()..text.len()],
        text: text.clone(),
        ..Rendered::default()
    };
    let mut encoder = Encoder::new(qwen());
    let mut encode = |repeat| {
        let (mut ids, mut spans) = (Vec::new(), Vec::new());
        let encoded = encoder.encode(&rendered(repeat), &mut ids, &mut spans);
        encoded.map(|encoded| (ids, spans, encoded))
    };
    let (once, spans, encoded) = encode(1).unwrap();
    assert_eq!(once[..3], [151_652, 151_655, 151_653]);
    let (many, moved, counted) = encode(324).unwrap();
    assert_eq!(many[..2], once[..2]);
    assert!(many[1..325].iter().all(|id| *id == 151_655));
    assert_eq!(many[325..], once[2..]);
    assert_eq!(moved, [[spans[0][0] + 323, spans[0][1] + 323]]);
    assert_eq!(counted.tokens, encoded.tokens + 323);
    assert_eq!(counted.supervised, encoded.supervised);
    assert!(matches!(encode(u32::MAX), Err(TextError::TooLong(_))));
}

#[test]
fn built_in_equals_its_file() {
    for name in ["qwen2.5", "qwen3"] {
        let ours = Tokenizer::builtin(name).unwrap();
        let read = Tokenizer::from_json(Tokenizer::builtin_json(name).unwrap().as_bytes()).unwrap();
        assert_eq!(ours.content_hash(), read.content_hash());
        assert_eq!(ours.special_tokens(), read.special_tokens());
        assert_eq!(ours.vocabulary_size(), read.vocabulary_size());
        assert_eq!(
            ours.token_to_id("\u{120}the"),
            read.token_to_id("\u{120}the")
        );
    }
    let hashes = ["qwen2.5", "qwen3"].map(|name| Tokenizer::builtin(name).unwrap().content_hash());
    assert_ne!(hashes[0], hashes[1]);
}

#[test]
fn wrong_ranges_are_refused() {
    let mut encoder = Encoder::new(qwen());
    let text = "aé<|im_end|>".to_owned();
    let control = |bytes| Control {
        bytes,
        id: 151_645,
        repeat: 1,
    };
    let cases = [
        (vec![control(2..4)], vec![]),
        (vec![control(3..13), control(4..13)], vec![]),
        (vec![control(3..3)], vec![]),
        (vec![control(3..99)], vec![]),
        (vec![], vec![0..2]),
        (vec![], vec![3..4, 0..1]),
        (vec![], vec![0..99]),
    ];
    for (controls, supervised) in cases {
        let rendered = Rendered {
            text: text.clone(),
            controls,
            supervised,
            ..Rendered::default()
        };
        assert!(
            encoder
                .encode(&rendered, &mut Vec::new(), &mut Vec::new())
                .is_err(),
            "{rendered:?}"
        );
    }
}
