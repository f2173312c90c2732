"""Images of rows as Python's writers store them, and what `preview` shows of them."""

from __future__ import annotations

import base64
import io
import json

import pyarrow as pa
import pyarrow.parquet
import pytest
from octomed import _octomed
from octomed.errors import DataError

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(40))
STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
QUESTION = {"question": "q", "response": "r", "images": {"any_of": ["images", "image"], "optional": True}}
CHAT = {"messages": "messages", "images": {"any_of": ["images"], "optional": True}}


def from_lines(mapping, rows):
    cutter = _octomed.JsonLinesCutter(by_offset=False)
    blocks = cutter.feed("".join(json.dumps(row) + "\n" for row in rows).encode())
    return [row for block in [*blocks, *cutter.finish()] for row in _octomed.preview(block, mapping, 1000)]


def from_table(mapping, table):
    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file)
    read = pyarrow.parquet.ParquetFile(file)
    cutter = _octomed.ArrowCutter(mapping, 0, 1 << 20)
    names = mapping.columns_to_read(read.schema_arrow.names)
    blocks = [block for batch in read.iter_batches(2, columns=names) for block in cutter.feed(batch)]
    return [row for block in [*blocks, *cutter.finish()] for row in _octomed.preview(block, mapping, 1000)]


def table(images, kind):
    text = pa.array(["x"] * len(images))
    return pa.table({"q": text, "r": text, "images": pa.array(images, kind)})


@pytest.mark.parametrize(
    ("kind", "images"),
    [
        (STRUCT, [{"bytes": PNG, "path": "a.png"}, {"bytes": None, "path": "a.png"}, None]),
        (pa.list_(STRUCT), [[{"bytes": PNG, "path": None}], [{"bytes": None, "path": "a.png"}], []]),
        (pa.binary(), [PNG, b"a.png", None]),
        (pa.large_binary(), [PNG, b"a.png", None]),
        (pa.list_(pa.binary()), [[PNG], [b"a.png"], [None]]),
    ],
)
def test_a_column_of_images_gives_bytes_and_paths_and_preview_shows_no_bytes(kind, images):
    mapping = _octomed.Mapping(QUESTION)
    rows = from_table(mapping, table(images, kind))
    assert [row.get("images") for row in rows] == [[f"{len(PNG)} bytes"], ["a.png"], None]
    assert all("reason" not in row for row in rows)


def test_a_file_of_no_bytes_is_an_image_and_no_empty_text():
    rows = from_table(_octomed.Mapping(QUESTION), table([PNG, b"a.png", b""], pa.large_binary()))
    assert rows[2]["images"] == ["0 bytes"]


def test_preview_shows_where_images_stand_in_a_conversation():
    messages = [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Which? <image>\n"}]},
        {"role": "assistant", "content": "<image> is text"},
    ]
    encoded = base64.b64encode(PNG * 9).decode()
    (row,) = from_lines(_octomed.Mapping(CHAT), [{"messages": messages, "images": ["a.png", encoded]}])
    assert row["images"] == ["a.png", f"{len(encoded)} characters"]
    assert [turn["content"] for turn in row["messages"]] == [
        "[image 1]Which? [image 2]\n",
        "<image> is text",
    ]
    (row,) = from_lines(_octomed.Mapping(CHAT), [{"messages": messages, "images": ["a.png"]}])
    assert (row["reason"], row["detail"]) == ("image_count", "placeholders: 2, images: 1")


def test_images_that_are_left_out_are_not_shown():
    mapping = _octomed.Mapping(CHAT | {"image_columns": []})
    messages = [{"role": "user", "content": [{"type": "image"}, "q"]}, {"role": "assistant", "content": "a"}]
    (row,) = from_lines(mapping, [{"messages": messages, "images": ["a.png"]}])
    assert "images" not in row
    assert row["messages"][0]["content"] == "q"


def test_all_but_the_first_of_several_columns_may_be_missing():
    mapping = _octomed.Mapping({"question": "q", "response": "r", "images": ["image_1", "image_2"]})
    assert mapping.columns_to_read(["q", "r", "image_1", "other"]) == ["q", "r", "image_1"]
    with pytest.raises(DataError, match="no column `image_1`"):
        mapping.columns_to_read(["q", "r", "image_2"])


def test_the_reasons_of_images_say_whether_a_row_is_broken():
    unreadable = {reason for reason, broken in _octomed.REASONS.items() if broken and "image" in reason}
    assert unreadable == {
        "image_damaged",
        "image_kind",
        "image_missing",
        "image_path",
        "image_unreachable",
        "image_value",
    }
    others = {reason for reason, broken in _octomed.REASONS.items() if not broken and "image" in reason}
    assert others == {
        "has_image",
        "image_count",
        "image_depth",
        "image_in_role",
        "image_shape",
        "image_too_large",
        "image_url",
    }
