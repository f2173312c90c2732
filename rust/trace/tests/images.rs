//! Images of rows: every form in which formats hold them, where they stand, and why a row has none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{mapping, one};
use octomed_trace::{
    Body, CsvCutter, CsvDialect, Finding, ImageValue, JsonLinesCutter, Numbering, Part,
    place_images,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const ASKED: &str = r#"{"question": "q", "options": {"any_of": ["o"], "optional": true}, "response": "r",
    "history": {"any_of": ["h"], "optional": true}, "images": {"any_of": ["image", "images"], "optional": true}}"#;
const MESSAGES: &str =
    r#"{"messages": "messages", "images": {"any_of": ["images"], "optional": true}}"#;
const UNMAPPED: &str = r#"{"messages": "messages"}"#;
const LLAVA: &str = r#"{"id": {"any_of": ["id"], "optional": true}, "messages": {"column": "conversations",
    "role": {"any_of": ["from"]}, "content": {"any_of": ["value"]}, "roles": {"human": "user", "gpt": "assistant"}},
    "images": {"any_of": ["image", "images"], "optional": true}}"#;

/// The images of the row and the turns of its conversation, or reason and detail.
fn read(json: &str, row: &Value) -> Result<(Vec<String>, Vec<String>), String> {
    let row = row.to_string();
    let mut cutter = JsonLinesCutter::new(0, None, Numbering::RowNumber, 1 << 20);
    let mut blocks = cutter.feed(row.as_bytes()).unwrap();
    blocks.extend(cutter.finish().unwrap());
    let mut found = Vec::new();
    let result = blocks[0].for_each(&mapping(json), |finding| {
        found.push(match finding {
            Finding::Refused(refusal) => {
                Err(format!("{}: {}", refusal.reason.as_str(), refusal.detail))
            }
            Finding::Row(row) => {
                let images = row.images.iter().map(|image| match &image.value {
                    ImageValue::Text(text) => text.clone().into_owned(),
                    other => format!("{other:?}"),
                });
                let turns = match &row.body {
                    Body::Conversation(turns) => turns.iter().map(turn).collect(),
                    Body::Question { question, .. } => vec![question.clone().into_owned()],
                };
                Ok((images.collect(), turns))
            }
        });
        Ok::<(), std::convert::Infallible>(())
    });
    result.unwrap();
    found.remove(0)
}

fn turn(turn: &octomed_trace::Turn<'_>) -> String {
    let parts = turn.content.iter().map(|part| match part {
        Part::Text(text) => text.clone().into_owned(),
        Part::Image(number) => format!("[{number}]"),
    });
    format!("{}: {}", turn.role, parts.collect::<String>())
}

fn images(json: &str, row: &Value) -> Vec<String> {
    read(json, row).unwrap().0
}

fn turns(json: &str, row: &Value) -> Vec<String> {
    read(json, row).unwrap().1
}

fn fault(json: &str, row: &Value) -> String {
    read(json, row).unwrap_err()
}

/// A conversation of one question in these parts, and one answer.
fn asked(content: Value) -> Value {
    json!([{"role": "user", "content": content}, {"role": "assistant", "content": "a"}])
}

#[test]
fn a_column_holds_one_image_or_a_list_in_any_form() {
    for (value, wanted) in [
        (json!("a/b.png"), vec!["a/b.png"]),
        (json!("file:///x/b.png"), vec!["file:///x/b.png"]),
        (
            json!("https://example.org/x"),
            vec!["https://example.org/x"],
        ),
        (
            json!("data:image/png;base64,AAAA"),
            vec!["data:image/png;base64,AAAA"],
        ),
        (json!("/9j/4AAQ"), vec!["/9j/4AAQ"]),
        (json!("train_0422"), vec!["train_0422"]),
        (json!(["a.png", "b.png"]), vec!["a.png", "b.png"]),
        (json!(["a.png", null, ""]), vec!["a.png"]),
        (json!({"bytes": "AAAA", "path": "x.png"}), vec!["AAAA"]),
        (json!({"bytes": null, "path": "x.png"}), vec!["x.png"]),
        (json!({"path": "x.png"}), vec!["x.png"]),
        (json!({"url": "http://x/y"}), vec!["http://x/y"]),
        (
            json!({"image_url": {"url": "http://x/y"}}),
            vec!["http://x/y"],
        ),
        (
            json!([{"bytes": null, "path": "x.png"}, "y.png"]),
            vec!["x.png", "y.png"],
        ),
        (json!("[\"a.png\", \"b.png\"]"), vec!["a.png", "b.png"]),
        (json!("['a.png', 'b.png']"), vec!["a.png", "b.png"]),
        (json!("[{'bytes': None, 'path': 'a.png'}]"), vec!["a.png"]),
        (json!("{\"path\": \"a.png\"}"), vec!["a.png"]),
        (json!("[1].png"), vec!["[1].png"]),
    ] {
        let row = json!({"q": "q", "r": "r", "image": value});
        assert_eq!(images(ASKED, &row), wanted, "{value}");
    }
}

#[test]
fn nothing_is_no_image() {
    for value in [
        json!(null),
        json!(""),
        json!("  "),
        json!([]),
        json!([null]),
        json!([""]),
        json!("[]"),
        json!("nan"),
        json!("NaN"),
        json!("None"),
        json!({}),
        json!({"bytes": null, "path": null}),
        json!({"bytes": "", "path": ""}),
        json!([{"bytes": null, "path": null}]),
    ] {
        let row = json!({"q": "q", "r": "r", "image": value});
        assert_eq!(images(ASKED, &row), [""; 0], "{value}");
    }
    assert_eq!(images(ASKED, &json!({"q": "q", "r": "r"})), [""; 0]);
    let required = r#"{"question": "q", "response": "r", "images": "image"}"#;
    assert!(fault(required, &json!({"q": "q", "r": "r"})).starts_with("missing_field"));
    let bare = r#"{"q": "q", "r": "r", "image": NaN}"#;
    assert!(one(required, bare).contains("images: []"));
}

#[test]
fn what_is_no_image_is_a_reject_of_its_own() {
    for (value, wanted) in [
        (
            json!(3),
            "image_value: `image` or `images` holds an integer",
        ),
        (json!(0.5), "image_value"),
        (json!(true), "image_value"),
        (json!([255, 216]), "image_value"),
        (
            json!([[255, 216]]),
            "image_value: `image` or `images` holds a list of numbers",
        ),
        (
            json!([["a.png"]]),
            "image_value: `image` or `images` holds a list in the place",
        ),
        (
            json!({"height": 3}),
            "image_value: `image` or `images` holds an object without",
        ),
        (json!({"bytes": [255, 216], "path": null}), "image_value"),
        (json!({"bytes": 3}), "image_value"),
        (json!({"path": 3}), "image_value"),
        (json!(["a.png", 3]), "image_value"),
        (json!("[3]"), "image_value"),
        (json!("{'bytes': b'\\x89PNG', 'path': None}"), "image_value"),
        (
            json!("[{'bytes': b'\\x89PNG', 'path': None}]"),
            "image_value",
        ),
        (
            json!("a.mp4"),
            "image_kind: `image` or `images` names or holds a video",
        ),
        (
            json!("scan.DCM"),
            "image_kind: `image` or `images` names or holds DICOM",
        ),
        (
            json!("scan.nii.gz"),
            "image_kind: `image` or `images` names or holds NIfTI",
        ),
        (json!("https://x/y.mp4?z=a.png"), "image_kind"),
        (json!("data:video/mp4;base64,AA"), "image_kind"),
        (json!("<svg></svg>"), "image_kind"),
        (json!({"bytes": null, "path": "x.wav"}), "image_kind"),
    ] {
        let row = json!({"q": "q", "r": "r", "image": value});
        let found = fault(ASKED, &row);
        assert!(found.starts_with(wanted), "{value}: {found}");
    }
    let twice = r#"{"q": "q", "r": "r", "image": {"path": "a", "path": "b"}}"#;
    assert!(one(ASKED, twice).starts_with("duplicate_key"));
}

#[test]
fn numbered_columns_are_images_in_order() {
    let mmmu = r#"{"question": "question", "options": "options", "response": "r",
        "images": ["image_1", "image_2", "image_3"]}"#;
    let row = |more: Value| {
        let mut row = json!({"question": "See <image 1>.", "options": "['<image 2>', \"it's <image 1>\"]", "r": "A"});
        let more = more.as_object().unwrap().clone();
        row.as_object_mut().unwrap().extend(more);
        row
    };
    let both = row(json!({"image_1": "a.png", "image_2": {"path": "b.png"}, "image_3": null}));
    assert_eq!(images(mmmu, &both), ["a.png", "b.png"]);
    let absent = row(json!({"image_1": "a.png", "image_2": "b.png"}));
    assert_eq!(images(mmmu, &absent), ["a.png", "b.png"]);
    let gap = row(json!({"image_1": null, "image_2": "b.png", "image_3": "c.png"}));
    assert!(fault(mmmu, &gap).starts_with("image_count: the row numbers its images"));
    let unmapped = row(json!({"image_1": "a.png", "image_4": "d.png"}));
    assert_eq!(
        fault(mmmu, &unmapped),
        "has_image: column `image_4` holds or names a picture"
    );
}

#[test]
fn dotted_names_lead_to_images() {
    let json = r#"{"question": "data.q", "response": "data.r", "images": {"any_of": ["data.image", "data.pics.0"]}}"#;
    let row = json!({"data": {"q": "q", "r": "r", "image": {"bytes": "AAAA", "path": null}}});
    assert_eq!(images(json, &row), ["AAAA"]);
    let row = json!({"data": {"q": "q", "r": "r", "image": null, "pics": ["x.png", "y.png"]}});
    assert_eq!(images(json, &row), ["x.png"]);
    let written = json!({"data": row["data"].to_string()});
    assert_eq!(images(json, &written), ["x.png"]);
}

#[test]
fn a_question_keeps_its_placeholders_and_needs_images_for_them() {
    let row = json!({"q": "<image>\nWhat?", "r": "<image>", "images": ["a.png"]});
    assert_eq!(
        read(ASKED, &row).unwrap(),
        (vec!["a.png".to_owned()], vec!["<image>\nWhat?".to_owned()])
    );
    for asked in [
        json!({"q": "<image>\nWhat?", "r": "r"}),
        json!({"q": "q", "o": ["<image 1>", "x"], "r": "r", "images": []}),
        json!({"q": "q", "h": [["<Image1>", "x"]], "r": "r"}),
    ] {
        assert_eq!(
            fault(ASKED, &asked),
            "image_count: placeholders: 1, images: 0"
        );
    }
    assert_eq!(
        turns(
            ASKED,
            &json!({"q": "q", "h": [["x", "<image>"]], "r": "<image>"})
        ),
        ["q"]
    );
    // Nobody maps images here.
    let unmapped = r#"{"question": "q", "response": "r"}"#;
    assert!(fault(unmapped, &json!({"q": "<image>", "r": "r"})).starts_with("has_image"));
}

#[test]
fn marks_of_other_tools_are_refused_in_what_a_user_says_and_typed_control_tokens_are_text() {
    for mark in [
        "<|image|>",
        "<img src='x'>",
        "[image]",
        "<image_placeholder>",
        "<video>",
        "<image 0>",
        "![x](a.png)",
    ] {
        let row = json!({"q": format!("see {mark}"), "r": "r", "image": "a.png"});
        let found = fault(ASKED, &row);
        assert!(
            found.starts_with("has_image: a turn holds `"),
            "{mark}: {found}"
        );
        let row = json!({"q": "see", "r": mark, "image": "a.png"});
        assert_eq!(images(ASKED, &row), ["a.png"], "{mark}");
        let row = json!({"messages": asked(json!(format!("see {mark}"))), "images": ["a.png"]});
        assert!(fault(MESSAGES, &row).starts_with("has_image"), "{mark}");
    }
    let typed = "<|vision_start|><|image_pad|><|vision_end|>";
    let row = json!({"q": typed, "r": "r", "image": "a.png"});
    assert_eq!(turns(ASKED, &row), [typed]);
    let row = json!({"messages": asked(json!(typed)), "images": ["a.png"]});
    assert_eq!(turns(MESSAGES, &row)[0], format!("user: [0]{typed}"));
}

#[test]
fn llava_marks_stand_where_they_are_and_keep_their_line_break() {
    let row = |value: &str, image: Value| {
        json!({"id": "train/0.png", "image": image, "conversations": [
            {"from": "human", "value": value}, {"from": "gpt", "value": "<image> is text"}]})
    };
    let found = read(LLAVA, &row("<image>\nWhat?", json!("a.jpg"))).unwrap();
    assert_eq!(found.0, ["a.jpg"]);
    assert_eq!(found.1, ["user: [0]\nWhat?", "assistant: <image> is text"]);
    let found = turns(LLAVA, &row("é<image>b<image>", json!(["a.jpg", "b.jpg"])));
    assert_eq!(found[0], "user: é[0]b[1]");
    assert_eq!(
        turns(LLAVA, &row("<image>", json!("a.jpg")))[0],
        "user: [0]"
    );
    for (value, image, wanted) in [
        (
            "<image><image>",
            json!("a.jpg"),
            "image_count: placeholders: 2, images: 1",
        ),
        (
            "<image>",
            json!(["a.jpg", "b.jpg"]),
            "image_count: placeholders: 1, images: 2",
        ),
        (
            "<image>",
            json!(null),
            "image_count: placeholders: 1, images: 0",
        ),
        (
            "<image 2>",
            json!("a.jpg"),
            "image_count: placeholders: 2, images: 1",
        ),
        (
            "<image 1> <image>",
            json!(["a", "b"]),
            "image_count: placeholders with a number and without one are mixed: placeholders: 2, images: 2",
        ),
    ] {
        assert_eq!(fault(LLAVA, &row(value, image)), wanted, "{value}");
    }
    let numbered = turns(
        LLAVA,
        &row("<image 2>, <image_1> and <Image2>", json!(["a", "b"])),
    );
    assert_eq!(numbered[0], "user: [1], [0] and [1]");
}

#[test]
fn placeholders_go_on_from_turn_to_turn_and_images_without_one_stand_before_the_first_question() {
    let row = |first: &str, second: &str| {
        json!({"image": ["a", "b"], "conversations": [{"from": "system", "value": "s <image>"},
            {"from": "human", "value": first}, {"from": "gpt", "value": "a"},
            {"from": "human", "value": second}, {"from": "gpt", "value": "a"}]})
    };
    // PubMedVision has no placeholder, and several images in 22 % of its rows.
    assert_eq!(turns(LLAVA, &row("x", "y"))[0], "user: [0][1]x");
    let found = turns(LLAVA, &row("<image>x", "y<image>"));
    assert_eq!((&*found[0], &*found[2]), ("user: [0]x", "user: y[1]"));
    let lonely = json!({"images": ["a"], "messages": [{"role": "assistant", "content": "a"}]});
    assert_eq!(
        fault(MESSAGES, &lonely),
        "image_count: placeholders: 0, images: 1"
    );
}

#[test]
fn typed_parts_hold_images_in_every_known_form() {
    for (part, wanted) in [
        (json!({"type": "image", "image": "a.png"}), "a.png"),
        (json!({"type": "image", "path": "a.png"}), "a.png"),
        (json!({"type": "image", "url": "http://x/a"}), "http://x/a"),
        (json!({"type": "image", "bytes": "AAAA"}), "AAAA"),
        (
            json!({"type": "image", "image": {"bytes": null, "path": "a.png"}}),
            "a.png",
        ),
        (
            json!({"type": "image", "text": null, "image": "a.png"}),
            "a.png",
        ),
        (
            json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}}),
            "data:image/png;base64,AA",
        ),
        (
            json!({"type": "image_url", "image_url": "http://x/a"}),
            "http://x/a",
        ),
        (
            json!({"type": "input_image", "image_url": "http://x/a"}),
            "http://x/a",
        ),
        (
            json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}),
            "AAAA",
        ),
        (json!({"image": "a.png"}), "a.png"),
        (json!({"image_url": {"url": "a.png"}}), "a.png"),
        (json!({"type": null, "image": "a.png"}), "a.png"),
    ] {
        for json in [MESSAGES, UNMAPPED] {
            let row = json!({"messages": asked(json!([{"type": "text", "text": "x"}, part, "y"]))});
            let (images, turns) = read(json, &row).unwrap();
            assert_eq!(images, [wanted], "{part}");
            assert_eq!(turns[0], "user: x[0]y", "{part}");
        }
    }
    let both = |part: Value| turns(MESSAGES, &json!({"messages": asked(json!([part]))}))[0].clone();
    assert_eq!(
        both(json!({"text": "what", "image": "a.png"})),
        "user: [0]what"
    );
    assert_eq!(
        both(json!({"type": "text", "text": "what", "image": "a.png"})),
        "user: [0]what"
    );
    assert_eq!(
        both(json!({"type": "text", "text": "what", "image": null})),
        "user: what"
    );
    assert_eq!(
        both(json!({"type": "image", "text": "", "image": "a.png"})),
        "user: [0]"
    );
}

#[test]
fn a_part_without_an_image_takes_the_next_of_the_column() {
    let bare = json!([{"type": "image"}, {"type": "text", "text": "x <image>"}, {"type": "image", "image": null}]);
    let row = json!({"messages": asked(bare.clone()), "images": ["a", "b", "c"]});
    assert_eq!(turns(MESSAGES, &row)[0], "user: [0]x [1][2]");
    let row = json!({"messages": asked(bare.clone()), "images": ["a"]});
    assert_eq!(
        fault(MESSAGES, &row),
        "image_count: placeholders: 3, images: 1"
    );
    assert!(fault(UNMAPPED, &json!({"messages": asked(bare)})).starts_with("has_image"));
    let indexed = json!([{"type": "image", "index": 1, "text": null}, {"type": "text", "text": "x", "index": null},
        {"type": "image", "index": 0}]);
    let row = json!({"messages": asked(indexed), "images": ["a", "b"]});
    assert_eq!(turns(MESSAGES, &row)[0], "user: [1]x[0]");
    // An own image and one of the column: nobody says where the latter stands.
    let own = json!([{"type": "image", "image": "own.png"}, "x"]);
    let row = json!({"messages": asked(own.clone()), "images": ["a"]});
    assert_eq!(
        fault(MESSAGES, &row),
        "image_count: placeholders: 0, images: 1"
    );
    let row = json!({"messages": asked(json!([own[0], "<image>"])), "images": ["a"]});
    assert_eq!(
        read(MESSAGES, &row).unwrap(),
        (
            vec!["a".to_owned(), "own.png".to_owned()],
            vec!["user: [1][0]".to_owned(), "assistant: a".to_owned()],
        )
    );
}

#[test]
fn images_stand_in_turns_of_every_role() {
    let part =
        |name: &str| json!([{"type": "image", "image": name}, {"type": "text", "text": "t"}]);
    let row = json!({"messages": [
        {"role": "system", "content": part("s")}, {"role": "user", "content": part("u")},
        {"role": "tool", "content": part("t")}, {"role": "assistant", "content": part("a")}]});
    let (images, turns) = read(UNMAPPED, &row).unwrap();
    assert_eq!(images, ["s", "u", "t", "a"]);
    assert_eq!(
        turns,
        [
            "system: [0]t",
            "user: [1]t",
            "tool: [2]t",
            "assistant: [3]t"
        ]
    );
    let row = json!({"images": ["a"], "messages": [{"role": "user", "content": "x"},
        {"role": "tool", "content": "<image>"}, {"role": "assistant", "content": "a"}]});
    assert_eq!(self::turns(MESSAGES, &row)[1], "tool: [0]");
}

#[test]
fn images_beside_a_text_stand_before_it_or_where_its_placeholders_are() {
    let row = |content: &str, images: Value| json!({"messages": [{"role": "user", "content": content, "images": images}, {"role": "assistant", "content": "a"}]});
    for json in [MESSAGES, UNMAPPED] {
        let (images, turns) = read(json, &row("x", json!(["AAAA", "b.png"]))).unwrap();
        assert_eq!(images, ["AAAA", "b.png"]);
        assert_eq!(turns[0], "user: [0][1]x");
    }
    assert_eq!(
        turns(MESSAGES, &row("x<image>y", json!(["a"])))[0],
        "user: x[0]y"
    );
    assert_eq!(
        fault(MESSAGES, &row("<image><image>", json!(["a"]))),
        "image_count: placeholders: 2, images: 1"
    );
    assert_eq!(turns(MESSAGES, &row("x", json!([])))[0], "user: x");
    // FineVision: pairs of a question and its answer.
    let fine = r#"{"messages": "texts", "images": "images"}"#;
    let row = json!({"texts": [{"user": "x", "assistant": "y"}, {"user": "z", "assistant": "w"}], "images": ["a", "b"]});
    assert_eq!(
        turns(fine, &row),
        ["user: [0][1]x", "assistant: y", "user: z", "assistant: w"]
    );
}

#[test]
fn rows_of_published_sets_give_their_images() {
    let octomed = r#"{"question": "question", "options": "options", "answer": "answer", "responses": "responses", "images": "image"}"#;
    let row = json!({"image": {"bytes": "/9j/", "path": "PMC1.jpg"}, "image_hash": "d41d8cd98f00b204e9800998ecf8427e",
        "question": "Which?", "options": ["A: x", "B: y"], "answer": "A: x", "responses": ["<answer>A</answer>"]});
    assert_eq!(images(octomed, &row), ["/9j/"]);
    let frames = json!({"image": [{"path": "1.jpg"}, {"path": "2.jpg"}], "image_hash": ["a", "b"],
        "question": "q", "options": ["x"], "answer": "x", "responses": ["r"]});
    assert_eq!(images(octomed, &frames), ["1.jpg", "2.jpg"]);
    let slake =
        r#"{"id": "qid", "question": "question", "response": "answer", "images": "img_name"}"#;
    let row = json!({"img_id": 1, "img_name": "xmlab1/source.jpg", "question": "What?", "answer": "MRI", "q_lang": "en",
        "location": "Abdomen", "modality": "MRI", "answer_type": "OPEN", "base_type": "vqa", "content_type": "Modality",
        "triple": ["vhead", "_", "_"], "qid": 0});
    assert_eq!(images(slake, &row), ["xmlab1/source.jpg"]);
    let omni = r#"{"question": "question", "options": ["option_A", {"any_of": ["option_B"], "optional": true}],
        "response": "gt_answer", "images": "image_path"}"#;
    let row = json!({"dataset": "ACRIMA", "question_id": "ACRIMA_0000", "question": "q", "gt_answer": "yes",
        "image_path": "Images/ACRIMA/Im553_g_ACRIMA.png", "option_A": "yes", "option_B": null});
    assert_eq!(images(omni, &row), ["Images/ACRIMA/Im553_g_ACRIMA.png"]);
    let expert = r#"{"id": "id", "question": "question", "options": "options", "response": "label", "images": "images"}"#;
    let row = json!({"id": "MM-26", "question": "q", "options": [{"letter": "A", "content": "x"}, {"letter": "B", "content": "y"}],
        "label": "B", "images": ["MM-26-a.jpeg", "MM-26-b.jpeg"]});
    assert_eq!(images(expert, &row), ["MM-26-a.jpeg", "MM-26-b.jpeg"]);
    let trl = r#"{"messages": {"column": "completion", "context": "prompt"}, "images": "images"}"#;
    let row = json!({"prompt": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "q"}]}],
        "completion": [{"role": "assistant", "content": [{"type": "text", "text": "a"}]}], "images": ["a.png"]});
    assert_eq!(turns(trl, &row), ["user: [0]q", "assistant: a"]);
}

#[test]
fn a_csv_file_names_images() {
    let pmc = r#"{"question": "Question", "options": ["Choice A", "Choice B"], "response": {"any_of": ["Answer", "Anwser"]},
        "images": "Figure_path"}"#;
    let mapping = mapping(pmc);
    let file = "Figure_path,Question,Answer,Choice A,Choice B,Answer_label\nPMC1_F1.jpg,What?,x,A:x,B:y,A\n,Why?,x,A:x,B:y,A\n\"['a.jpg', 'b.jpg']\",q,x,A:x,B:y,A\n";
    let dialect = CsvDialect::new(',', Some('"'), None).unwrap();
    let blocks = common::cut_csv(
        CsvCutter::new(&mapping, dialect, 1 << 20),
        file.as_bytes(),
        &[9],
    )
    .unwrap();
    let rows = common::findings(&blocks[0], &mapping);
    assert!(
        rows[0].contains(r#"images: [ImageRef { value: Text("PMC1_F1.jpg")"#),
        "{}",
        rows[0]
    );
    assert!(rows[1].contains("images: []"), "{}", rows[1]);
    assert!(
        rows[2].contains(r#"Text("a.jpg")"#) && rows[2].contains(r#"Text("b.jpg")"#),
        "{}",
        rows[2]
    );
}

#[test]
fn videos_and_sounds_are_refused_by_their_name() {
    for part in [
        json!({"type": "video", "video": "a.mp4"}),
        json!({"type": "video_url", "video_url": {"url": "a"}}),
        json!({"type": "input_audio", "input_audio": {"data": "AA"}}),
        json!({"audio": "a.wav"}),
    ] {
        let row = json!({"messages": asked(json!([part, "x"]))});
        let found = fault(MESSAGES, &row);
        assert!(
            found.starts_with("image_kind: turn 0 of `messages` names or holds a part"),
            "{found}"
        );
        assert!(
            fault(UNMAPPED, &row).starts_with("has_image: a turn holds a part"),
            "{part}"
        );
    }
    let row = json!({"messages": asked(json!("x")), "images": ["a.png"], "videos": ["a.mp4"]});
    assert_eq!(
        fault(MESSAGES, &row),
        "has_image: column `videos` holds or names a picture"
    );
    let row =
        json!({"messages": asked(json!("x")), "images": ["a.png"], "videos": [], "audios": null});
    assert_eq!(images(MESSAGES, &row), ["a.png"]);
}

#[test]
fn images_that_are_left_out_are_those_that_were_left_out_before() {
    let hash = |json: &str, row: &str| {
        let mut cutter = JsonLinesCutter::new(0, None, Numbering::RowNumber, 1 << 20);
        let mut blocks = cutter.feed(row.as_bytes()).unwrap();
        blocks.extend(cutter.finish().unwrap());
        let mut found = None;
        let read = blocks[0].for_each(&mapping(json), |finding| {
            let Finding::Row(row) = finding else {
                panic!("{finding:?}")
            };
            assert!(row.images.iter().all(octomed_trace::ImageRef::is_left_out));
            assert!(row.refusal_of_images().is_none());
            found = row.image_hash();
            Ok::<(), std::convert::Infallible>(())
        });
        read.unwrap();
        found
    };
    let row = r#"{"image":"a.png","pic":["b.png"],"q":"<image>q","r":"r"}"#;
    let plain = r#"{"question": "q", "response": "r", "image_columns": []}"#;
    let mapped = r#"{"question": "q", "response": "r", "images": "image", "image_columns": []}"#;
    // The ids of packs that were written before images could be packed hang on this value.
    assert_eq!(hash(plain, row), Some(BEFORE_QUESTION));
    assert_eq!(hash(mapped, row), Some(BEFORE_QUESTION));
    let row = r#"{"image":"a.png","messages":[{"content":[{"image":"s.png","type":"image"},{"text":"t","type":"text"}],"role":"system"},{"content":[{"type":"image"},{"text":"<image>x","type":"text"}],"images":["c.png"],"role":"user"},{"content":"a","role":"assistant"}]}"#;
    let plain = r#"{"messages": "messages", "image_columns": []}"#;
    assert_eq!(hash(plain, row), Some(BEFORE_CONVERSATION));
}

const BEFORE_QUESTION: u64 = 6_198_354_159_161_576_312;
const BEFORE_CONVERSATION: u64 = 2_657_565_954_433_444_336;

/// What users and tools say, with placeholders of all kinds and what looks like one.
fn said() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => Just("<image>".to_owned()),
        2 => (1..4_usize).prop_map(|number| format!("<image {number}>")),
        1 => prop::sample::select(vec!["<Image>", "<image_1>", "<IMAGE2>", "<|image_pad|>", "<im", "age>", "<images", "é", "\n"])
            .prop_map(str::to_owned),
        2 => "[a-z]{1,3}",
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| format!("q{}", pieces.concat()))
}

proptest! {
    #![proptest_config(common::cases(400))]

    #[test]
    fn conversations_place_images_as_questions_do(
        texts in prop::collection::vec((said(), any::<bool>()), 1..4),
        count in 0..4_usize,
        typed in any::<bool>(),
    ) {
        let mut messages = vec![json!({"role": "system", "content": "<image>"})];
        for (index, (text, is_tools)) in texts.iter().enumerate() {
            let role = if *is_tools && index > 0 { "tool" } else { "user" };
            let content = if typed { json!([{"type": "text", "text": text}]) } else { json!(text) };
            messages.push(json!({"role": role, "content": content}));
            messages.push(json!({"role": "assistant", "content": "<image> <image 7>"}));
        }
        let names: Vec<String> = (0..count).map(|number| format!("{number}.png")).collect();
        let row = json!({"messages": messages, "images": names});
        let asked: Vec<&str> = texts.iter().map(|(text, _)| &**text).collect();
        let wanted = match place_images(&asked, count) {
            Err(fault) => Err(format!("image_count: {fault}")),
            Ok(mut placed) => {
                let has_marks = placed.iter().zip(&asked).any(|((text, _), asked)| text != asked);
                if !has_marks {
                    let all = placed.last_mut().map(|(_, slots)| std::mem::take(slots)).unwrap();
                    placed[0].1 = all;
                }
                let shown = placed.into_iter().map(|(text, slots)| {
                    let mut shown = String::new();
                    let mut from = 0;
                    for slot in slots {
                        shown.push_str(&text[from..slot.at]);
                        shown.push_str(&format!("[{}]", slot.image));
                        from = slot.at;
                    }
                    shown + &text[from..]
                });
                Ok(shown.collect::<Vec<_>>())
            }
        };
        let found = read(MESSAGES, &row).map(|(_, turns)| {
            let asked = turns.iter().filter(|turn| !turn.starts_with("assistant"));
            asked.map(|turn| turn.split_once(": ").unwrap().1.to_owned()).collect::<Vec<_>>()
        });
        prop_assert_eq!(found, wanted);
    }
}
