"""Two runs beside each other: every trace that came, went or changed, with the reason of the other run."""

from __future__ import annotations

import json
from pathlib import Path

import octomed
import pyarrow.parquet as pq
import pytest
from octomed.cli.app import run
from octomed.compare import traces as comparing
from octomed.compare.comparison import compare
from octomed.compare.records import RECORD
from octomed.errors import RecipeError

from tests.export.conftest import ASKED, SPOKEN, lines


@pytest.fixture
def packed(tmp_path):
    """Pack a run by name, of rows and with keys that are its own."""

    def pack(name, asked=ASKED, spoken=SPOKEN, **more):
        (tmp_path / "asked.jsonl").write_text(lines(asked), encoding="utf-8")
        (tmp_path / "spoken.jsonl").write_text(lines(spoken), encoding="utf-8")
        recipe = {
            "name": "mine",
            "model": "qwen2.5",
            "sources": [
                {"name": "asked", "path": "asked.jsonl", "format": "octomed", "max_unreadable": 1},
                {"name": "spoken", "path": "spoken.jsonl", "format": "messages"},
            ],
            "pack": {"capacity": 512, "buckets": [64]},
            "output": {"path": f"run-{name}"},
            **more,
        }
        path = tmp_path / f"{name}.yaml"
        path.write_text(json.dumps(recipe), encoding="utf-8")
        octomed.pack(path, workers=1)
        return str(tmp_path / f"run-{name}")

    return pack


def changes(before, after):
    return dict(compare(before, after).traces.counts)


def test_a_run_is_like_itself(packed, capsys):
    place = packed("one")
    assert compare(place, place).is_same
    assert run(["diff", place, place]) == 0
    assert capsys.readouterr().out == "nothing differs\n"


def test_what_a_filter_leaves_out_went_for_its_reason_and_comes_back(packed):
    whole = packed("whole")
    strict = packed("strict", curate={"accept": {"answer": "present"}})
    rejected = json.loads(Path(strict, "octomed.json").read_text(encoding="utf-8"))["counts"]["rejected"]
    went = changes(whole, strict)
    assert went
    assert {reason: number for (_, _, reason), number in went.items()} == {
        reason: number for reason, number in rejected.items() if number
    }
    assert changes(strict, whole) == {("came", *key[1:]): number for key, number in went.items()}


def test_rows_that_are_gone_refused_or_longer(packed):
    before = packed("before")
    other = [dict(row) for row in ASKED[:-1]]
    other[0] = {"question": "?", "responses": 7}
    other[1] = ASKED[1] | {"responses": ["So 1, and more of it.", "No 1."]}
    after = packed("after", asked=other)
    found = changes(before, after)
    assert found["went", "asked", "wrong_type"] == 2
    assert found["went", "asked", "not_read"] == 2
    assert found["changed", "asked", "length"] == 1
    assert sum(found.values()) == 5 + found.get(("changed", "asked", "place"), 0)


def test_copies_and_validation_are_changes(packed):
    before = packed("before")
    sources = [
        {"name": "asked", "path": "asked.jsonl", "format": "octomed", "group": "asked"},
        {"name": "spoken", "path": "spoken.jsonl", "format": "messages"},
    ]
    after = packed("after", sources=sources, mix={"asked": 2}, validation={"share": 0.3})
    kinds = {(source, reason) for _, source, reason in changes(before, after)}
    assert ("asked", "copies") in kinds
    assert {reason for _, reason in kinds} == {"copies", "use"}


def test_many_parts_say_what_one_says(packed, monkeypatch):
    before = packed("before")
    after = packed("after", asked=ASKED[:7], curate={"accept": {"answer": "present"}})
    whole = compare(before, after).traces
    monkeypatch.setattr(comparing, "_RECORDS_A_PART", 1)
    parted = compare(before, after).traces
    assert (parted.counts, parted.same) == (whole.counts, whole.same)


def test_a_naive_comparison_agrees(packed):
    """The same by dictionaries of all rows."""
    before = packed("before")
    after = packed("after", asked=ASKED[3:], curate={"accept": {"answer": "present"}})

    def places(run_folder):
        rows = pq.read_table(f"{run_folder}/provenance").to_pylist()
        return {(row["source"], row["file"], row["row"], row["sample"]): row["length"] for row in rows}

    old, new = places(before), places(after)
    found = compare(before, after).traces
    assert found.total("went") == len(old.keys() - new.keys())
    assert found.total("came") == len(new.keys() - old.keys())
    assert found.by_reason("changed").get("length", 0) == sum(
        old[key] != new[key] for key in old.keys() & new.keys()
    )


def test_recipes_and_runs_by_their_keys(packed, tmp_path, capsys):
    place = packed("one")
    other = json.loads((tmp_path / "one.yaml").read_text(encoding="utf-8"))
    other["pack"]["capacity"] = 256
    other["sources"][1]["format"] = "sharegpt"
    (tmp_path / "other.yaml").write_text(json.dumps(other), encoding="utf-8")
    keys = {"pack.capacity": (512, 256), "sources.spoken.format": ("messages", "sharegpt")}
    assert compare(str(tmp_path / "one.yaml"), str(tmp_path / "other.yaml")).keys == keys
    assert run(["diff", place, str(tmp_path / "other.yaml"), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["keys"]["pack.capacity"] == {"before": 512, "after": 256}
    assert values["traces"] is None


def test_what_is_neither(tmp_path):
    with pytest.raises(RecipeError, match="there is no"):
        compare(str(tmp_path / "nothing"), str(tmp_path / "nothing"))


def test_a_record_has_no_gaps_that_a_file_would_keep():
    assert RECORD.itemsize == 40
