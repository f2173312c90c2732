#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::error::TraceError;

use super::Mapping;

fn message(json: &str) -> String {
    Mapping::from_json(json)
        .expect_err("the mapping is wrong")
        .to_string()
}

#[test]
fn wrong_mappings_are_refused_with_a_reason() {
    let cases = [
        (r#"{"quesion": "q"}"#, "unknown field `quesion`"),
        (r#"{"response": "r"}"#, "neither `messages` nor `question`"),
        (r#"{"question": "q"}"#, "neither `response` nor `responses`"),
        (
            r#"{"question": "q", "response": "r", "responses": "r"}"#,
            "`response` and `responses` exclude",
        ),
        (
            r#"{"question": "q", "responses": "r", "reasoning": "t"}"#,
            "`responses` and `reasoning` exclude",
        ),
        (
            r#"{"messages": "m", "answer": "a"}"#,
            "`messages` and `answer` exclude",
        ),
        (
            r#"{"messages": {"column": "m", "roles": {"bot": "robot"}}}"#,
            "role `bot` becomes `robot`",
        ),
        (
            r#"{"messages": {"column": "m", "rolle": "x"}}"#,
            "`column`, `context`, `role`, `content` and `roles`",
        ),
        (r#"{"question": 3, "response": "r"}"#, "a column is a name"),
        (r#"{"question": [], "response": "r"}"#, "an empty list"),
        (r#"{"question": "", "response": "r"}"#, "name is empty"),
        (
            r#"{"question": {"any_of": []}, "response": "r"}"#,
            "name is empty",
        ),
        ("[]", "the row mapping is wrong"),
    ];
    for (json, reason) in cases {
        assert!(message(json).contains(reason), "{json}: {}", message(json));
    }
}

#[test]
fn columns_of_images_are_read_and_counted_apart() {
    let mapping = Mapping::from_json(
        r#"{"question": "q", "response": "data.r", "images": ["image_1", "data.image", "image_2"], "image_root": "x"}"#,
    )
    .unwrap();
    let names = ["q", "data", "image_1", "image_3", "image_2"];
    assert_eq!(
        mapping.columns_of(&names),
        ["q", "data", "image_1", "image_2"]
    );
    let keys = mapping.image_keys.iter().map(|key| &*mapping.keys[*key]);
    assert_eq!(
        keys.collect::<Vec<_>>(),
        ["image_1", "data.image", "image_2"]
    );
    assert_eq!(mapping.check_columns(&["q", "data", "image_1"]), Ok(()));
    assert!(mapping.check_columns(&["q", "data", "image_2"]).is_err());
    let left_out = r#"{"question": "q", "response": "r", "images": "pic", "image_columns": []}"#;
    let mapping = Mapping::from_json(left_out).unwrap();
    assert_eq!(mapping.columns_of(&["q", "r", "pic"]), ["q", "r"]);
    assert!(message(r#"{"question": "q", "response": "r", "images": []}"#).contains("empty list"));
}

#[test]
fn the_columns_to_read_are_the_mapped_ones_and_those_that_change_what_a_row_means() {
    let mapping = Mapping::from_json(
        r#"{"question": ["q.a", "meta.text"], "options": ["A", "B"], "response": "r (x)", "id": {"any_of": ["no", "n"]}}"#,
    )
    .unwrap();
    let names = [
        "junk", "r (x)", "image", "meta", "q.a", "q", "A", "B", "n", "text", "chosen",
    ];
    assert_eq!(
        mapping.columns_of(&names),
        ["r (x)", "meta", "q.a", "A", "B", "n", "chosen"]
    );
    assert_eq!(mapping.check_columns(&names), Ok(()));
    let own = Mapping::from_json(r#"{"question": "q", "response": "r", "image_columns": ["pic"]}"#)
        .unwrap();
    assert_eq!(own.columns_of(&["image", "pic", "q"]), ["pic", "q"]);
    assert!(!own.searches_pictures_in("image"));
    let error = own.check_columns(&["q", "r", "pics"]).unwrap_err();
    assert_eq!(error.hint().unwrap(), "did you mean `pics`?");
    assert!(mapping.searches_pictures_in("junk"));
}

#[test]
fn a_missing_column_is_named_with_the_nearest() {
    let mapping =
        Mapping::from_json(r#"{"question": "Question", "answer": {"any_of": ["a"], "optional": true}, "response": "Respnse"}"#)
            .unwrap();
    let error = mapping
        .check_columns(&["Question", "Complex_CoT", "Response"])
        .unwrap_err();
    let TraceError::MissingColumn {
        column, nearest, ..
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(
        (column.as_str(), nearest.as_deref()),
        ("Respnse", Some("Response"))
    );
    assert_eq!(error.hint().unwrap(), "did you mean `Response`?");
    let error = mapping.check_columns(&["Question", "x", "yy"]).unwrap_err();
    assert_eq!(
        error.hint().unwrap(),
        "its columns are `Question`, `x`, `yy`"
    );
}

#[test]
fn columns_of_one_name_are_named() {
    let mapping = Mapping::from_json(r#"{"question": "q", "response": "r"}"#).unwrap();
    let error = mapping
        .check_columns(&["q", "r", "b", "q", "b", "q"])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the file has several columns of one name: `b`, `q`"
    );
}
