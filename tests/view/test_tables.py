"""Rows of large tables are found page by page, without a look at what statistics rule out."""

from __future__ import annotations

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from octomed.errors import RecipeError
from octomed.run_file import Making, RunFile
from octomed.view.cursor import Cursor
from octomed.view.tables import Tables
from octomed.view.wanted import Wanted

NAMES = ["provenance/a-00000.parquet", "provenance/a-00001.parquet", "provenance/b-00000.parquet"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    (folder / "provenance").mkdir()
    draw = random.Random(7)
    number = 0
    for place, name in enumerate(NAMES):
        rows = []
        for _ in range(230):
            patches = [draw.randint(1, 9) for _ in range(draw.randint(0, 2))]
            rows.append(
                {
                    "number": number,
                    "source": draw.choice("xyz"),
                    "length": draw.randint(1, 40),
                    "patches": patches,
                    "table": place,
                }
            )
            number += 1
        schema = pa.schema(
            {
                "number": pa.int64(),
                "source": pa.dictionary(pa.int32(), pa.string()),
                "length": pa.uint32(),
                "patches": pa.list_(pa.uint32()),
                "table": pa.int64(),
            }
        )
        pq.write_table(pa.Table.from_pylist(rows, schema), folder / name, row_group_size=50)
    return folder


@pytest.fixture
def tables(folder):
    return Tables(folder, RunFile(streams={}, run=Making(files=tuple(NAMES))))


@pytest.fixture(scope="module")
def everything(folder):
    return [row for name in NAMES for row in pq.read_table(folder / name).to_pylist()]


CASES = [
    (Wanted(), lambda _: True),
    (Wanted({"source": "x"}), lambda row: row["source"] == "x"),
    (Wanted({"source": "none"}), lambda _: False),
    (Wanted(within={"length": (10, 12)}), lambda row: 10 <= row["length"] <= 12),
    (
        Wanted({"source": "y"}, {"number": (100, 400)}),
        lambda row: row["source"] == "y" and 100 <= row["number"] <= 400,
    ),
    (Wanted(any_within={"patches": (9, 9)}), lambda row: 9 in row["patches"]),
    (Wanted(one_of={"source": ["x", "z"]}), lambda row: row["source"] in "xz"),
    (Wanted({"table": 1}), lambda row: row["table"] == 1),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "is_wanted"), CASES)
@pytest.mark.parametrize("bounds", [(7, None), (50, None), (1000, None), (50, 0.0)])
def test_pages_have_each_row_once_in_order(tables, everything, wanted, is_wanted, bounds):
    most, seconds = bounds
    found, numbers, start, pages = [], [], Cursor(), 0
    while start is not None:
        page = tables.find(NAMES, wanted, start, most=most, seconds=seconds)
        assert len(page.rows) <= most
        assert page.of == len(everything)
        found += page.rows
        numbers += page.numbers
        start = None if page.after is None else Cursor.read(str(page.after))
        pages += 1
    expected = [row for row in everything if is_wanted(row)]
    assert found == expected
    assert numbers == [row["number"] for row in expected]
    if seconds is not None:
        assert pages == 15  # each row group is a page of its own, whatever is in it


def test_what_statistics_rule_out_is_not_read(tables, monkeypatch):
    read = []
    group = Tables.group
    monkeypatch.setattr(
        Tables,
        "group",
        lambda self, name, number, columns=None: (
            read.append((name, number)) or group(self, name, number, columns)
        ),
    )
    page = tables.find(NAMES, Wanted({"table": 1}, {"number": (300, 310)}), Cursor(), seconds=None)
    assert [row["number"] for row in page.rows] == list(range(300, 311))
    assert set(read) == {(NAMES[1], 1)}


def test_how_far_a_page_looked(tables):
    page = tables.find(NAMES, Wanted(), Cursor(), most=60)
    assert (page.looked_at, str(page.after)) == (60, "0.1.10")
    assert tables.find(NAMES, Wanted(), Cursor(2, 4, 29)).looked_at == 690


@pytest.mark.parametrize("text", ["1", "1.2", "a.b.c", "-1.0.0", "1.2.3.4", "9" * 40 + ".0.0", "1.2.3\n"])
def test_a_place_that_is_none_is_refused(text):
    with pytest.raises(RecipeError, match="no place in a list"):
        Cursor.read(text)
