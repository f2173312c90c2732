"""What is printed obeys nobody: no character of a path, a file or a recipe steers a terminal, in any verb.

And no value of a row is printed as the name of a column.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from octomed import check
from octomed.cli.app import run as command_line
from octomed.errors import OctomedError, StorageError
from octomed.names import printable, printable_line, safe, shown
from octomed.recipe import load_recipe
from octomed.report.progress import JsonProgress, LineProgress, LiveProgress
from rich.console import Console

from tests.end_to_end import runs

HOSTILE = "\x1b]0;x\x07\x9b31m[bold]\u202e\u2066\u200b\u2028\x7f\ufeff:smile:\nerror: no"
RAW = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
NAME = HOSTILE.replace("/", "")


def say(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Run a command; what it prints holds no control character, and no line that a name has begun."""
    code = command_line(list(words))
    printed = capsys.readouterr()
    for text in (printed.out, printed.err):
        assert not RAW.search(text), (words, RAW.search(text), text)
        assert "\nerror: no" not in text
    if "--json" in words:
        for line in printed.out.splitlines():
            json.loads(line)
    return code, printed.out + printed.err


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A run all of whose names are hostile, with a reject, in a folder of such a name."""
    folder = tmp_path / NAME
    rows = [*runs.question_rows(6, 20), {"question": "", HOSTILE: 1}, {HOSTILE: {HOSTILE: 2}}]
    rows[0]["responses"] = [f"fever {HOSTILE[:-10]}"]  # lines of a text are meant
    rows[1][HOSTILE] = HOSTILE
    runs.write_lines(folder / "data" / f"{NAME}.jsonl", rows)
    (folder / "data" / f"{NAME}.pdf").write_text("left out")
    recipe = runs.one_source("data")
    recipe["sources"][0]["max_unreadable"] = 0.9
    return runs.write_recipe(folder, recipe)


@pytest.mark.parametrize("as_json", [False, True])
def test_every_verb(hostile, capsys, as_json):
    options = ["--json"] if as_json else []
    recipe, run = str(hostile), str(hostile.parent / "out")
    for verb in ("check", "plan", "pack", "pack"):
        code, said = say(capsys, verb, recipe, *options)
        assert code == 0, said
        assert "x1b]0;x" in said or "u001b]0;x" in said
    loaded = load_recipe(hostile)
    file = next(hostile.parent.joinpath("data").glob("*.jsonl")).name
    for words in (
        ["inspect", run],
        ["inspect", run, "--stream", "none", "--pack", "0"],
        ["rejects", run],
        ["rejects", run, "--show-text"],
        ["verify", run],
        ["clean", recipe, "--dry-run"],
        ["inspect", recipe, "--source", loaded.sources[0].name, "--row", "0", "--file", file],
        ["rejects", run, "--source", HOSTILE, "--reason", HOSTILE],
        ["inspect", run, "--trace", HOSTILE],
        ["inspect", recipe, "--source", HOSTILE, "--row", "0"],
        ["check", recipe + HOSTILE],
        ["verify", run + HOSTILE],
        ["pack", recipe, "--set", f"output.path=other{NAME}", "--set", f"system={HOSTILE!r}"],
        ["pack", recipe, "--set", HOSTILE],
        ["pack", recipe, "--set", f"{HOSTILE}=1"],
        ["pack", recipe, "--set", f"template={HOSTILE}"],
        [
            "check",
            recipe,
            "--set",
            f"sources.0.format={{question: {json.dumps(HOSTILE)}, response: response}}",
        ],
        [HOSTILE],
        ["pack", recipe, f"--{HOSTILE}"],
    ):
        say(capsys, *words, *options)


def test_every_key_of_a_recipe(hostile, capsys):
    for key in (
        "name",
        "model",
        "template",
        "system",
        "prompt",
        "supervise",
        "sources.0.name",
        "sources.0.path",
        "sources.0.format",
        "sources.0.format.question",
        "sources.0.rows",
        "sources.0.split",
        "sources.0.group",
        "output.path",
        "output.compression",
        "output.shard_size",
        "output.hashes",
        "work.path",
        "curate.over_long",
        "pack.capacity",
        "version",
    ):
        recipe = runs.one_source("data")
        parent = recipe
        *way, last = [int(part) if part.isdecimal() else part for part in key.split(".")]
        for part in way:
            if isinstance(parent, dict) and not isinstance(parent.get(part), dict | list):
                parent[part] = {"response": "response"} if part == "format" else {}
            parent = parent[part]
        parent[last] = HOSTILE
        hostile.write_text(json.dumps(recipe))
        say(capsys, "check", str(hostile))
        say(capsys, "check", str(hostile), "--json")
        parent[HOSTILE] = 1
        hostile.write_text(json.dumps(recipe))
        say(capsys, "check", str(hostile))
        with pytest.raises(OctomedError) as caught:
            check(recipe | {HOSTILE: 1})
        assert not RAW.search(f"{caught.value}{caught.value.hint}")


def test_a_command_in_a_hint_is_still_pasted(hostile, capsys):
    _, said = say(capsys, "check", str(hostile))
    command = re.search(r"next: `(.*)`", said)[1]
    words = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True
    ).stdout.split(b"\0")
    assert words[:-1] == [b"octomed", b"plan", str(hostile).encode()]
    assert shlex.quote("a") == "a"


def test_progress_of_all_kinds():
    for kind in (LineProgress, JsonProgress):
        stream = io.StringIO()
        progress = kind(stream)
        progress.message(HOSTILE)
        assert not RAW.search(stream.getvalue())
        assert len(stream.getvalue().splitlines()) == 1
    screen = io.StringIO()
    LiveProgress(Console(file=screen, force_terminal=True, width=200)).message(HOSTILE)
    assert "\x1b]0" not in screen.getvalue()
    assert "[bold]" in screen.getvalue()
    assert ":smile:" in screen.getvalue()


def test_what_escapes():
    for escape in (printable, printable_line, safe, shown):
        assert escape(escape(HOSTILE)) == escape(HOSTILE)
        assert not RAW.search(escape(HOSTILE))
        assert escape("é 漢 \u200d \u200c") == "é 漢 \u200d \u200c"
    assert "\n" not in printable_line(HOSTILE)
    assert json.loads(printable(json.dumps(HOSTILE, ensure_ascii=False))) == HOSTILE
    error = StorageError(HOSTILE, HOSTILE)
    assert not RAW.search(f"{error}{error.hint}{error.__notes__}")


ROWS = [
    ["What does a woman of 54 with chest pain need first?", "An ECG.", "2031-02-03"],
    ["Miller", "aspirin", "heparin"],
    ["yes", "yes", "yes"],
    ["10023", "10023", "7"],
    ["Ann Miller", "", ""],
]
OTHERS = [["Second, of no import", "b", "c"], ["third", "e", "f"]]


def text_of(rows: list[list[str]], delimiter: str) -> str:
    return "".join(delimiter.join(f'"{field}"' for field in row) + "\n" for row in rows)


@pytest.mark.parametrize("kind", ["csv", "tsv"])
@pytest.mark.parametrize("number", range(len(ROWS)))
def test_a_table_without_a_header_prints_no_row(tmp_path, capsys, kind, number):
    path = tmp_path / f"data/a.{kind}"
    path.parent.mkdir()
    path.write_text(text_of([ROWS[number], *OTHERS], "," if kind == "csv" else "\t"))
    for row_format in (
        "medical_o1",
        {"question": "Question", "response": "Response"},
        {"question": "q", "response": "r"},
    ):
        recipe = runs.values()
        recipe["sources"] = [{"name": "only", "path": f"data/a.{kind}", "format": row_format}]
        written = str(runs.write_recipe(tmp_path, recipe))
        for words in (["check"], ["plan"], ["pack"], ["check", "--json"], ["pack", "--json"]):
            code, said = say(capsys, words[0], written, *words[1:])
            assert code != 0
            for field in {*ROWS[number], *OTHERS[0]}:
                assert not field or len(field) < 2 or not re.search(rf"\b{re.escape(field)}", said), (
                    field,
                    said,
                )
        code, said = say(capsys, "inspect", written, "--source", "only", "--row", "0")
        assert code != 0
        assert ROWS[number][0] not in said


def test_names_that_are_names_are_printed(tmp_path, capsys):
    path = tmp_path / "data/a.csv"
    path.parent.mkdir()
    path.write_text("Instruction,input,Patient name\nWhat?,x,Miller\n")
    recipe = runs.values()
    recipe["sources"] = [{"name": "only", "path": "data/a.csv", "format": {"question": "q", "response": "r"}}]
    _, said = say(capsys, "check", str(runs.write_recipe(tmp_path, recipe)))
    assert "columns here: Instruction, input and 1 whose names are not shown" in said
    assert "or does the file begin with a row, not with names?" in said


def test_keys_that_are_ids_are_not_printed(tmp_path, capsys):
    rows = {f"Miller, Ann ({number}1023-2031)": {"x": 1, "y": "chest pain"} for number in range(5)}
    (tmp_path / "data").mkdir()
    for text, extra in (
        (json.dumps(rows), {}),
        (json.dumps({"rows": 1} | rows), {}),
        (json.dumps({"rows": 1} | {key: [row] for key, row in rows.items()}), {}),
        (json.dumps(rows), {"rows": "data"}),
        ("\n".join(json.dumps({key: row}) for key, row in rows.items()), {}),
        (json.dumps([{key: row} for key, row in rows.items()]), {}),
    ):
        (tmp_path / "data/a.json").write_text(text)
        recipe = runs.values()
        recipe["sources"] = [
            {"name": "only", "path": "data/a.json", "format": {"question": "q", "response": "r"}, **extra}
        ]
        written = str(runs.write_recipe(tmp_path, recipe))
        for words in (["check"], ["plan"], ["pack"], ["check", "--json"]):
            code, said = say(capsys, words[0], written, *words[1:])
            assert code != 0
            assert "Miller" not in said
            assert "chest" not in said
