//! Which keys of a mapping go together: for mappings that are compiled, and for those that a recipe writes.

use crate::error::TraceError;

use super::spec::Spec;

/// Checks that the keys that are set make traces together.
pub(super) fn check_keys(spec: &Spec) -> Result<(), TraceError> {
    check_questions(spec)?;
    if spec.messages.is_some() {
        return Ok(());
    }
    match (&spec.response, &spec.responses, &spec.reasoning) {
        (None, None, _) => Err(no_response()),
        (Some(_), Some(_), _) => Err(fault(
            "`response` and `responses` exclude each other",
            "`response` is one column of text, `responses` a list: keep one of them",
            Some("responses"),
        )),
        (None, Some(_), Some(_)) => Err(fault(
            "`responses` and `reasoning` exclude each other",
            "a list of responses holds its own reasoning: leave `reasoning` out",
            Some("reasoning"),
        )),
        _ => Ok(()),
    }
}

/// Checks that they ask something together.
pub(super) fn check_questions(spec: &Spec) -> Result<(), TraceError> {
    if spec
        .images
        .as_ref()
        .is_some_and(|columns| columns.all().next().is_none())
    {
        return Err(fault(
            "`images` is an empty list",
            "name the column of images, or leave the key out; `image_columns: []` packs rows without their images",
            Some("images"),
        ));
    }
    check_answer(spec)?;
    if spec.messages.is_some() {
        return check_alone(spec);
    }
    if spec.question.is_none() {
        return Err(fault(
            "this mapping has neither `messages` nor `question`",
            "name the column with the prompt",
            None,
        ));
    }
    Ok(())
}

/// Checks that what is said of the answer is said of a column.
fn check_answer(spec: &Spec) -> Result<(), TraceError> {
    let keys = [
        ("answer_is", spec.answer_is.is_some()),
        ("answer_until", spec.answer_until.is_some()),
    ];
    let said = keys.into_iter().find(|(_, is_set)| *is_set);
    match said.filter(|_| spec.answer.is_none()) {
        Some((key, _)) => Err(fault(
            &format!("`{key}` is set, and `answer` is not"),
            "name the column with the right answer in `answer`",
            Some(key),
        )),
        None if spec.answer_until.as_ref().is_some_and(String::is_empty) => Err(fault(
            "`answer_until` is empty",
            "name the text before which the answer ends, or leave the key out",
            Some("answer_until"),
        )),
        None => Ok(()),
    }
}

pub(super) fn no_response() -> TraceError {
    fault(
        "this mapping has neither `response` nor `responses`",
        "name the column that holds what the model is to learn",
        None,
    )
}

fn check_alone(spec: &Spec) -> Result<(), TraceError> {
    let others = [
        ("question", spec.question.is_some()),
        ("options", spec.options.is_some()),
        ("answer", spec.answer.is_some()),
        ("history", spec.history.is_some()),
        ("response", spec.response.is_some()),
        ("responses", spec.responses.is_some()),
        ("reasoning", spec.reasoning.is_some()),
    ];
    match others.into_iter().find(|(_, is_set)| *is_set) {
        Some((key, _)) => Err(fault(
            &format!("`messages` and `{key}` exclude each other"),
            &format!("`messages` holds whole conversations: leave `{key}` out"),
            Some(key),
        )),
        None => Ok(()),
    }
}

fn fault(message: &str, hint: &str, key: Option<&'static str>) -> TraceError {
    TraceError::Mapping {
        message: message.to_owned(),
        hint: Some(hint.to_owned()),
        key,
    }
}
