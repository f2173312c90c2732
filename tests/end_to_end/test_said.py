"""What is said before, in and after a run: whether rows fit, what was lost, and what to do next."""

from __future__ import annotations

import csv
import json
import re
import shlex

import octomed
import pytest
from octomed.cli.app import run as command_line
from octomed.cli.starting import resuming
from octomed.commands import as_argument
from octomed.errors import DataError, RecipeError
from octomed.pipeline.inputs import tasks
from octomed.pipeline.planning import sample

from tests import state_files

from . import runs

MCQ = [{"question": f"q{number}", "exp": "e", "cop": 1, "opa": "a"} for number in range(150)]
GOOD = [{"question": f"q{number}?", "responses": [f"answer {number}"]} for number in range(40)]


def said(capsys, *words):
    """Run a command: exit code, standard output and standard error."""
    capsys.readouterr()
    code = command_line([str(word) for word in words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def one(folder, rows, format_="octomed", name="a.jsonl", **keys):
    runs.write_lines(folder / "data" / name, rows)
    return runs.write_recipe(folder, runs.one_source("data", format_, **keys))


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# What a sample of rows says


def test_rows_that_do_not_fit_are_an_error_of_check_and_plan(tmp_path, capsys):
    recipe = one(tmp_path, MCQ)
    before = files(tmp_path)
    wanted = (
        "source `only`, `a.jsonl`: 0 of 100 rows fit: no column `responses`; "
        "columns here: question, exp, cop, opa; nearest format: "
    )
    for verb in ("check", "plan"):
        code, out, err = said(capsys, verb, recipe)
        assert code == 3
        assert wanted in err
        assert "is valid" not in out
        assert "next:" not in out
        code, out, _ = said(capsys, verb, recipe, "--json")
        assert (code, json.loads(out)["ok"]) == (3, False)
    assert files(tmp_path) == before
    (found,) = json.loads(said(capsys, "check", recipe, "--json")[1])["samples"]
    assert (found["rows"], found["rows_fitting"], found["columns_missing"]) == (100, 0, ["responses"])
    assert found["columns_unread"] == ["exp", "cop", "opa"]
    assert found["first"] == {"row": 0, "reason": "missing_field", "detail": "the row has no `responses`"}


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.jsonl.gz", "a.csv", "a.parquet"])
def test_a_format_that_would_suit_is_named(tmp_path, capsys, name):
    rows = [{"instruction": "q", "input": "", "output": f"a{number}"} for number in range(5)]
    path = tmp_path / "data" / name
    if name == "a.parquet":
        runs.write_parquet(path, rows)
    elif name == "a.csv":
        path.parent.mkdir()
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    elif name == "a.json":
        path.parent.mkdir()
        path.write_text(json.dumps(rows))
    else:
        runs.write_lines(tmp_path / "data/a.jsonl", rows)
        if name.endswith(".gz"):
            import gzip

            path.write_bytes(gzip.compress((tmp_path / "data/a.jsonl").read_bytes()))
            (tmp_path / "data/a.jsonl").unlink()
    recipe = runs.write_recipe(tmp_path, runs.one_source("data"))
    code, _, err = said(capsys, "check", recipe)
    assert code == 3
    assert "no column `question`" in err
    assert "nearest format: `alpaca`" in err
    code, out, _ = said(capsys, "check", recipe, "--set", "sources.only.format=alpaca")
    assert (code, "is valid" in out) == (0, True)


def test_every_kind_of_file_of_every_source_is_looked_at(tmp_path, capsys):
    recipe = one(tmp_path, GOOD)
    runs.write_parquet(tmp_path / "data/b.parquet", [{"question": "q", "responses": "no list"}] * 120)
    (tmp_path / "data/c.json").write_text("[]")
    (tmp_path / "data/d.json").write_text(json.dumps(GOOD))
    code, _, err = said(capsys, "check", recipe)
    assert code == 3
    assert "`b.parquet`: 0 of 100 rows fit: 100 wrong_type; the first is row 0: wrong_type" in err
    assert "a.jsonl" not in err
    kinds = json.loads(said(capsys, "check", recipe, "--json")[1])["samples"]
    assert [(one["file"], one["kind"], one["rows"]) for one in kinds] == [
        ("a.jsonl", "jsonl", 40), ("b.parquet", "parquet", 100), ("d.json", "json", 40),
    ]  # fmt: skip


def test_some_rows_that_do_not_fit_are_a_warning_with_the_first_ones_place(tmp_path, capsys):
    long = {"question": "q", "responses": ["w " * 2_000]}
    rows = [*GOOD[:7], {"question": "q"}, {"question": "q", "responses": []}, {"question": "q"}, long]
    code, out, err = said(capsys, "check", one(tmp_path, rows))
    assert code == 0
    assert "is valid" in out
    assert "4 of 11 rows do not fit: 2 missing_field, 1 no_response, 1 over_long; the first is row 7" in err
    code, out, err = said(capsys, "plan", tmp_path / "recipe.yaml")
    assert (code, "4 of 11 rows do not fit" in err, "next: `octomed pack" in out) == (0, True, True)


def test_rows_that_hold_no_trace_are_an_error_only_where_nothing_else_fits(tmp_path, capsys):
    recipe = one(tmp_path, [{"question": "q", "responses": []}] * 3)
    assert said(capsys, "check", recipe)[0] == 3
    runs.write_parquet(tmp_path / "data/b.parquet", GOOD)
    code, _, err = said(capsys, "check", recipe)
    assert (code, "warning: source `only`, `a.jsonl`: 0 of 3 rows fit: 3 no_response" in err) == (0, True)


def test_each_sample_that_does_not_fit_has_its_place_and_hint(tmp_path, capsys):
    runs.write_lines(tmp_path / "data/a.jsonl", [{"Question": "q", "response": ["a"]}])
    runs.write_lines(tmp_path / "data/b.jsonl", [{"instruction": "q", "output": "a"}])
    recipe = runs.values()
    recipe["sources"] = [{"name": name, "path": f"data/{name}.jsonl", "format": "octomed"} for name in "ab"]
    code, _, err = said(capsys, "check", runs.write_recipe(tmp_path, recipe))
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    hints = [line for line in err.splitlines() if line.startswith("hint: ")]
    assert (code, len(errors), len(hints)) == (3, 2, 2)
    assert "recipe.yaml:11:14: source `a`" in errors[0]
    assert "no column `question` (there is Question), `responses` (there is response)" in errors[0]
    assert "sources.a.format" in hints[0]
    assert "set `sources.b.format: alpaca`; `octomed inspect " in hints[1]
    event = json.loads(said(capsys, "check", tmp_path / "recipe.yaml", "--json")[2].splitlines()[-1])
    assert [one["message"].partition(",")[0] for one in event["problems"]] == ["source `a`", "source `b`"]


def test_what_the_recipe_tolerates_is_no_error(tmp_path, capsys):
    recipe = one(tmp_path, [{"question": "q"}] * 3)
    runs.write_parquet(tmp_path / "data/b.parquet", GOOD)
    assert said(capsys, "check", recipe)[0] == 3
    for option in ("max_unreadable=1", "on_bad_file=skip"):
        assert said(capsys, "check", recipe, "--set", f"sources.only.{option}")[0] == 0


def test_no_more_than_the_first_rows_are_read(tmp_path, monkeypatch, capsys):
    recipe = one(tmp_path, [{**row, "responses": ["x" * 300_000]} for row in GOOD])
    monkeypatch.setattr(sample, "_SAMPLE_BYTES", 1_000_000)
    monkeypatch.setattr(tasks, "JSON_TASK_BYTES", 2**28)
    (found,) = json.loads(said(capsys, "check", recipe, "--json")[1])["samples"]
    assert 3 < found["rows"] < 8


def test_columns_that_are_not_read_are_said_once_a_source(tmp_path, capsys):
    recipe = one(
        tmp_path, [{**row, "id": 1, "note": 1, "Image_name": None, "pixel values": None} for row in GOOD]
    )
    runs.write_lines(tmp_path / "data/b.jsonl", GOOD)
    code, _, err = said(capsys, "check", recipe)
    assert code == 0
    assert err.count("columns that this format does not read: note, Image_name, `pixel values`\n") == 1
    assert err.count("columns whose names suggest pictures: Image_name, `pixel values`") == 1


def test_names_of_columns_cannot_steer_a_terminal(tmp_path, capsys):
    recipe = one(tmp_path, [{**row, "\x1b[2J\n": 1, "k" * 99 + "-": 2} for row in GOOD])
    _, _, err = said(capsys, "check", recipe)
    assert "does not read: `\\x1b[2J\\n`, `" + "k" * 60 + "…`\n" in err


def test_a_check_names_the_files_that_are_skipped(tmp_path, capsys):
    recipe = one(tmp_path, GOOD, on_bad_file="skip")
    (tmp_path / "data/b.parquet").write_bytes(b"PAR1")
    code, out, _ = said(capsys, "check", recipe)
    assert (code, "source `only`: file skipped: `b.parquet`: " in out) == (0, True)


def test_sources_without_any_row_are_an_error(tmp_path, capsys):
    recipe = one(tmp_path, [])
    code, _, err = said(capsys, "check", recipe)
    assert (code, "no source has a row to read" in err) == (3, True)
    (tmp_path / "data/a.jsonl").write_text("\n\n")
    code, _, err = said(capsys, "check", recipe)
    assert (code, "source `only`, `a.jsonl`: no rows" in err) == (3, True)


# What a run says at its end


def test_large_losses_are_warnings_with_the_key_to_change(tmp_path, capsys):
    rows = [
        *GOOD,
        *({"question": f"long {number}", "responses": ["w " * 2_000]} for number in range(4)),
        *({"question": f"blank {number}", "responses": [" "]} for number in range(4)),
        *({"question": f"none {number}", "responses": []} for number in range(4)),
        *({"question": f"broken {number}"} for number in range(4)),
        *GOOD[:20],
    ]
    recipe = one(tmp_path, rows, max_unreadable=0.5)
    code, out, err = said(capsys, "pack", recipe, "--json")
    summary = json.loads(out)
    warnings = "\n".join(summary["warnings"])
    assert (code, len(summary["warnings"])) == (0, 3), warnings  # `max_unreadable` covers the unreadable ones
    for part in [
        "4 of 76 rows (5.26 %) are without a trace (4 no_response): look at `sources.only.format`",
        "4 of 68 traces (5.88 %) are rejected as `over_long`, longer than a pack of 1,024 tokens",
        "1,024 tokens: raise `pack.capacity`",
        "4 of 68 traces (5.88 %) are rejected as `empty_response`, ",
    ]:
        assert part in warnings
    code, out, err = said(capsys, "pack", recipe)
    assert [line for line in err.splitlines() if line.startswith("warning: ")] == [
        f"warning: {line}" for line in summary["warnings"]
    ]
    assert re.search(r"\n +without a trace +4\n +no_response +4\n +unreadable +4\n +missing_field +4\n", out)


def test_small_losses_and_duplicates_are_no_warnings(tmp_path):
    recipe = one(tmp_path, [*GOOD, *GOOD, {"question": "q", "responses": []}, {"question": "q"}])
    summary = runs.pack(recipe)
    assert summary.warnings == []
    assert summary.rejected == {"duplicate": 40}
    assert summary.rows_refused == {"missing_field": 1, "no_response": 1}


def test_reasons_are_counted_by_source(small, capsys):
    with (small.parent / "data/questions/b.jsonl").open("a") as stream:
        stream.write('{"question": \n')
    with (small.parent / "data/questions/a.jsonl").open("a") as stream:
        stream.write('{"question": "q", "responses": []}\n{"question": "r", "responses": []}\n')
    code, out, _ = said(capsys, "pack", small)
    assert code == 0
    counts = json.loads((small.parent / "out/octomed.json").read_text())["counts"]
    assert counts["rows_refused"] == {"invalid_json": 1, "no_response": 2}
    assert counts["sources"]["questions"]["rows_refused"] == {"invalid_json": 1, "no_response": 2}
    assert counts["sources"]["chats"]["rows_refused"] == {}
    assert counts["sources"]["chains"]["rejected"] == {"empty_response": 1}
    assert sum(account["rows"] for account in counts["sources"].values()) == counts["rows"]
    assert "2 (`questions` 2)\n" in out
    assert said(capsys, "verify", small.parent / "out")[0] == 0


@pytest.mark.parametrize("case", ["reason", "kind", "source", "source's reason"])
def test_reasons_and_sources_that_do_not_add_up_are_found(tmp_path, capsys, case):
    recipe = one(tmp_path, [*GOOD, {"question": "q", "responses": []}, {"question": "q"}])
    runs.pack(recipe)
    path = tmp_path / "out/octomed.json"
    run = json.loads(path.read_text())
    counts = run["counts"]
    if case == "reason":
        counts["rows_refused"] = {"missing_field": 2, "no_response": 1}
    elif case == "kind":
        counts["rows_refused"] = {"missing_field": 0, "no_response": 2}
    elif case == "source":
        counts["sources"]["only"]["tokens"] += 1
    else:
        counts["sources"]["only"]["rows_refused"] = {"wrong_type": 1, "no_response": 1}
    state_files.write(path, run)
    code, out, _ = said(capsys, "verify", tmp_path / "out")
    assert (code, "octomed.json: its counts do not agree: " in out) == (3, True)


def test_a_run_of_an_earlier_version_counts_no_reasons(tmp_path, capsys):
    recipe = one(tmp_path, [*GOOD, {"question": "q"}])
    runs.pack(recipe)
    path = tmp_path / "out/octomed.json"
    run = json.loads(path.read_text())
    del run["counts"]["rows_refused"], run["counts"]["sources"], run["run"]["inputs"]
    state_files.write(path, run)
    assert said(capsys, "verify", tmp_path / "out")[0] == 0
    assert said(capsys, "inspect", tmp_path / "out")[0] == 0
    code, _, err = said(capsys, "rejects", tmp_path / "out", "--show-text")
    assert (code, "does not record its inputs" in err) == (2, True)
    assert said(capsys, "pack", recipe)[0] == 0  # which brings it up to date
    assert said(capsys, "rejects", tmp_path / "out", "--show-text")[0] == 0


# What to do next


def commands(text):
    """Every command that a text names."""
    return [shlex.split(part.split("`")[0]) for part in text.split("`octomed ")[1:]]


def test_every_command_named_has_the_recipe_and_the_options(small, capsys):
    options = ["--set", "pack.seed=5", "--set", "system=Think twice, then 'answer'."]
    recipe = str(small)
    for verb, then in (("check", "plan"), ("plan", "pack")):
        _, out, _ = said(capsys, verb, recipe, *options)
        assert commands(out) == [[then, recipe, *options]]
    runs.pack(small)
    code, _, err = said(capsys, "pack", recipe, *options)
    assert (code, commands(err)) == (2, [["pack", recipe, *options, "--replace"]])
    (small.parent / "data/chains.json").write_text("[{]")
    code, _, err = said(capsys, "pack", recipe, *options, "--replace", "--workers", "2")
    assert (code, commands(err)) == (3, [["pack", recipe, "--workers", "2", "--replace", *options]])


def test_when_nothing_is_left_the_command_shows_the_first_row_that_fell_out(tmp_path, capsys):
    recipe = one(tmp_path, [{"question": "q", "responses": [" "]}, {"question": "q", "responses": []}])
    code, _, err = said(capsys, "pack", recipe, "--set", "pack.seed=4")
    assert code == 3
    command, resume = commands(err)
    row = ["--source", "only", "--file", "a.jsonl", "--row", "0"]
    assert command == ["inspect", str(recipe), "--set", "pack.seed=4", *row]
    assert resume == ["pack", str(recipe), "--set", "pack.seed=4"]
    code, out, _ = said(capsys, *command)
    assert (code, "empty_response" in out) == (0, True)


def refused(capsys, recipe, *options):
    code, _, err = said(capsys, "pack", recipe, *options)
    assert code == 2
    return err.splitlines()[0].partition(" holds a run ")[2]


def test_a_run_of_another_recipe_names_the_keys_that_differ(small, capsys):
    runs.pack(small)
    options = ["--set", "pack.capacity=512", "--set", "pack.buckets=[128]", "--set", "name=other"]
    found = refused(capsys, small, *options, "--set", "sources.chats.teacher=R1")
    assert found == "of another recipe: `pack.buckets` [256, 512] → [128], `pack.capacity` 1024 → 512"
    found = refused(capsys, small, "--set", "sources.chats.name=talks")
    assert '`sources.chats.path` ["data/chats"] → (not set)' in found
    assert '`sources.talks.format` (not set) → "messages"' in found
    swapped = runs.values()
    swapped["sources"].reverse()
    runs.write_recipe(small.parent, swapped)
    assert refused(capsys, small) == "of another recipe: `sources` in another order"


def test_other_inputs_are_named(small, capsys):
    runs.pack(small)
    data = small.parent / "data"
    runs.write_lines(data / "questions/b.jsonl", runs.question_rows(9, 5))
    runs.write_lines(data / "questions/c.jsonl", runs.question_rows(8, 5))
    (data / "questions/a.jsonl").unlink()
    assert refused(capsys, small) == (
        "of the same recipe, over other inputs: `questions/a.jsonl` is gone, `questions/b.jsonl` changed, "
        "`questions/c.jsonl` is new"
    )
    (small.parent / "out/octomed.json").unlink()  # a killed run names none
    assert refused(capsys, small).startswith("of the same recipe, over other inputs: files were")


def test_another_octomed_is_named(small, capsys):
    runs.pack(small)
    path = small.parent / "out/.octomed-run.json"
    manifest = json.loads(path.read_text())
    manifest["key"], manifest["about"]["versions"]["scan"] = "0" * 32, 1
    state_files.write(path, manifest)
    assert refused(capsys, small).startswith(
        "of the same recipe, but of another octomed: version of `scan` 1 → "
    )
    manifest["about"] = {}
    state_files.write(path, manifest)
    assert refused(capsys, small) == "of another recipe, of other inputs, or of another octomed"


def test_a_run_that_is_not_finished_names_the_command_that_goes_on(small, capsys):
    (small.parent / "data/chains.json").write_text("[{]")
    options = ["--set", "pack.seed=9"]
    assert said(capsys, "pack", small, *options)[0] == 3
    for verb in ("verify", "inspect", "rejects"):
        code, _, err = said(capsys, verb, small.parent / "out")
        assert (code, commands(err)) == (2, [["pack", str(small), *options]])


# A run at a glance, and what it left out


def test_a_run_at_a_glance(small, capsys):
    summary = runs.pack(small)
    code, out, _ = said(capsys, "inspect", small.parent / "out", "--json")
    view = json.loads(out)
    lengths = sorted(row["length"] for row in runs.provenance(small.parent / "out"))
    assert code == 0
    assert (view["packs"], view["traces"], view["tokens"]) == (summary.packs, summary.train, summary.tokens)
    assert view["lengths"]["p0"] == lengths[0]
    assert view["lengths"]["p100"] == lengths[-1]
    assert view["lengths"]["p50"] == lengths[(len(lengths) + 1) // 2 - 1]
    assert list(view["sources"]) == ["questions", "chats", "chains"]
    for name, stream in view["streams"].items():
        assert stream["fill"] == pytest.approx(stream["tokens"] / stream["packs"] / 1024)
        assert stream["traces"] == summary.streams[name]["traces"]
    code, out, _ = said(capsys, "inspect", small.parent / "out")
    assert (code, "fever" in out) == (0, False)
    assert "traces left out" in out
    next(small.parent.glob("out/provenance/*.parquet")).unlink()
    code, _, err = said(capsys, "inspect", small.parent / "out")
    assert (code, "octomed verify" in err) == (3, True)


def test_options_that_want_each_other_are_refused(small, capsys):
    runs.pack(small)
    for words in (["--stream", "len-00256"], ["--pack", "0"]):
        assert said(capsys, "inspect", small.parent / "out", *words)[0] == 2


SECRET = "PATIENT-NAME"


def rows_with_rejects():
    return [
        {"question": "q0", "responses": ["a"]},
        {"question": f"q1 {SECRET}", "responses": []},
        {"question": "q0", "responses": ["a"]},
        {"question": f"q3 {SECRET}", "responses": ["b", " "]},
        {"question": f"q4 {SECRET}", "responses": None},
    ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.parquet"])
def test_rejects_are_listed_without_text_and_with_it(tmp_path, capsys, name):
    rows = rows_with_rejects() + GOOD
    path = tmp_path / "data" / name
    if name == "a.parquet":
        runs.write_parquet(path, rows, group=2)
    elif name == "a.json":
        path.parent.mkdir()
        path.write_text(json.dumps(rows))
    else:
        runs.write_lines(path, rows)
    runs.pack(runs.write_recipe(tmp_path, runs.one_source("data", max_unreadable=0.5)))
    code, out, _ = said(capsys, "rejects", tmp_path / "out", "--json")
    listed = [json.loads(line) for line in out.splitlines()]
    assert [(one["row"], one["sample"], one["reason"]) for one in listed][:3] == [
        (1, None, "no_response"), (2, 0, "duplicate"), (3, 1, "empty_response"),
    ]  # fmt: skip
    assert (code, SECRET in out) == (0, False)
    assert SECRET not in said(capsys, "rejects", tmp_path / "out")[1]
    code, out, _ = said(capsys, "rejects", tmp_path / "out", "--json", "--show-text")
    assert code == 0
    texts = [json.loads(json.loads(line)["text"]) for line in out.splitlines()]
    assert texts == [rows[one["row"]] for one in listed]
    code, out, err = said(capsys, "rejects", tmp_path / "out", "--limit", "1", "--show-text")
    assert f"q1 {SECRET}" in out
    assert commands(err) == [["rejects", str(tmp_path / "out"), "--limit", "0", "--show-text"]]
    assert len(out.splitlines()) == 2
    for words, count in ((["--reason", "duplicate"], 1), (["--source", "only"], len(listed))):
        assert len(said(capsys, "rejects", tmp_path / "out", *words)[1].splitlines()) == count


def test_rows_of_later_tasks_and_of_csv_files_are_found(tmp_path, capsys):
    rows = runs.question_rows(5, 400)
    rows[390] = {"question": SECRET, "responses": []}
    recipe = one(tmp_path, rows)
    with (tmp_path / "data/b.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([["question", "responses"], ["q", '["a"]'], [f"{SECRET}\nof two lines", "[]"]])
    summary = runs.pack(recipe)
    assert summary.blocks_scanned > 3
    code, out, _ = said(
        capsys, "rejects", tmp_path / "out", "--reason", "no_response", "--show-text", "--json"
    )
    found = [json.loads(line) for line in out.splitlines()]
    assert (code, [(one["file"], one["row"]) for one in found]) == (0, [("a.jsonl", 390), ("b.csv", 1)])
    assert json.loads(found[0]["text"]) == rows[390]
    assert json.loads(found[1]["text"])["question"] == f"{SECRET}\nof two lines"


def test_texts_of_inputs_that_changed_or_are_gone_are_refused_by_name(tmp_path, capsys):
    recipe = one(tmp_path, rows_with_rejects(), max_unreadable=0.5)
    runs.pack(recipe)
    runs.write_lines(tmp_path / "data/b.jsonl", GOOD)
    recipe.write_text("the recipe may go: the run has its own")
    path = tmp_path / "data/a.jsonl"
    assert said(capsys, "rejects", tmp_path / "out", "--show-text")[0] == 0
    path.write_text(path.read_text() + "\n")
    code, out, err = said(capsys, "rejects", tmp_path / "out", "--show-text")
    assert (code, out) == (3, "")
    assert f"`{path}` (source `only`) changed since the run" in err
    path.unlink()
    code, _, err = said(capsys, "rejects", tmp_path / "out", "--show-text")
    assert (code, "`only/a.jsonl` has been removed since the run" in err) == (3, True)
    assert said(capsys, "rejects", tmp_path / "out")[0] == 0


def test_rejects_of_what_there_is_not(small, capsys):
    runs.pack(small)
    code, _, err = said(capsys, "rejects", small.parent / "out", "--reason", "too_long")
    assert (code, "unknown reason `too_long`" in err) == (2, True)
    code, _, err = said(capsys, "rejects", small.parent / "out", "--source", "chat")
    assert (code, "did you mean `chats`?" in err) == (2, True)
    next(small.parent.glob("out/rejects/*.parquet")).write_bytes(b"PAR1")
    code, _, err = said(capsys, "rejects", small.parent / "out")
    assert (code, "octomed verify" in err) == (3, True)


# In Python


def test_a_recipe_as_a_dict(small, monkeypatch):
    monkeypatch.chdir(small.parent)
    by_path = runs.contents(small.parent / "out") if runs.pack(small) else {}
    recipe = runs.values() | {"output": {**runs.values()["output"], "path": small.parent / "out2"}}
    recipe["sources"] = tuple(recipe["sources"])
    assert octomed.check(recipe).ok
    plan = octomed.plan(recipe)
    assert "traces about" in str(plan)
    assert str(plan) == repr(plan)
    assert "<pre>" in plan._repr_html_()
    summary = octomed.pack(recipe, workers=2)
    by_dict = runs.contents(small.parent / "out2")
    assert {name for name in by_path if by_path[name] != by_dict[name]} == {"octomed.json"}
    assert summary.next_command == "octomed.verify('out2')"
    assert "next: octomed.verify('out2')" in str(summary)
    assert octomed.verify("out2").findings == ()
    assert octomed.pack(recipe).already_done
    assert recipe["sources"][0]["path"] == "data/questions/*.jsonl"


def test_hints_in_python_name_calls(small, monkeypatch):
    monkeypatch.chdir(small.parent)
    runs.pack(small)
    for recipe, named in ((runs.values(), "{...}"), ("recipe.yaml", "'recipe.yaml'")):
        with pytest.raises(RecipeError, match=r"`pack\.seed` 3 → 4") as caught:
            octomed.pack(recipe, overrides=["pack.seed=4"])
        assert f"`octomed.pack({named}, overrides=['pack.seed=4'], replace=True)`" in caught.value.hint
        assert "--" not in caught.value.hint
    runs.write_lines(small.parent / "data/questions/a.jsonl", [{"question": "q", "responses": []}])
    recipe = runs.one_source("data/questions/a.jsonl")
    with pytest.raises(DataError, match="no trace is left to pack") as caught:
        octomed.pack(recipe, replace=True)
    assert caught.value.hint.startswith("`octomed.check({...})`")
    with pytest.raises(DataError, match="0 of 1 rows fit"):
        octomed.check(recipe)
    assert "error: `sources.only.format`: source `only`" in str(octomed.plan(recipe))


def test_what_is_wrong_with_a_dict_is_placed_by_its_keys():
    recipe = runs.values()
    recipe["pack"] = {"capacity": "x", "sede": 1}
    recipe["sources"][1]["format"] = {"question": "q", "response": object()}
    with pytest.raises(RecipeError) as caught:
        octomed.check(recipe, overrides=["output.compression=lz4"])
    said = str(caught.value)
    assert "\n`pack.capacity` must be a whole number, not the text 'x'" in said
    assert "\n`pack.sede`: unknown key `sede` in `pack`" in said
    assert "\n`sources.chats.format.response`: a recipe holds text, numbers, lists and mappings" in said
    assert "`override output.compression=lz4`" in said
    assert "--set" not in said
    for wrong in (3, ["recipe.yaml"], None):
        with pytest.raises(RecipeError, match="a recipe is a path or a dict"):
            octomed.plan(wrong)
    recipe = runs.values()
    recipe["sources"][0]["format"] = recipe
    with pytest.raises(RecipeError, match="nested too deeply"):
        octomed.check(recipe)


def test_arguments_that_would_be_ignored_are_refused(small):
    with pytest.raises(RecipeError, match="`overrides` is a single string"):
        octomed.pack(small, overrides="pack.seed=1")
    with pytest.raises(RecipeError, match="`overrides` is a single string"):
        octomed.load_recipe(small, "pack.seed=1")
    with pytest.raises(RecipeError, match="`override pack=1`"):
        octomed.load_recipe(small, ["pack=1"])
    with pytest.raises(RecipeError, match="loaded already"):
        octomed.pack(octomed.load_recipe(small), overrides=["pack.seed=1"])
    with pytest.raises(RecipeError, match="`workers` is 0"):
        octomed.pack(small, workers=0)


def test_a_runs_command_after_a_dict_names_the_call(small, monkeypatch, capsys):
    monkeypatch.chdir(small.parent)
    octomed.pack(runs.values(), overrides=["pack.seed=6"])
    shard = next(small.parent.glob("out/*/shard.00000.mds.zstd"))
    shard.unlink()
    code, _, err = said(capsys, "verify", "out")
    assert (code, "`octomed.pack({...}, overrides=['pack.seed=6'])`" in err) == (3, True)


def test_texts_of_a_source_with_a_mapping_of_its_own(tmp_path, capsys):
    turns = [{"who": "a", "says": "q"}, {"who": "b", "says": " "}]
    mapping = {
        "messages": {
            "column": "talk",
            "role": "who",
            "content": "says",
            "roles": {"a": "user", "b": "assistant"},
        }
    }
    good = [{"who": "a", "says": "q"}, {"who": "b", "says": "a"}]
    recipe = one(tmp_path, [{"talk": good}, {"talk": turns}], mapping)
    runs.pack(recipe)
    runs.write_lines(tmp_path / "data2/a.jsonl", [{"q": "q", "r": "a"}, {"q": "q2", "r": " "}])
    mapping = {"question": ["q"], "response": "r", "system": {"any_of": ["s"], "optional": True}}
    runs.write_recipe(tmp_path, runs.one_source("data2", mapping))
    runs.pack(recipe, "output.path=out2")
    for out, row in (("out", {"talk": turns}), ("out2", {"q": "q2", "r": " "})):
        code, found, _ = said(capsys, "rejects", tmp_path / out, "--show-text", "--json")
        assert (code, json.loads(json.loads(found)["text"])) == (0, row)


def test_a_vocabulary_with_ids_too_large_is_an_error_with_its_file(tmp_path, capsys):
    runs.make_inputs(tmp_path, rows=5)
    recipe = runs.write_recipe(tmp_path, runs.values())
    path = tmp_path / "model/tokenizer.json"
    content = json.loads(path.read_text())
    vocabulary = content["model"]["vocab"]
    vocabulary[list(vocabulary)[-1]] = 2**32 - 1
    path.write_text(json.dumps(content))
    code, _, err = said(capsys, "check", recipe)
    assert code == 2
    assert "`model`: its `tokenizer.json` has the id 4,294,967,295; ids are below 536,870,912" in err


def test_commands_take_names_that_begin_with_a_hyphen_for_names(tmp_path, capsys, monkeypatch):
    runs.make_inputs(tmp_path, rows=5)
    runs.write_recipe(tmp_path, runs.values()).rename(tmp_path / "-r.yaml")
    monkeypatch.chdir(tmp_path)
    words = ["--set", "output.path=-out", "--", "-r.yaml"]
    assert "next: `octomed plan ./-r.yaml --set output.path=-out`" in said(capsys, "check", *words)[1]
    code, out, _ = said(capsys, "pack", *words)
    assert code == 0
    folder = re.search(r"next: `?octomed verify ([^`\s]+)", out)[1]
    assert not folder.startswith("-")
    assert runs.command_line(["verify", folder]) == 0
    assert resuming(["pack", *words]) == "octomed pack --set output.path=-out -- -r.yaml"
    assert resuming(["pack", "--set", "a=b"]) is None
    assert as_argument("-out") == "./-out"
