"""`octomed init` on the command line: nothing is overwritten, and no text is shown unasked."""

from __future__ import annotations

import json

import pytest
from octomed.cli.app import run

from tests.starter.rows import CHAT, written


@pytest.fixture
def rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return written([{"messages": CHAT}], "jsonl", tmp_path).name


def test_a_recipe_is_written_and_checked(rows, tmp_path, capsys):
    assert run(["init", rows]) == 0
    said = capsys.readouterr()
    assert "next: `octomed plan recipe.yaml`" in said.err
    assert said.out == ""
    assert run(["check", str(tmp_path / "recipe.yaml")]) == 0


def test_no_file_is_overwritten_unless_that_is_asked_for(rows, tmp_path, capsys):
    (tmp_path / "recipe.yaml").write_text("mine", encoding="utf-8")
    assert run(["init", rows]) == 2
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "recipe.yaml").read_text(encoding="utf-8") == "mine"
    assert run(["init", rows, "--force"]) == 0
    assert "sources:" in (tmp_path / "recipe.yaml").read_text(encoding="utf-8")


def test_texts_are_shown_when_that_is_asked_for(rows, capsys):
    assert run(["init", rows, "-o", "-"]) == 0
    said = capsys.readouterr()
    assert "Why?" not in said.err + said.out
    assert "sources:" in said.out
    assert run(["init", rows, "-o", "-", "--show-text"]) == 0
    assert "Why?" in capsys.readouterr().out


def test_json_has_what_was_found(rows, capsys):
    assert run(["init", rows, "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["passes"]
    assert values["datasets"][0]["columns"] == [{"name": "messages", "kind": "list of objects", "filled": 1}]
    assert "Why?" not in json.dumps(values)


def test_a_folder_that_is_not_there(rows, capsys):
    assert run(["init", rows, "--output", "nowhere/recipe.yaml"]) == 2
    assert "there is no folder `nowhere`" in capsys.readouterr().err


def test_what_is_to_be_completed_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.jsonl").write_text('{"a": "b", "c": "d"}\n', encoding="utf-8")
    assert run(["init", "rows.jsonl"]) == 0
    said = capsys.readouterr().err
    assert "to complete:" in said
    assert "next: complete it, and `octomed check recipe.yaml`" in said
