"""Inputs in stores: the same bytes as from a folder, of every kind and compression, and no more asked for than is read."""

from __future__ import annotations

import json

from . import runs


def test_one_object_of_json_lines_packs(tmp_path, s3):
    lines = runs.write_lines(tmp_path / "data/a.jsonl", runs.question_rows(1, 150))
    s3.write("rows/a.jsonl", lines.read_bytes())
    path = runs.write_recipe(tmp_path, runs.one_source("data/a.jsonl"))
    runs.pack(path)
    runs.pack(path, f"sources.only.path={s3.address('rows/a.jsonl')}", "output.path=there", "work.path=other")
    assert same_files(tmp_path / "out", tmp_path / "there")


def same_files(here, there):
    """Whether two runs have the same files, of `octomed.json` all but the paths of the inputs."""
    found, expected = runs.contents(there), runs.contents(here)
    assert found.keys() == expected.keys()
    return {name for name in found if found[name] != expected[name]} <= {"octomed.json"}
