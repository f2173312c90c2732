"""Files of JSON lines: nothing is lost to a kill, and a resumed run writes no step twice."""

from __future__ import annotations

import json

import pytest
from octomed.train.journal import Journal, read_journal, rewind


@pytest.fixture
def path(tmp_path):
    journal = Journal(tmp_path / "below" / "a.jsonl")
    for step in range(1, 6):
        journal.write({"step": step, "ids": [2**64 - step]})
    return journal.path


def test_what_is_written_is_read(path):
    assert [entry["step"] for entry in read_journal(path)] == [1, 2, 3, 4, 5]
    assert next(read_journal(path))["ids"] == [2**64 - 1]


def test_a_line_cut_in_half_is_none(path):
    path.write_bytes(path.read_bytes()[:-3])
    assert [entry["step"] for entry in read_journal(path)] == [1, 2, 3, 4]


@pytest.mark.parametrize("cut", [0, 3])
@pytest.mark.parametrize("step", [0, 3, 9])
def test_rewinding_keeps_what_came_before(path, step, cut):
    path.write_bytes(path.read_bytes()[: len(path.read_bytes()) - cut])
    rewind(path, step)
    kept = [entry["step"] for entry in read_journal(path)]
    assert kept == [one for one in range(1, 5 if cut else 6) if one <= step]
    Journal(path).write({"step": step + 1})
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [*kept, step + 1]


def test_no_file_is_an_empty_one(tmp_path):
    rewind(tmp_path / "none", 3)
    assert list(read_journal(tmp_path / "none")) == []
