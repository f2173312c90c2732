"""Responses that nearly equal another's: what goes, what the report lists, and what a change of it costs."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from octomed.recipe import RecipeProblems, load_recipe

from . import runs

if TYPE_CHECKING:
    from pathlib import Path

WORDS = [f"word{number}" for number in range(900)]
RUN = 5


def long_text(seed: int, count: int = 120) -> str:
    draw = random.Random(seed)
    return " ".join(draw.choice(WORDS) for _ in range(count))


def changed(text: str, *places: int) -> str:
    """A text with another word at these places."""
    words = text.split(" ")
    for place in places:
        words[place] = f"other{place}"
    return " ".join(words)


def runs_of(text: str) -> set[tuple[str, ...]]:
    words = text.lower().split()
    return {tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1)}


def share(one: str, other: str) -> float:
    return len(runs_of(one) & runs_of(other)) / len(runs_of(one) | runs_of(other))


def row(number: int, *responses: str) -> dict[str, Any]:
    return {"question": f"Which one is number {number}?", "options": ["a", "b"], "responses": list(responses)}


SHORT = "It is b because of the first of these."
ROWS = [
    row(0, long_text(1), changed(long_text(1), 60), long_text(2)),
    row(1, long_text(3), SHORT),
    row(2, changed(long_text(1), 5, 90), changed(long_text(1), 10, 30, 50, 70), SHORT, SHORT + " Indeed."),
    row(3, long_text(4), "…"),
]
NEAR = {"action": "drop"}


def recipe_of(folder: Path, rows: list[dict[str, Any]], near: dict[str, Any] | None) -> dict[str, Any]:
    if not (folder / "rows.jsonl").exists():  # another time would be another file
        runs.write_lines(folder / "rows.jsonl", rows)
    recipe = runs.one_source("rows.jsonl")
    recipe["curate"] = {"duplicates": {"near": near}} if near is not None else {}
    return recipe


def packed(folder: Path, near: dict[str, Any] | None, *overrides: str, rows: Any = None) -> Any:
    recipe = recipe_of(folder, ROWS if rows is None else rows, near)
    return runs.pack(runs.write_recipe(folder, recipe), *overrides)


def gone(out: Path) -> dict[tuple[int, int], str]:
    """Details of the near duplicates, by row and response."""
    rejects = runs.rejects(out)
    return {
        (one["row"], one["sample"]): one["detail"] for one in rejects if one["reason"] == "near_duplicate"
    }


def clusters(out: Path) -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = pq.read_table(out / "reports/near_duplicates.parquet").to_pylist()
    return table


def test_what_is_near_to_one_that_stays_goes_and_says_to_which(tmp_path):
    summary = packed(tmp_path, NEAR)
    one = share(long_text(1), changed(long_text(1), 60))
    other = share(long_text(1), changed(long_text(1), 5, 90))
    # The third copy shares less than four fifths; short responses are compared within their question.
    assert share(long_text(1), changed(long_text(1), 10, 30, 50, 70)) < 0.8
    assert gone(tmp_path / "out") == {
        (0, 1): f"J {one:.2f} with only/rows.jsonl row 0 sample 0",
        (2, 0): f"J {other:.2f} with only/rows.jsonl row 0 sample 0",
        (2, 3): "J 0.83 with only/rows.jsonl row 2 sample 2",
    }
    assert (summary.near_duplicates, summary.near_clusters) == (3, 2)
    assert summary.train == sum(len(one["responses"]) for one in ROWS) - 3


def test_the_table_has_the_clusters_with_places_shares_and_beginnings(tmp_path):
    packed(tmp_path, NEAR)
    table = clusters(tmp_path / "out")
    assert [(one["row"], one["sample"], one["kept"]) for one in table] == [
        (0, 0, True),
        (0, 1, False),
        (2, 0, False),
        (2, 2, True),
        (2, 3, False),
    ]
    assert [(one["cluster"], one["size"]) for one in table] == [(0, 3)] * 3 + [(1, 2)] * 2
    assert {(one["source"], one["file"]) for one in table} == {("only", "rows.jsonl")}
    assert [one["near_to"] for one in table[:3]] == [None, table[0]["trace_id"], table[0]["trace_id"]]
    assert table[1]["jaccard"] == pytest.approx(share(long_text(1), changed(long_text(1), 60)))
    assert re.sub(r"…$", "", table[0]["text"]) in long_text(1)


def test_a_report_lists_the_same_and_drops_nothing(tmp_path):
    packed(tmp_path, NEAR, "output.path=dropped")
    summary = packed(tmp_path, {"action": "report"})
    assert (gone(tmp_path / "out"), summary.near_duplicates) == ({}, 3)
    assert clusters(tmp_path / "out") == clusters(tmp_path / "dropped")
    assert summary.blocks_scanned == 0


def test_without_the_key_nothing_is_looked_for(tmp_path):
    summary = packed(tmp_path, None)
    assert (summary.near_duplicates, gone(tmp_path / "out")) == (None, {})
    assert not (tmp_path / "out/reports").exists()
    assert not list(tmp_path.rglob("*.bands"))


@pytest.mark.parametrize(
    ("near", "left"),
    [
        ({"keep": "longest"}, {(0, 1), (2, 0), (2, 2)}),
        ({"scope": "question"}, {(0, 1), (2, 3)}),
        ({"threshold": 0.6}, {(0, 1), (2, 0), (2, 1), (2, 3)}),
        ({"threshold": 1.0}, set()),
    ],
)
def test_thresholds_scopes_and_policies_are_selections(tmp_path, near, left):
    packed(tmp_path, NEAR, "output.path=first")
    summary = packed(tmp_path, NEAR | near)
    assert (set(gone(tmp_path / "out")), summary.blocks_scanned) == (left, 0)


def test_the_longest_or_the_shortest_stays(tmp_path):
    base = long_text(1)
    rows = [row(0, base), row(1, base + " and more"), row(2, base.rsplit(" ", 1)[0])]
    for keep, left in (("first", {1, 2}), ("longest", {0, 2}), ("shortest", {0, 1})):
        packed(tmp_path, NEAR | {"keep": keep}, f"output.path={keep}", rows=rows)
        assert {number for number, _ in gone(tmp_path / keep)} == left


def test_a_group_may_have_a_scope_of_its_own(tmp_path):
    recipe = recipe_of(tmp_path, ROWS, NEAR)
    recipe["sources"][0]["group"] = "text"
    recipe["curate"]["groups"] = {"text": {"near_scope": "question"}}
    runs.pack(runs.write_recipe(tmp_path, recipe))
    assert set(gone(tmp_path / "out")) == {(0, 1), (2, 3)}


def test_other_answers_are_no_duplicates(tmp_path):
    base = long_text(1, 80)
    said = [f"<think>{base}</think> <answer>{letter}</answer>" for letter in "AAB"]
    responses = [said[0], changed(said[1], 40), said[2]]
    rows = [
        row(number, one) | {"options": ["A: x", "B: y"], "answer": "A"}
        for number, one in enumerate(responses)
    ]
    recipe = recipe_of(tmp_path, rows, NEAR)
    recipe["curate"]["accept"] = {"answer": "present"}
    runs.pack(runs.write_recipe(tmp_path, recipe))
    assert set(gone(tmp_path / "out")) == {(1, 0)}


def test_the_result_is_the_same_with_any_number_of_workers(tmp_path):
    draw = random.Random(5)
    rows = [
        row(number, *(changed(long_text(draw.randrange(9)), draw.randrange(120)) for _ in range(3)))
        for number in range(60)
    ]
    recipe = runs.write_recipe(tmp_path, recipe_of(tmp_path, rows, NEAR))
    for workers in (1, 3):
        runs.pack(recipe, f"output.path=by{workers}", f"work.path=store{workers}", workers=workers)
    tables = [clusters(tmp_path / f"by{workers}") for workers in (1, 3)]
    assert tables[0] == tables[1]
    assert gone(tmp_path / "by1") == gone(tmp_path / "by3")
    assert len(gone(tmp_path / "by1")) > 100


@pytest.mark.parametrize(
    ("near", "place"),
    [
        ({"ngram": 0}, "ngram"),
        ({"bands": 257}, "bands"),
        ({"rows": 65}, "rows"),
        ({"threshold": 0}, "threshold"),
        ({"threshold": 1.5}, "threshold"),
        ({"action": "remove"}, "action"),
        ({"word": 5}, "word"),
    ],
)
def test_numbers_out_of_range_are_refused_by_place(tmp_path, near, place):
    recipe = runs.write_recipe(tmp_path, recipe_of(tmp_path, ROWS, near))
    with pytest.raises(RecipeProblems, match=place):
        load_recipe(recipe)


def test_damaged_bands_are_made_again(tmp_path):
    packed(tmp_path, NEAR, "output.path=first")
    for path in (tmp_path / "store").rglob("*.bands"):
        content = bytearray(path.read_bytes())
        content[3] ^= 1
        path.write_bytes(content)
    packed(tmp_path, NEAR)
    assert gone(tmp_path / "out") == gone(tmp_path / "first")


def cluster_of(folder: Path, size: int, **near: Any) -> Any:
    """Pack one cluster: long responses, each of which differs from the first in one word of its own."""
    text = long_text(9).split()
    rows = []
    for first in range(0, size, 50):
        responses = []
        for number in range(first, min(first + 50, size)):
            words = [*text]
            words[number % len(words)] = f"n{number}"
            responses.append(" ".join(words))
        rows.append(row(first, *responses))
    runs.write_lines(folder / "rows.jsonl", [*rows, row(size, long_text(10))])
    recipe = runs.one_source("rows.jsonl")
    recipe["curate"] = {"duplicates": {"near": {"action": "drop", **near}}}
    recipe["output"].pop("shard_size", None)
    return runs.write_recipe(folder, recipe)


def in_child(recipe: Path) -> tuple[int, float]:
    """Pack in a process of its own; the most memory that it had, in bytes, and its seconds."""
    script = "import octomed, re, sys, time\nbegin = time.perf_counter()\n"
    script += "octomed.pack(sys.argv[1], workers=2)\n"
    # What `getrusage` says of a child begins with the memory of the process that started it.
    script += "kilobytes = re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]\n"
    script += "print(int(kilobytes) * 1024, time.perf_counter() - begin)"
    done = subprocess.run([sys.executable, "-c", script, str(recipe)], capture_output=True, check=True)
    memory, seconds = done.stdout.split()
    return int(memory), float(seconds)


@pytest.mark.parametrize("size", [5_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_a_large_cluster_leaves_its_first_in_bounded_time_and_memory(tmp_path, size):
    """Work grows with the cluster and not with its square: the large one has 400 times the pairs."""
    memory, seconds = in_child(cluster_of(tmp_path, size))
    assert memory < 1.5e9
    assert seconds < (60 if size == 5_000 else 600)
    table = clusters(tmp_path / "out")
    assert len(table) == 1_000
    assert {one["size"] for one in table} == {size}
    assert table[0]["kept"]
    counts = json.loads((tmp_path / "out/octomed.json").read_text())["counts"]
    assert counts["train"] == 2
    assert counts["rejected"]["near_duplicate"] == size - 1
    gone = [one for one in runs.rejects(tmp_path / "out") if one["reason"] == "near_duplicate"]
    assert len(gone) == size - 1
    assert all("with only/rows.jsonl row 0 sample 0" in one["detail"] for one in gone[:50])
