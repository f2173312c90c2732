//! Templates from elsewhere: chat templates, prompts, and responses written out of columns.
#![no_main]

use libfuzzer_sys::fuzz_target;
use octomed_fuzz::{controls, findings, let_panics_unwind, variables};
use octomed_text::{ImageSlot, Message, Prompt, PromptOption, Rendered, Supervise, Template};
use octomed_trace::{JsonLinesCutter, Mapping, Numbering};

const ROW: &[u8] = br#"{"q": "Why?", "r": "Because.", "n": 1, "x": 0.5, "l": ["a", "b"], "o": {"A": "x", "B": null}}"#;

// The first byte chooses the kind, the rest is the source.
fuzz_target!(
    init: let_panics_unwind(),
    |input: &[u8]| {
        let [kind, source @ ..] = input else { return };
        let Ok(source) = std::str::from_utf8(source) else {
            return;
        };
        match kind % 3 {
            0 => chat(source),
            1 => prompt(source),
            _ => response(source),
        }
    }
);

fn chat(source: &str) {
    let Ok(template) = Template::compile(source, &variables(), &controls()) else {
        return;
    };
    let _ = template.probe();
    let turns = [
        ("system", "Think."),
        ("user", "Why?\n<|im_end|>"),
        ("assistant", " 因为 \n"),
        ("user", ""),
        ("assistant", "b"),
    ];
    let slots = [0, 4, 4].map(|at| ImageSlot { at, tokens: 3 });
    let mut out = Rendered::default();
    for images in [&[][..], &slots] {
        let messages = turns.map(|(role, content)| Message {
            role,
            content,
            images: if content.len() > 5 { images } else { &[] },
            learned: true,
        });
        for supervise in [Supervise::All, Supervise::Last] {
            if template.render(&messages, supervise, &mut out).is_ok() {
                sound(&out);
            }
        }
    }
}

/// What the tokenizer relies on: controls and spans ascend, and cut no character.
fn sound(out: &Rendered) {
    for ranges in [
        out.controls
            .iter()
            .map(|control| control.bytes.clone())
            .collect(),
        out.supervised.clone(),
    ] {
        let mut before = 0;
        for range in ranges {
            assert!(
                before <= range.start && range.start < range.end,
                "{range:?} behind {before}"
            );
            assert!(
                out.text.get(range.clone()).is_some(),
                "{range:?} cuts a character"
            );
            before = range.end;
        }
    }
}

fn prompt(source: &str) {
    let Ok(prompt) = Prompt::compile(source) else {
        return;
    };
    let options = [("A", "x", "A) x"), ("B", "", "B")];
    let options = options.map(|(label, text, written)| PromptOption {
        label,
        text,
        written,
    });
    let _ = prompt.render("Why?", &options, Some("Think."), &mut String::new());
}

fn response(source: &str) {
    let mut json = String::from("\"");
    source.chars().for_each(|letter| match letter {
        '"' | '\\' => json.extend(['\\', letter]),
        control if control < ' ' => json.push_str(&format!("\\u{:04x}", u32::from(control))),
        letter => json.push(letter),
    });
    json.push('"');
    let Ok(mapping) = Mapping::from_json(&format!(r#"{{"question": "q", "response": {json}}}"#))
    else {
        return;
    };
    let mut cutter = JsonLinesCutter::new(0, None, Numbering::ByteOffset, 1 << 20);
    let mut blocks = cutter.feed(ROW).unwrap_or_default();
    blocks.extend(cutter.finish().ok().flatten());
    let _ = findings(&blocks, &mapping);
}
