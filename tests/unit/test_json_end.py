"""Where the first object of a file ends, against Python's own reader."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from octomed.recipe import json_end
from octomed.recipe.json_end import end_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(['"', "\\", "{", "]}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=4), VALUES, max_size=4)


@pytest.fixture(params=[1, 3, 2**18])
def file(request, tmp_path, monkeypatch):
    monkeypatch.setattr(json_end, "_CHUNK_BYTES", request.param)
    return tmp_path / "a.json"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=OBJECTS, indent=st.sampled_from([None, 1]), data=st.data())
def test_an_object_is_whole_up_to_its_last_byte_alone(file, value, indent, data):
    text = json.dumps(value, indent=indent)
    cut = data.draw(st.integers(1, len(text)))
    file.write_text(text[:cut], encoding="utf-8")
    assert end_of(str(file), None) == ("whole" if cut == len(text) else "cut off")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=OBJECTS,
    indent=st.sampled_from([None, 1]),
    space=st.sampled_from(["", " ", "\n", "\r\n\n"]),
    behind=st.sampled_from(["", "{", '{"a": 1}\n', "]", "}", "END", ",", "\0", "[1]"]),
)
def test_what_stands_behind_an_object(file, value, indent, space, behind):
    file.write_text(json.dumps(value, indent=indent) + space + behind, encoding="utf-8", newline="")
    wanted = "more rows" if behind.startswith("{") else "junk behind" if behind else "whole"
    assert end_of(str(file), None) == wanted


@pytest.mark.parametrize("text", ['{"a": [}', '{"a" "b"}', "{1", '{"a": "b\n"}', '{"a":\n]'])
def test_what_cannot_be_an_object_from_some_byte_on(file, text):
    file.write_text(text, encoding="utf-8")
    assert end_of(str(file), None) == "broken"
