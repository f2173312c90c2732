"""JSON that is no lines and no array: told apart by its first value, and cut like `json.loads` sees it."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from octomed import _octomed
from octomed.errors import DataError

from .blank import is_blank

MAPPING = _octomed.Mapping({"question": "q", "response": "r"})
TEXT = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(
    ['"', "\\", "{", "}]", ",", '\\"', "[", "\n"]
)
VALUES = st.recursive(
    TEXT | st.none() | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
ROWS = st.fixed_dictionaries({"q": TEXT.filter(lambda text: not is_blank(text)), "r": TEXT, "x": VALUES})
INDENT = st.sampled_from([None, 1, 4])
CHUNK = st.integers(1, 30)


def fed(cutter, data, size):
    blocks = [block for at in range(0, len(data), size) for block in cutter.feed(data[at : at + size])]
    found = [row for block in [*blocks, *cutter.finish()] for row in _octomed.preview(block, MAPPING, 1000)]
    assert [row["position"] for row in found] == list(range(len(found)))
    assert cutter.rows == len(found)
    return [
        (row["question"], row["responses"][0]["response"]) if "question" in row else row["reason"]
        for row in found
    ]


def seen(rows):
    return [(row["q"], row["r"]) for row in rows]


def shape(data, size=7):
    look = _octomed.JsonShape()
    for at in range(0, len(data), size):
        if look.feed(data[at : at + size]):
            break
    return look


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(TEXT, ROWS, max_size=5), INDENT, CHUNK, st.booleans(), st.integers(1, 200))
def test_the_values_of_an_object_are_rows(rows, indent, size, mark, target):
    data = b"\xef\xbb\xbf" * mark + json.dumps(rows, indent=indent, ensure_ascii=mark).encode()
    assert fed(_octomed.JsonRowsCutter([], target), data, size) == seen(rows.values())


@settings(max_examples=200, deadline=None)
@given(
    st.lists(ROWS, max_size=4),
    st.lists(st.tuples(TEXT, VALUES), max_size=3),
    TEXT,
    INDENT,
    CHUNK,
    st.booleans(),
)
def test_a_path_of_keys_leads_to_rows(rows, others, key, indent, size, as_object):  # noqa: PLR0913, PLR0917 each is drawn
    held = {str(number): row for number, row in enumerate(rows)} if as_object else rows
    before, behind = dict(others[:2]), dict(others[2:])
    inner = {**before, key: held} | {name: value for name, value in behind.items() if name != key}
    document = {**before, key: inner} | {name: value for name, value in behind.items() if name != key}
    data = json.dumps(document, indent=indent).encode()
    assert fed(_octomed.JsonRowsCutter([key, key], 100), data, size) == seen(rows)


@settings(max_examples=150, deadline=None)
@given(st.lists(ROWS, max_size=5), INDENT, st.sampled_from(["\n", " ", "\r\n\r\n", ""]), CHUNK)
def test_objects_one_behind_the_other_are_rows(rows, indent, between, size):
    data = between.join(json.dumps(row, indent=indent) for row in rows).encode()
    assert fed(_octomed.JsonObjectsCutter(100), data, size) == seen(rows)


def test_what_stands_between_objects_is_refused_and_not_dropped():
    data = b'{"q":"a","r":"b"},\n{"q":"c","r":"d"}\nnonsense\n{"q":"e","r":"f"}]'
    assert fed(_octomed.JsonObjectsCutter(100), data, 5) == [
        ("a", "b"), "invalid_json", ("c", "d"), "invalid_json", ("e", "f"), "invalid_json",
    ]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=4), CHUNK)
def test_lines_are_told_from_documents(rows, size):
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    assert shape(lines, size).layout == ("lines" if len(rows) > 1 else "object")
    assert shape(json.dumps(rows, indent=1).encode(), size).layout == "array"
    assert shape(json.dumps(rows).encode(), size).layout == "array"
    pretty = "\n".join(json.dumps(row, indent=1) for row in rows).encode()
    assert shape(pretty, size).layout == ("objects" if len(rows) > 1 else "object")
    document = shape(json.dumps({"n": 1, "d": rows, "o": rows[0]}).encode(), size)
    assert document.layout == "object"
    assert document.keys == [("n", "other"), ("d", "objects"), ("o", "object")]
    assert not document.holds_only_objects
    assert shape(json.dumps({str(n): row for n, row in enumerate(rows)}).encode(), size).holds_only_objects


@pytest.mark.parametrize(("data", "layout"), [
    (b"", "empty"),
    (b" \n\xef", "lines"),
    (b"\xef\xbb\xbf\n", "empty"),
    (b'\xef\xbb\xbf{"a": 1}\n{"a": 2}', "lines"),
    (b'{"a": 1', "lines"),  # a last line cut in half
    (b'{"a": "cut off\n{"a": 1}\n', "lines"),  # a first line cut in half
    (b'{"a": 1,\n{"a": 1}\n', "lines"),
    (b'{"a":\n 1,', "object"),  # a document cut in half
    (b"[1]\n[2]\n", "lines"),
    (b"[1]", "array"),
    (b'[\n{"a": 1}', "array"),
    (b'{"a": 1} {"a": 2}\n', "lines"),
    (b'{"a":\n1}\n[', "lines"),
    (b"nonsense", "lines"),
    (b"{" + b'"a":{' * 200 + b"\n", "lines"),
    (b'"text"', "lines"),
])  # fmt: skip
def test_what_a_file_begins_with(data, layout):
    assert {shape(data, size).layout for size in (1, 3, 100)} == {layout}


@pytest.mark.parametrize(("path", "data", "said"), [
    (["d"], b'{"a": 1, "b": [{}]}', "has no `d`"),
    (["b", "d"], b'{"b": {"x": 1}}', "has no `b.d`"),
    (["d"], b'{"d": 1}', "`d` of the file is neither a list nor an object"),
    (["d"], b'{"d": [{"q": "a", "r": "b"}]', "cut off"),
    (["d"], b'{"d": [{"q": "a"', "cut off"),
    ([], b'{"x": {"q": "a"}', "cut off"),
    (["d"], b'{"d": []} {"d": []}', "is not one JSON object"),
    ([], b'{"a": {},}', "is not one JSON object"),
    (["d"], b"[1]", "is not one JSON object"),
])  # fmt: skip
def test_rows_that_are_not_where_they_should_be(path, data, said):
    for size in (1, 100):
        with pytest.raises(DataError, match=re.escape(said)):
            fed(_octomed.JsonRowsCutter(path, 100), data, size)


def test_an_object_that_never_closes_is_cut_off():
    with pytest.raises(DataError, match="cut off"):
        fed(_octomed.JsonObjectsCutter(100), b'{"q": "a",\n"r": "b"}\n{"q":\n', 4)
