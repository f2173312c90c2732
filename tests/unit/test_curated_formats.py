"""What rules of curation ask of a row is mapped beside its traces, and changes none of them."""

from __future__ import annotations

import json

import pytest
from octomed import _octomed
from octomed.errors import DataError
from octomed.recipe.formats import Mapping, curated_mapping_of, mapping_of
from pydantic import ValidationError

from tests.unit.test_rows import from_lines, from_parquet

ROW = {
    "q": "Why?",
    "a": "A. Explanation: so",
    "r": ["x", "y"],
    "why": ["stop", "length"],
    "right": [True, False],
}
OWN = {"question": "q", "answer": "a", "responses": "r"}
BESIDE = {"answer_is": "label", "answer_until": ". Explanation:", "finish_reason": "why"}


@pytest.mark.parametrize("read", [from_lines, from_parquet])
def test_asked_columns_are_read_beside_the_traces(read):
    plain, mapping = mapping_of(Mapping(**OWN)), curated_mapping_of(Mapping(**OWN | BESIDE), ["right"])
    (row,) = read(_octomed.Mapping(mapping), [ROW])
    (without,) = read(_octomed.Mapping(plain), [ROW])
    beside = {"asked": [["true", "false"]], "finish_reasons": ["stop", "length"], "answer": "A"}
    assert row == without | beside
    assert without["answer"] == ROW["a"]


def test_keys_that_change_no_trace_are_in_no_mapping_of_traces():
    assert mapping_of(Mapping(**OWN | BESIDE)) == mapping_of(Mapping(**OWN)) == OWN
    assert curated_mapping_of(Mapping(**OWN)) == OWN


def test_a_run_file_has_them_only_where_they_are_written():
    shown = Mapping(**OWN).model_dump(mode="json")
    assert (shown["history"], set(BESIDE) & set(shown)) == (None, set())
    assert Mapping(**OWN | BESIDE).model_dump(mode="json").items() >= BESIDE.items()


def test_a_column_that_a_file_lacks_is_named_with_the_nearest():
    mapping = _octomed.Mapping(curated_mapping_of(Mapping(**OWN), ["correctness"]))
    with pytest.raises(DataError, match="no column `correctness`") as error:
        mapping.columns_to_read([*OWN.values(), "Correctness"])
    assert error.value.hint == "did you mean `Correctness`?"


def test_what_a_preset_says_of_its_answer_is_said_of_no_other():
    assert curated_mapping_of("omnimedvqa")["answer_is"] == "text"
    own = Mapping(preset="omnimedvqa", response="r", answer="a")
    assert "answer_is" not in curated_mapping_of(own)
    own = Mapping(preset="omnimedvqa", response="r", answer_is="label")
    assert curated_mapping_of(own)["answer_is"] == "label"
    own = Mapping(preset="omnimedvqa", response="r", answer_is=None)
    assert "answer_is" not in curated_mapping_of(own)


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"answer": None, "answer_is": "label"}, "`answer_is` is set, and `answer` is not"),
        ({"answer_is": "letter"}, "'label', 'text', 'index_from_0' or 'index_from_1'"),
        ({"answer_until": ""}, "at least 1 character"),
    ],
)
def test_keys_of_the_answer_are_checked(keys, fault):
    with pytest.raises(ValidationError) as error:
        Mapping(**{key: value for key, value in (OWN | keys).items() if value is not None})
    assert fault in str(error.value)


def test_questions_are_read_from_rows_without_responses():
    mapping = _octomed.Mapping.questions_only(json.dumps(mapping_of("pmc-vqa")))
    (row,) = from_lines(
        mapping, [{"Question": "Why?", "Figure_path": "a.png", **{f"Choice {x}": x for x in "ABCD"}}]
    )
    assert (row["question"], row["responses"], row["images"]) == ("Why?", [], ["a.png"])
