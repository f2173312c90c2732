//! Images in chat templates: those written by hand against an engine, and what may not be learned of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use octomed_text::{
    Encoder, ImageSlot, Message, Rendered, Supervise, Template, TemplateError, Tokenizer,
};
use proptest::prelude::*;
use proptest::sample::select;

const IMAGE: &str = "<|vision_start|><|image_pad|><|vision_end|>";
const PAD: &str = "<|image_pad|>";

static TOKENIZER: LazyLock<Arc<Tokenizer>> =
    LazyLock::new(|| Arc::new(Tokenizer::builtin("qwen2.5").unwrap()));

static REFERENCE: LazyLock<tokenizers::Tokenizer> = LazyLock::new(|| {
    let json = Tokenizer::builtin_json("qwen2.5").unwrap();
    tokenizers::Tokenizer::from_bytes(json).unwrap()
});

/// A template written by hand and the same for the engine, of each name.
static TEMPLATES: LazyLock<[[Template; 2]; 2]> = LazyLock::new(|| {
    ["qwen2.5-vl", "qwen3-vl"].map(|name| [builtin(name), compiled(&equivalent(name))])
});

fn controls() -> Vec<(String, u32)> {
    TOKENIZER.special_tokens()
}

fn compiled(source: &str) -> Template {
    Template::compile(source, &BTreeMap::new(), &controls()).unwrap()
}

fn builtin(name: &str) -> Template {
    Template::builtin(name, &controls()).unwrap()
}

/// Templates of our own that write what the built-in ones of these names write.
fn equivalent(name: &str) -> String {
    let parts = |images: bool| {
        let image = if images { IMAGE } else { "" };
        format!(
            "{{%- if message.content is string %}}{{{{- message.content }}}}{{%- else %}}\
             {{%- for part in message.content %}}{{%- if part.type == 'image' or 'image' in part %}}{{{{- '{image}' }}}}\
             {{%- elif 'text' in part %}}{{{{- part['text'] }}}}{{%- endif %}}{{%- endfor %}}{{%- endif %}}"
        )
    };
    let turn = |images| {
        format!(
            "{{{{- '<|im_start|>' ~ message.role ~ '\\n' }}}}{}{{{{- '<|im_end|>\\n' }}}}",
            parts(images)
        )
    };
    let body = match name {
        "qwen2.5-vl" => format!(
            "{{%- if loop.first and message.role != 'system' %}}\
             {{{{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}}}{{%- endif %}}{}",
            turn(true)
        ),
        _ => format!(
            "{{%- if message.role == 'user' %}}{}{{%- elif message.role != 'tool' %}}{}{{%- else %}}\
             {{%- if loop.first or messages[loop.index0 - 1].role != 'tool' %}}{{{{- '<|im_start|>user' }}}}{{%- endif %}}\
             {{{{- '\\n<tool_response>\\n' }}}}{}{{{{- '\\n</tool_response>' }}}}\
             {{%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}}{{{{- '<|im_end|>\\n' }}}}{{%- endif %}}\
             {{%- endif %}}",
            turn(true),
            turn(false),
            parts(true)
        ),
    };
    format!("{{%- for message in messages %}}{body}{{%- endfor %}}")
}

/// A turn: role, content, images.
type Turn = (&'static str, String, Vec<ImageSlot>);

fn render(
    template: &Template,
    turns: &[Turn],
    supervise: Supervise,
    learned: u64,
) -> Result<Rendered, TemplateError> {
    let turns = turns.iter().enumerate();
    let messages: Vec<_> = turns
        .map(|(number, (role, content, images))| Message {
            role,
            content,
            images,
            learned: learned >> number & 1 == 1,
        })
        .collect();
    let mut out = Rendered::default();
    template.render(&messages, supervise, &mut out)?;
    Ok(out)
}

/// Contents that hold what templates and marks trip over.
fn content() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "\\PC{0,6}",
        2 => select(vec![PAD, IMAGE, "<|vision_start|>", "<|vision_end|>", "<|im_end|>", "<|im_start|>"])
            .prop_map(ToOwned::to_owned),
        3 => select(vec!["\n", " ", "\r\n", "\u{1c}", "\0", "{{ x }}", "<image>", "\u{F0000}", "\u{F0003}",
            "\u{10FFFD}", "医学", "\u{a0}", "e\u{301}"]).prop_map(ToOwned::to_owned),
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

fn turn(role: &'static str) -> impl Strategy<Value = Turn> {
    let images = prop::collection::vec((any::<prop::sample::Index>(), 1..9_u32), 0..4);
    let images = prop_oneof![1 => Just(Vec::new()), 2 => images];
    (content(), images).prop_map(move |(content, images)| {
        let places: Vec<usize> = (0..=content.len())
            .filter(|at| content.is_char_boundary(*at))
            .collect();
        let mut images: Vec<ImageSlot> = images
            .iter()
            .map(|(index, tokens)| ImageSlot {
                at: *index.get(&places),
                tokens: *tokens,
            })
            .collect();
        images.sort_by_key(|image| image.at);
        (role, content, images)
    })
}

fn conversation() -> impl Strategy<Value = Vec<Turn>> {
    let middle = select(vec!["user", "assistant", "tool"]).prop_flat_map(turn);
    let system = prop::option::weighted(0.3, turn("system"));
    (
        system,
        turn("user"),
        prop::collection::vec(middle, 0..4),
        turn("assistant"),
    )
        .prop_map(|(system, user, middle, last)| {
            let first = system.into_iter().chain([user]);
            first.chain(middle).chain([last]).collect()
        })
}

/// The turns as one writes them down: contents with the placeholders in them.
fn written_out(turns: &[Turn]) -> Vec<String> {
    let written = |(_, content, images): &Turn| {
        let mut text = String::new();
        let mut before = 0;
        for image in images {
            text += &content[before..image.at];
            text += IMAGE;
            before = image.at;
        }
        text + &content[before..]
    };
    turns.iter().map(written).collect()
}

fn sound(rendered: &Rendered, turns: &[Turn]) {
    let pads: Vec<_> = (rendered.controls.iter())
        .filter(|control| rendered.text[control.bytes.clone()] == *PAD)
        .collect();
    let tokens: Vec<u32> = turns
        .iter()
        .flat_map(|turn| &turn.2)
        .map(|image| image.tokens)
        .collect();
    let repeats: Vec<u32> = pads.iter().map(|control| control.repeat).collect();
    assert_eq!(repeats, tokens);
    for control in &rendered.controls {
        let text = &rendered.text[control.bytes.clone()];
        let inside =
            |span: &Range<usize>| span.start < control.bytes.end && control.bytes.start < span.end;
        if text.contains("vision") || text == PAD {
            assert!(!rendered.supervised.iter().any(inside), "{text} is learned");
        } else {
            assert_eq!(control.repeat, 1);
        }
    }
}

fn supervise(last: bool) -> Supervise {
    if last {
        Supervise::Last
    } else {
        Supervise::All
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Built-in and engine write the same text, controls and spans, or refuse the same turns with the same words.
    #[test]
    fn images_are_written_as_the_engine_writes_them(
        turns in conversation(),
        qwen3 in any::<bool>(),
        last in any::<bool>(),
        learned in prop_oneof![2 => Just(u64::MAX), 1 => any::<u64>()],
    ) {
        let [by_hand, engine] = &TEMPLATES[usize::from(qwen3)];
        let by_hand = render(by_hand, &turns, supervise(last), learned);
        let engine = render(engine, &turns, supervise(last), learned);
        let dropped = |(role, _, images): &Turn| {
            qwen3 && !images.is_empty() && matches!(*role, "system" | "assistant")
        };
        match turns.iter().position(dropped) {
            Some(turn) => {
                let error = TemplateError::ImageInRole { turn, role: turns[turn].0.to_owned() };
                prop_assert!(error.blames_row());
                prop_assert_eq!(by_hand.unwrap_err(), error.clone());
                prop_assert_eq!(engine.unwrap_err(), error);
            }
            None => {
                let by_hand = by_hand.unwrap();
                sound(&by_hand, &turns);
                prop_assert_eq!(engine.unwrap(), by_hand);
            }
        }
    }

    /// The text is that of turns whose contents have the placeholders in them; spans are those without the images.
    #[test]
    fn only_placeholders_are_added_and_never_learned(turns in conversation(), last in any::<bool>()) {
        let [template, _] = &TEMPLATES[0];
        let with = render(template, &turns, supervise(last), u64::MAX).unwrap();
        let texts = written_out(&turns);
        let bare: Vec<Turn> = turns.iter().zip(&texts).map(|(turn, text)| (turn.0, text.clone(), vec![])).collect();
        let typed = render(template, &bare, supervise(last), u64::MAX).unwrap();
        prop_assert_eq!(&with.text, &typed.text);
        let learned: String = with.supervised.iter().map(|span| &with.text[span.clone()]).collect();
        let none: Vec<Turn> = turns.iter().map(|turn| (turn.0, turn.1.clone(), vec![])).collect();
        let none = render(template, &none, supervise(last), u64::MAX).unwrap();
        let expected: String = none.supervised.iter().map(|span| &none.text[span.clone()]).collect();
        prop_assert_eq!(learned, expected);
    }

    /// The ids are those of the text in which each placeholder stands as often as its image has tokens.
    #[test]
    fn ids_are_those_of_the_expanded_text(turns in conversation(), last in any::<bool>()) {
        let tokenizer = Arc::clone(&TOKENIZER);
        let rendered = render(&TEMPLATES[0][0], &turns, supervise(last), u64::MAX).unwrap();
        let mut encoder = Encoder::new(tokenizer);
        let (mut ids, mut spans) = (vec![], vec![]);
        let encoded = encoder.encode(&rendered, &mut ids, &mut spans).unwrap();
        let (mut slow, mut slow_spans) = (vec![], vec![]);
        let slow_encoded = encoder.encode(&expanded(&rendered), &mut slow, &mut slow_spans).unwrap();
        prop_assert_eq!(&ids, &slow);
        prop_assert_eq!(&spans, &slow_spans);
        prop_assert_eq!(encoded, slow_encoded);
        for [start, end] in spans {
            let learned = &ids[start as usize..end as usize];
            prop_assert!(!learned.iter().any(|id| (151_652..=151_656).contains(id)));
        }
    }

    /// A processor writes a placeholder as often as its image has tokens, and the tokenizer reads the text with all
    /// special tokens in it.
    #[test]
    fn ids_are_those_that_tokenizers_gives_the_expanded_text(turns in conversation()) {
        let plain = |(role, content, images): &Turn| (*role, content.replace("<|", "(|"), images.clone());
        let turns: Vec<Turn> = turns.iter().map(plain).collect();
        let rendered = render(&TEMPLATES[0][0], &turns, Supervise::All, u64::MAX).unwrap();
        let mut ids = vec![];
        Encoder::new(Arc::clone(&TOKENIZER)).encode(&rendered, &mut ids, &mut vec![]).unwrap();
        let mut tokens = turns.iter().flat_map(|turn| &turn.2).map(|image| image.tokens as usize);
        let mut texts = rendered.text.split(PAD);
        let mut expanded = texts.next().unwrap().to_owned();
        for text in texts {
            expanded += &PAD.repeat(tokens.next().unwrap());
            expanded += text;
        }
        let theirs = REFERENCE.encode_fast(expanded, false).unwrap();
        prop_assert_eq!(ids.as_slice(), theirs.get_ids());
    }
}

/// The rendering with each repeated control written out.
fn expanded(rendered: &Rendered) -> Rendered {
    let mut out = Rendered::default();
    let mut at = 0;
    let mut places = BTreeMap::new();
    for control in &rendered.controls {
        let text = &rendered.text[control.bytes.clone()];
        places.extend((at..=control.bytes.start).map(|byte| (byte, out.text.len() + byte - at)));
        out.text += &rendered.text[at..control.bytes.start];
        for _ in 0..control.repeat {
            let start = out.text.len();
            out.text += text;
            let bytes = start..out.text.len();
            out.controls.push(octomed_text::Control {
                bytes,
                id: control.id,
                repeat: 1,
            });
        }
        at = control.bytes.end;
        places.insert(at, out.text.len());
    }
    places.extend((at..=rendered.text.len()).map(|byte| (byte, out.text.len() + byte - at)));
    out.text += &rendered.text[at..];
    let spans = rendered.supervised.iter();
    out.supervised = spans
        .map(|span| places[&span.start]..places[&span.end])
        .collect();
    out
}

fn one_image(role: &'static str) -> Vec<Turn> {
    let image = vec![ImageSlot { at: 0, tokens: 4 }];
    let turn = |own: &'static str| {
        let images = if own == role { image.clone() } else { vec![] };
        (own, "x".to_owned(), images)
    };
    match role {
        "system" => vec![turn("system"), turn("user"), turn("assistant")],
        "tool" => vec![
            turn("user"),
            turn("assistant"),
            turn("tool"),
            turn("assistant"),
        ],
        _ => vec![turn("user"), turn("assistant")],
    }
}

#[test]
fn templates_say_which_roles_take_images() {
    let roles = ["system", "user", "assistant", "tool"];
    for (name, expected) in [
        ("qwen2.5", [false; 4]),
        ("llama-3", [false; 4]),
        ("qwen2.5-vl", [true; 4]),
        ("qwen3-vl", [false, true, false, true]),
    ] {
        let mut controls = controls();
        let llama = [
            "<|begin_of_text|>",
            "<|start_header_id|>",
            "<|end_header_id|>",
            "<|eot_id|>",
        ];
        controls.extend(llama.map(|token| (token.to_owned(), 9)));
        let template = Template::builtin(name, &controls).unwrap();
        assert_eq!(
            roles.map(|role| template.takes_images(role)),
            expected,
            "{name}"
        );
        if name.ends_with("-vl") {
            let engine = compiled(&equivalent(name));
            assert_eq!(
                roles.map(|role| engine.takes_images(role)),
                expected,
                "{name}"
            );
        }
        for (role, takes) in roles.into_iter().zip(expected) {
            let rendered = render(&template, &one_image(role), Supervise::All, u64::MAX);
            assert_eq!(rendered.is_ok(), takes, "{name} {role}");
        }
    }
}

#[test]
fn a_template_without_images_is_named() {
    let error = render(
        &builtin("qwen2.5"),
        &one_image("user"),
        Supervise::All,
        u64::MAX,
    );
    let error = error.unwrap_err();
    assert_eq!(
        error.to_string(),
        "chat template `qwen2.5` writes no images"
    );
    assert!(!error.blames_row() && error.hint().unwrap().contains(IMAGE));
    let text_only = "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}";
    let prints = text_only.replace(" + m.content + ", " ~ m.content ~ ");
    let other = "{% for m in messages %}{% for p in m.content %}{{ p.text or '<image_soft_token>' }}{% endfor %}<|im_end|>{% endfor %}";
    for source in [text_only, &prints, other] {
        let error = render(
            &compiled(source),
            &one_image("user"),
            Supervise::All,
            u64::MAX,
        )
        .unwrap_err();
        assert_eq!(
            error,
            TemplateError::NoImages { template: None },
            "{source}"
        );
    }
    let mut only_text = controls();
    only_text.retain(|(token, _)| token.starts_with("<|im_"));
    let poor = Template::builtin("qwen2.5-vl", &only_text).unwrap();
    assert!(!poor.takes_images("user"));
    let error = render(&poor, &one_image("user"), Supervise::All, u64::MAX).unwrap_err();
    assert!(matches!(
        error,
        TemplateError::MissingControl {
            template: "qwen2.5-vl",
            ..
        }
    ));
}

#[test]
fn images_that_a_template_moves_doubles_or_counts_wrong_are_refused() {
    let parts = |image: &str| {
        format!(
            "{{% for m in messages %}}{{{{ '<|im_start|>' ~ m.role ~ '\n' }}}}{{% if m.content is string %}}{{{{ m.content }}}}\
             {{% else %}}{{% for p in m.content %}}{{% if p.type == 'image' %}}{image}{{% else %}}{{{{ p.text }}}}{{% endif %}}\
             {{% endfor %}}{{% endif %}}<|im_end|>\n{{% endfor %}}"
        )
    };
    let turns = vec![
        (
            "user",
            "a b".to_owned(),
            vec![
                ImageSlot { at: 1, tokens: 2 },
                ImageSlot { at: 3, tokens: 3 },
            ],
        ),
        ("assistant", "c".to_owned(), vec![]),
    ];
    let rendered = |image: &str| render(&compiled(&parts(image)), &turns, Supervise::All, u64::MAX);
    for good in [
        IMAGE,
        PAD,
        "Picture: <|vision_start|><|image_pad|><|vision_end|>",
    ] {
        let rendered = rendered(good).unwrap();
        let pads = rendered
            .controls
            .iter()
            .filter(|control| control.repeat > 1);
        assert_eq!(
            pads.map(|control| control.repeat).collect::<Vec<_>>(),
            [2, 3]
        );
        assert!(
            rendered
                .text
                .contains(&format!("a{good} b{good}<|im_end|>"))
        );
    }
    let twice = IMAGE.repeat(2);
    for bad in [
        &twice,
        "",
        "<|vision_start|>",
        "<|vision_start|><|im_end|><|image_pad|>",
    ] {
        assert!(
            matches!(rendered(bad), Err(TemplateError::NoImages { .. })),
            "{bad}"
        );
    }
    let first = "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content if p.type == 'image' %}\
                 <|image_pad|>{% endfor %}{% for p in m.content if p.type == 'text' %}{{ p.text }}{% endfor %}{% endif %}<|im_end|>{% endfor %}";
    let error = render(&compiled(first), &turns, Supervise::All, u64::MAX).unwrap_err();
    assert!(
        matches!(error, TemplateError::ImageInRole { turn: 0, .. }),
        "{error}"
    );
    let front = render(
        &compiled(first),
        &one_image("user"),
        Supervise::All,
        u64::MAX,
    )
    .unwrap();
    assert_eq!(front.text, "<|image_pad|>x<|im_end|>x<|im_end|>");
    let reversed = parts(IMAGE).replace("in m.content %}", "in m.content[::-1] %}");
    let error = render(&compiled(&reversed), &turns, Supervise::All, u64::MAX).unwrap_err();
    assert!(error.blames_row(), "{error}");
}

#[test]
fn slots_that_are_no_places_of_the_content_are_refused() {
    let slot = |at, tokens| ImageSlot { at, tokens };
    for images in [
        vec![slot(3, 1)],
        vec![slot(1, 1)],
        vec![slot(2, 1), slot(0, 1)],
        vec![slot(0, 0)],
    ] {
        for template in [builtin("qwen2.5-vl"), compiled(&equivalent("qwen2.5-vl"))] {
            let turns = vec![
                ("user", "é".to_owned(), images.clone()),
                ("assistant", "a".to_owned(), vec![]),
            ];
            let error = render(&template, &turns, Supervise::All, u64::MAX).unwrap_err();
            assert_eq!(error, TemplateError::BadImageSlot { turn: 0 });
        }
    }
}

/// Marks stand inside the white space that a template trims, in whichever part that is.
#[test]
fn images_in_trimmed_contents_are_found() {
    let source = "{% for m in messages %}{{ '<|im_start|>' ~ m.role ~ '\n' }}{% if m.content is string %}{{ m.content | trim }}\
                  {% else %}{% for p in m.content %}{% if p.type == 'image' %}<|image_pad|>{% else %}{{ p.text | trim }}{% endif %}\
                  {% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
        .replace("\\\n                  ", "");
    let template = compiled(&source);
    let slot = |at| ImageSlot { at, tokens: 2 };
    for (places, user, learned) in [
        (vec![0], "@a", "a<|im_end|>"),
        (vec![1], "@a", "a<|im_end|>"),
        (vec![2], "a@", "a<|im_end|>"),
        (vec![3, 3], "a@@", "a<|im_end|>"),
        (vec![0, 1, 2, 3], "@@a@@", "a<|im_end|>"),
    ] {
        let images: Vec<_> = places.into_iter().map(slot).collect();
        let answer = if user.ends_with('@') && !user.starts_with('@') {
            images.clone()
        } else {
            vec![]
        };
        let turns = vec![
            ("user", " a ".to_owned(), images.clone()),
            (
                "user",
                " ".to_owned(),
                images
                    .clone()
                    .into_iter()
                    .filter(|image| image.at < 2)
                    .collect(),
            ),
            ("assistant", " a ".to_owned(), answer.clone()),
        ];
        let rendered = render(&template, &turns, Supervise::All, u64::MAX).unwrap();
        let written = format!("<|im_start|>user\n{}<|im_end|>\n", user.replace('@', PAD));
        assert!(rendered.text.starts_with(&written), "{}", rendered.text);
        let spans = rendered
            .supervised
            .iter()
            .map(|span| &rendered.text[span.clone()]);
        assert_eq!(spans.collect::<String>(), learned);
        sound(&rendered, &turns);
    }
}
