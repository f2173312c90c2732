//! What several targets need: mappings, chunks, findings as text, and a folder in memory.

pub mod batches;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use octomed_trace::{Block, Finding, Mapping};

/// Mappings of every kind: presets, conversations, columns under several names, templates, images, columns that rules ask
/// for.
const MAPPINGS: [&str; 10] = [
    r#"{"question": "question", "options": {"any_of": ["options"], "optional": true},
        "answer": {"any_of": ["answer"], "optional": true}, "responses": "responses",
        "system": {"any_of": ["system"], "optional": true}}"#,
    r#"{"messages": {"column": "conversations", "role": {"any_of": ["from", "role"]},
        "content": {"any_of": ["value", "content"]},
        "roles": {"human": "user", "gpt": "assistant", "tool": "tool"}},
        "system": {"any_of": ["system"], "optional": true}}"#,
    r#"{"messages": "messages"}"#,
    r#"{"id": "id", "question": "q", "reasoning": {"any_of": ["t"], "optional": true}, "response": "r"}"#,
    r#"{"question": ["q", {"any_of": ["more"], "optional": true}], "options": ["A", "B", "C"], "answer": "answer",
        "response": "{{ q }}: {{ 'ABC'[n] }} {{ A if n == 0 else B }}"}"#,
    r#"{"question": "q", "history": "history", "response": "r"}"#,
    r#"{"question": "q", "options": "options", "answer": "answer", "response": "{{ options[answer] }}"}"#,
    r#"{"question": "q", "options": {"any_of": ["options"], "optional": true}, "response": "r",
        "images": [{"any_of": ["image", "data.image"], "optional": true}, "image_2"]}"#,
    r#"{"messages": "messages", "images": {"any_of": ["images"], "optional": true}}"#,
    r#"{"question": ["data", "q"], "options": "options", "answer": "answer", "answer_is": "index_from_1",
        "answer_until": ".", "responses": "r", "finish_reason": {"any_of": ["t"], "optional": true},
        "columns": ["q", {"any_of": ["data.x"], "optional": true}]}"#,
];

static COMPILED: LazyLock<Vec<Mapping>> = LazyLock::new(|| {
    let compiled = MAPPINGS.iter().map(|json| Mapping::from_json(json));
    compiled
        .collect::<Result<_, _>>()
        .expect("a mapping of ours")
});

/// One of the mappings.
#[must_use]
pub fn mapping(choice: u8) -> &'static Mapping {
    &COMPILED[usize::from(choice) % COMPILED.len()]
}

/// Every finding of the blocks as text. The detail of a refusal counts bytes, so it is the same however a file was fed.
#[must_use]
pub fn findings(blocks: &[Block], mapping: &Mapping) -> Vec<String> {
    let mut found = Vec::new();
    for block in blocks {
        let before = found.len();
        let read = block.for_each(mapping, |finding| {
            found.push(match finding {
                Finding::Row(row) => format!("{row:?}"),
                Finding::Refused(refusal) => format!("{refusal:?}"),
            });
            Ok::<(), std::convert::Infallible>(())
        });
        let Ok(()) = read;
        assert_eq!((found.len() - before) as u64, block.rows(), "a row is lost");
    }
    found
}

/// The bytes in pieces of `size`.
pub fn chunks(bytes: &[u8], size: u8) -> impl Iterator<Item = &[u8]> {
    bytes.chunks(match size {
        0 => usize::MAX,
        size => usize::from(size),
    })
}

/// A folder of this process, in memory where the system has such.
#[must_use]
pub fn folder(name: &str) -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let parent = if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    };
    let folder = parent.join(format!("octomed-fuzz-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for a target's files");
    folder
}

/// Lets panics unwind, where libFuzzer's hook would end the process although the crate catches them. One that is not
/// caught ends it all the same.
pub fn let_panics_unwind() {
    std::panic::set_hook(Box::new(|panic| eprintln!("panic: {panic}")));
}

/// What `apply_chat_template` passes besides the messages.
#[must_use]
pub fn variables() -> BTreeMap<String, String> {
    let pairs = [("bos_token", "<s>"), ("eos_token", "</s>")];
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

/// Control tokens of a made-up vocabulary.
#[must_use]
pub fn controls() -> Vec<(String, u32)> {
    let names = ["<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|endoftext|>"];
    names.map(str::to_owned).into_iter().zip(1000..).collect()
}
