"""Every type that pyarrow writes into Parquet comes through: as its text, or with a reason for each row."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import io
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from octomed import _octomed
from octomed.errors import OctomedError
from octomed.foreign.arrow_values import readable
from octomed.pipeline.inputs.read import blocks_of
from octomed.pipeline.inputs.tasks import tasks_of
from octomed.recipe import InputFile

UTC = datetime.timezone.utc
MOMENTS = st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1))  # noqa: DTZ001 Arrow's own
PLAIN = [
    (pa.string(), st.text(st.characters(codec="utf-8"), max_size=6)),
    (pa.large_string(), st.text(st.characters(codec="utf-8"), max_size=6)),
    (pa.string_view(), st.text(st.characters(codec="utf-8"), max_size=20)),
    (pa.binary(), st.text(max_size=4).map(str.encode)),
    (pa.binary(3), st.just(b"abc")),
    (pa.int8(), st.integers(-128, 127)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float16(), st.sampled_from([0.0, 1.5])),
    (pa.float64(), st.sampled_from([0.0, 1.5])),
    (pa.bool_(), st.booleans()),
    (pa.null(), st.none()),
    (pa.date32(), MOMENTS.map(datetime.datetime.date)),
    (pa.date64(), MOMENTS.map(datetime.datetime.date)),
    (pa.time32("s"), MOMENTS.map(lambda at: at.time().replace(microsecond=0))),
    (pa.time64("us"), MOMENTS.map(datetime.datetime.time)),
    (pa.timestamp("s"), MOMENTS.map(lambda at: at.replace(microsecond=0))),
    (pa.timestamp("ms"), MOMENTS.map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000))),
    (pa.timestamp("us"), MOMENTS),
    (pa.timestamp("us", "UTC"), MOMENTS.map(lambda at: at.replace(tzinfo=UTC))),
    (pa.timestamp("us", "+05:30"), MOMENTS.map(lambda at: at.replace(tzinfo=UTC))),
    (pa.duration("us"), st.timedeltas(datetime.timedelta(-9999), datetime.timedelta(9999))),
    (pa.decimal128(9, 3), st.integers(-(10**8), 10**8).map(lambda n: decimal.Decimal(n).scaleb(-3))),
    (pa.decimal256(50, 0), st.integers(-(10**40), 10**40).map(decimal.Decimal)),
    (pa.dictionary(pa.int8(), pa.string()), st.sampled_from(["a", "b", "ü"])),
    (pa.uuid(), st.uuids().map(lambda value: value.bytes)),
    (pa.json_(), st.just('{"a": 1}')),
    (pa.bool8(), st.booleans().map(int)),
]


def nested(inner):
    kind, values = inner
    values = st.none() | values
    lists = st.lists(values, max_size=3)
    if isinstance(kind, pa.BaseExtensionType):
        return st.just(inner)  # pyarrow makes no lists of them from Python's values
    if pa.types.is_dictionary(kind):
        return st.just((pa.list_(kind), lists))
    pairs = st.lists(
        st.tuples(st.text("abc", max_size=2), values), max_size=2, unique_by=lambda pair: pair[0]
    )
    return st.sampled_from(
        [
            (pa.list_(kind), lists),
            (pa.large_list(kind), lists),
            (pa.list_(kind, 2), st.lists(values, min_size=2, max_size=2)),
            (pa.list_view(kind), lists),
            (pa.large_list_view(kind), lists),
            (
                pa.struct({"x": kind, "y": pa.string()}),
                st.fixed_dictionaries({"x": values, "y": st.text("ab")}),
            ),
            (pa.map_(pa.string(), kind), pairs),
        ]
    )


KINDS = st.recursive(st.sampled_from(PLAIN), lambda inner: inner.flatmap(nested), max_leaves=3)


@st.composite
def columns(draw):
    kind, values = draw(KINDS)
    rows = draw(st.lists(st.none() | values, max_size=6))
    return pa.array(rows, kind)


def parquet(column):
    file = io.BytesIO()
    texts = pa.array(["?"] * len(column))
    table = pa.table({"q": texts, "r": texts, "value": column})
    try:
        pq.write_table(table, file, row_group_size=4)
    except pa.ArrowNotImplementedError:  # string views in a list that has nulls: pyarrow writes none
        reject()
    return file


def as_text(value):
    """Write a value of Python's as ours are read: numbers and texts as they are, the rest by `str`."""
    if isinstance(value, list):
        return [as_text(entry) for entry in value]
    if isinstance(value, dict):
        return {key: as_text(entry) for key, entry in value.items()}
    if value is None or isinstance(value, bool | int | float):
        return value
    return value if isinstance(value, bytes) else str(value).encode()


def flat(value):
    if isinstance(value, tuple):
        return tuple(flat(part) for part in value)
    if isinstance(value, list):
        return [flat(part) for part in value]
    if isinstance(value, dict):
        return {key: flat(part) for key, part in value.items()}
    return as_text(value)


@settings(max_examples=300, deadline=None)
@given(columns())
def test_every_value_is_that_of_to_pylist(column):
    with pq.ParquetFile(parquet(column)) as file:
        for group in range(file.num_row_groups):
            for batch in file.iter_batches(3, row_groups=[group], columns=["value"]):
                ours = readable(batch)
                ours.validate(full=True)
                assert [flat(v) for v in ours.column(0).to_pylist()] == [
                    flat(v) for v in batch.column(0).to_pylist()
                ]


@settings(max_examples=100, deadline=None)
@given(columns(), st.integers(0, 3))
def test_slices_are_read_at_their_offset(column, begin):
    batch = pa.record_batch({"value": column}).slice(begin)
    assert [flat(v) for v in readable(batch).column(0).to_pylist()] == [
        flat(v) for v in batch.column(0).to_pylist()
    ]


@settings(max_examples=200, deadline=None)
@given(columns())
def test_no_type_makes_a_file_unreadable(tmp_path_factory, column):
    mapping = _octomed.Mapping(
        {"id": {"any_of": ["value"], "optional": True}, "question": "q", "response": "r"}
    )
    path = tmp_path_factory.getbasetemp() / "any.parquet"
    path.write_bytes(parquet(column).getvalue())
    found = InputFile("s", 0, str(path), path.name, path.stat().st_size, 0, "parquet", None)
    blocks = [block for task in tasks_of(found, mapping, "key") for block in blocks_of(task, mapping)]
    rows = [row for block in blocks for row in _octomed.preview(block, mapping, 1000)]
    assert len(rows) == len(column)
    for row, value in zip(rows, column.to_pylist(), strict=True):
        text = as_text(value)
        if isinstance(text, bytes):
            assert row.get("id") in {text.decode(), text.decode() or None}


@pytest.mark.parametrize("wrap", [lambda kind: kind, pa.list_], ids=["plain", "in a list"])
@pytest.mark.parametrize(("kind", "value", "text"), [
    (pa.date32(), datetime.date(2024, 2, 29), "2024-02-29"),
    (pa.timestamp("ns"), datetime.datetime(2024, 2, 29, 1, 2, 3), "2024-02-29 01:02:03"),  # noqa: DTZ001
    (pa.timestamp("ns"), datetime.datetime(2024, 2, 29, 1, 2, 3, 40), "2024-02-29 01:02:03.000040"),  # noqa: DTZ001
    (pa.timestamp("ms", "UTC"), datetime.datetime(2024, 2, 29, 1, 2, 3, 40000, UTC),
     "2024-02-29 01:02:03.040000+00:00"),
    (pa.timestamp("s", "America/New_York"), datetime.datetime(2024, 2, 29, tzinfo=UTC),
     "2024-02-28 19:00:00-05:00"),
    (pa.time64("ns"), datetime.time(1, 2, 3), "01:02:03"),
    (pa.duration("s"), datetime.timedelta(1, 2), "1 day, 0:00:02"),
    (pa.decimal128(5, 2), decimal.Decimal("1.50"), "1.50"),
    (pa.uuid(), uuid.UUID(int=1).bytes, str(uuid.UUID(int=1))),
])  # fmt: skip
def test_what_has_no_form_of_its_own_is_written_as_python_does(kind, value, text, wrap):
    column = pa.array([value], kind)
    if wrap(kind) != kind:
        column = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), column)
    (found,) = readable(pa.record_batch({"value": column})).column(0).to_pylist()
    assert found == (text.encode() if wrap(kind) == kind else [text.encode()])


@pytest.mark.parametrize("kind", [pa.timestamp("s"), pa.date64(), pa.duration("s")])
def test_what_python_cannot_hold_is_no_error(kind):
    batch = pa.record_batch({"value": pa.array([2**52 // 86400 * 86400, None], pa.int64()).view(kind)})
    assert readable(batch).column(0).to_pylist()[1] is None


def test_run_ends_are_decoded():
    column = pa.RunEndEncodedArray.from_arrays([2, 3], ["a", None])
    assert readable(pa.record_batch({"value": column})).column(0).to_pylist() == [b"a", b"a", None]


def test_a_map_is_an_object_of_the_row_s_own_keys():
    maps = pa.array([[("text", "Why?")], [("other", "x")]], pa.map_(pa.string(), pa.string()))
    mapping = _octomed.Mapping({"question": "q.text", "response": "r"})
    cutter = _octomed.ArrowCutter(mapping, 0, 100)
    blocks = cutter.feed(readable(pa.record_batch({"q": maps, "r": pa.array(["a", "b"])})))
    rows = [row for block in [*blocks, *cutter.finish()] for row in _octomed.preview(block, mapping, 10)]
    assert rows[0]["question"] == "Why?"
    assert rows[1]["reason"] == "missing_field"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4),
    st.booleans(),
)
def test_a_flipped_bit_in_an_arrow_file_is_an_error_or_a_row(tmp_path_factory, flips, as_file):
    """Nothing checks such a file's buffers before us, and Rust trusts them."""
    kinds = {"q": pa.array(["?", "", None]), "r": pa.array([["a", "b"]] * 3, pa.list_(pa.string(), 2))}
    kinds["id"] = pa.array(["u", "v", "u"]).dictionary_encode()
    kinds["answer"] = pa.array(["q" * 20, "w", None], pa.string_view())
    kinds["system"] = pa.array([[("a", "b")], None, []], pa.map_(pa.string(), pa.string()))
    file, table = io.BytesIO(), pa.table(kinds)
    with (pa.ipc.new_file if as_file else pa.ipc.new_stream)(file, table.schema) as writer:
        writer.write_table(table)
    data = bytearray(file.getvalue())
    for place, byte in flips:
        data[int(place * len(data))] = byte
    path = tmp_path_factory.getbasetemp() / "flipped.arrow"
    path.write_bytes(data)
    names = {key: {"any_of": [key], "optional": True} for key in ("id", "answer", "system")}
    mapping = _octomed.Mapping({"question": "q", "responses": "r", **names})
    found = InputFile("s", 0, str(path), path.name, len(data), 0, "arrow", None)
    with contextlib.suppress(OctomedError):
        for task in tasks_of(found, mapping, "key"):
            for block in blocks_of(task, mapping):
                _octomed.preview(block, mapping, 10)
