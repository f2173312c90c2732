"""What `octomed plan` says of a run that is where its output goes: what stands, and what is made again."""

from __future__ import annotations

import json

import octomed
import pytest
from octomed.cli.app import run as command_line
from octomed.errors import RecipeError

from . import runs
from .test_output_at_address import at, small, stopped

__all__ = ["small"]


def planned(capsys, recipe, *overrides):
    """Return the lines on the output, and what `--json` has of it."""
    options = [word for override in overrides for word in ("--set", override)]
    capsys.readouterr()
    assert command_line(["plan", str(recipe), *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert command_line(["plan", str(recipe), *options, "--json"]) == 0
    first = next((number for number, line in enumerate(lines) if line.startswith(("output", "upload"))), None)
    return lines[first:-1] if first is not None else [], json.loads(capsys.readouterr().out)["standing"]


def with_source(small):
    """Append a source to the recipe."""
    recipe = runs.values()
    runs.write_lines(small.parent / "data/more.jsonl", runs.question_rows(9, 20))
    recipe["sources"].append({"name": "more", "path": "data/more.jsonl", "format": "octomed"})
    return runs.write_recipe(small.parent, recipe)


def test_nothing_is_said_where_nothing_is(small, capsys):
    assert planned(capsys, small) == ([], None)


def test_a_complete_run_costs_nothing(small, capsys):
    runs.pack(small)
    lines, standing = planned(capsys, small)
    assert lines == [f"output    `{small.parent}/out` holds this run, complete: nothing is written"]
    assert standing["run"] == "complete"
    lines, _ = planned(capsys, small, "sources.chats.teacher=R1")
    assert "they stand, and the run file is written again" in lines[0]


def test_appending_a_source_writes_all_shards_and_scans_the_new_rows_alone(small, capsys):
    whole = runs.pack(small)
    appended = with_source(small)
    lines, standing = planned(capsys, appended)
    assert lines[0] == f"output    `{small.parent}/out` holds another run: source `more` is new"
    tasks = int(lines[1].split()[1])
    assert (
        lines[1]
        == f"  stands  {tasks} of {tasks + 1} tasks in the working store: their rows are not read again"
    )
    assert lines[2].startswith("  again   all shards and tables, about ")
    assert f"`octomed pack {appended} --replace`" in lines[3]
    assert (standing["run"], standing["what"]) == ("other", "source `more` is new")
    with pytest.raises(RecipeError, match=r"of another recipe: `sources\.more"):
        runs.pack(appended)
    summary = runs.pack(appended, replace=True)
    assert summary.blocks_reused == whole.blocks_scanned
    assert summary.shards_written == summary.shards
    assert summary.rows == whole.rows + 20
    assert octomed.verify(small.parent / "out").findings == ()
    capsys.readouterr()
    lines, _ = planned(capsys, runs.write_recipe(small.parent, runs.values()))
    assert "source `more` is gone" in lines[0]


def test_a_run_that_began_says_what_stands_of_it(small, capsys, s3):
    lines, standing = planned(capsys, small, at(s3))
    assert len(lines) == 1
    assert lines[0].endswith(f", to `{s3.address('run')}`")
    assert standing is None
    stopped(small, s3)
    lines, standing = planned(capsys, small, at(s3))
    assert standing["run"] == "begun"
    assert 0 < standing["shards"] <= 14
    assert lines[0].startswith(f"output    `{s3.address('run')}` holds {standing['shards']} shards, ")
    assert lines[0].endswith("of this run: they stand, and the others are written")
    runs.pack(small, at(s3))
    lines, standing = planned(capsys, small, at(s3))
    assert standing["run"] == "complete"
    assert len(lines) == 1
    assert lines[0] in str(octomed.plan(str(small), overrides=[at(s3)]))
