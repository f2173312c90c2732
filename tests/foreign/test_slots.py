"""Batches in shared memory: what is held stays as it was, and what finds no room goes through the pipe."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from octomed.foreign import ForeignTable, end_idle
from octomed.foreign.slots import SLOT_BYTES, SLOTS, Slots, places

if TYPE_CHECKING:
    from pathlib import Path

    from octomed.foreign.helper import Helper

ROWS = 3 * SLOTS * 100


@pytest.fixture(autouse=True)
def _no_child_of_another_test() -> None:
    end_idle()


def _written(folder: Path) -> tuple[Path, pa.Table]:
    """Write a file of three times as many row groups as there are slots."""
    texts = [b"%06d" % row + b"x" * (SLOT_BYTES // 8000) for row in range(ROWS)]
    table = pa.table({"row": list(range(ROWS)), "text": texts})
    path = folder / "rows.parquet"
    pq.write_table(table, path, row_group_size=100)
    return path, table


def _helper(table: ForeignTable) -> Helper:
    assert table._helper is not None
    return table._helper


def test_batches_that_are_held_stay_as_they_were(tmp_path: Path) -> None:
    path, table = _written(tmp_path)
    names = table.column_names
    with ForeignTable(str(path), "parquet") as file:
        held = [batch for group in range(len(file.groups)) for batch in file.batches(names, names, [group])]
        slots = _helper(file)._slots
        assert slots is not None
        assert not slots._free, "all slots are held, and more batches than that"
        assert len(held) > SLOTS
        assert pa.Table.from_batches(held).equals(table)
        for _ in range(3):  # what is let go is written again, and nothing else
            del held[::2]
            gc.collect()
            with ForeignTable(str(path), "parquet") as other:
                seen = pa.Table.from_batches(list(other.batches(names, names, [0, 1, 2])))
            assert seen["row"].to_pylist() == list(range(300))
            del seen
        kept = [row for batch in held for row in batch["row"].to_pylist()]
        texts = [text for batch in held for text in batch["text"].to_pylist()]
        assert [int(text[:6]) for text in texts] == kept
        del held
        gc.collect()
        assert sorted(slots._free) == list(range(SLOTS))


def test_batches_outlive_the_child(tmp_path: Path) -> None:
    path, table = _written(tmp_path)
    names = table.column_names
    with ForeignTable(str(path), "parquet") as file:
        held = list(file.batches(names, [], range(4)))
    end_idle()
    gc.collect()
    assert pa.Table.from_batches(held).equals(table.slice(0, 400))


def test_a_batch_larger_than_a_slot_goes_through_the_pipe(tmp_path: Path) -> None:
    table = pa.table({"text": [b"y" * (SLOT_BYTES + 1), b"z"]})
    path = tmp_path / "rows.parquet"
    pq.write_table(table, path)
    with ForeignTable(str(path), "parquet") as file:
        held = list(file.batches(["text"], ["text"], [0]))
        assert pa.Table.from_batches(held).equals(table)
        slots = _helper(file)._slots
        assert slots is not None
        assert len(slots._free) == SLOTS


def test_without_shared_memory_all_goes_through_the_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    path, table = _written(tmp_path)
    with ForeignTable(str(path), "parquet") as file:
        assert _helper(file)._slots is None
        held = list(file.batches(table.column_names, ["text"], range(len(file.groups))))
    assert pa.Table.from_batches(held).equals(table)
    end_idle()


def test_parts_begin_where_arrow_wants_them() -> None:
    assert places([]) == [0]
    assert places([1, 64, 0]) == [0, 64, 128, 128]
    slots = Slots()
    taken = [slots.take() for _ in range(SLOTS)]
    assert slots.take() is None
    assert sorted(slot for slot in taken if slot is not None) == list(range(SLOTS))
    empty, four = slots.parts(3, [0, 4])
    assert (len(empty), four.to_pybytes()) == (0, b"\0\0\0\0")
    assert four.address % 64 == 0
    del empty
    assert slots._free == []
    del four
    assert slots._free == [3]
    slots.close()
