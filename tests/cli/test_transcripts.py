"""What the command line says, word for word."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from octomed.cli.verbs import VERBS

from tests.cli.transcript import check, run, transcript


def test_help(tmp_path):
    check("help", transcript(tmp_path), transcript(tmp_path, "--help"), transcript(tmp_path, "--version"))


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb(tmp_path, verb):
    check(f"help_{verb}", transcript(tmp_path, verb, "--help"))


def test_wrong_use(tmp_path):
    check(
        "wrong_use",
        transcript(tmp_path, "pakc"),
        transcript(tmp_path, "pack"),
        transcript(tmp_path, "pack", "a.yaml", "--worker", "2"),
        transcript(tmp_path, "pack", "a.yaml", "--workers", "0"),
        transcript(tmp_path, "pack", "a.yaml"),
        transcript(tmp_path, "verify", "a"),
        transcript(tmp_path, "verify", "a", "--json"),
    )


def test_a_bad_recipe(clinic):
    path = clinic / "quickstart.yaml"
    text = path.read_text(encoding="utf-8").replace("capacity:", "capcity:").replace("huatuo-o1", "huatuo")
    path.write_text(text.replace("dialogues.jsonl", "dialogue.jsonl"), encoding="utf-8")
    check(
        "bad_recipe",
        transcript(clinic, "check", "quickstart.yaml"),
        transcript(clinic, "check", "quickstart.yaml", "--set", "pack.seed=x", "--json"),
    )


def test_a_first_run(clinic):
    check(
        "first_run",
        transcript(clinic, "check", "quickstart.yaml"),
        transcript(clinic, "check", "quickstart.yaml", "--json", "--set", "pack.buckets=[256, 5000]"),
        transcript(clinic, "pack", "quickstart.yaml", "--workers", "1"),
        transcript(clinic, "pack", "quickstart.yaml", "--workers", "2"),
        transcript(clinic, "verify", "runs/quickstart"),
        transcript(clinic, "verify", "runs/quickstart", "--json"),
    )


def test_a_changed_recipe(clinic):
    run(clinic, "pack", "quickstart.yaml")
    check(
        "changed_recipe",
        transcript(clinic, "pack", "quickstart.yaml", "--set", "pack.capacity=1024", "--workers", "1"),
        transcript(
            clinic, "pack", "quickstart.yaml", "--set", "pack.capacity=1024", "--workers", "1", "--replace"
        ),
        transcript(clinic, "clean", "quickstart.yaml", "--dry-run"),
        transcript(
            clinic, "pack", "quickstart.yaml", "--set", "system=Answer.", "--workers", "1", "--replace"
        ),
    )


def test_machines_read_json(clinic):
    done = run(clinic, "pack", "quickstart.yaml", "--json")
    events = [json.loads(line) for line in done.stderr.splitlines()]
    summary = json.loads(done.stdout)
    assert {event["event"] for event in events} >= {"stage", "stage_done"}
    assert summary["sums_agree"] is True
    assert summary["next_command"] == "octomed verify runs/quickstart"
    failed = run(clinic, "pack", "none.yaml", "--json")
    events = [json.loads(line)["event"] for line in failed.stderr.splitlines()]
    assert (events, failed.returncode) == (["begin", "error", "end"], 2)
    (clinic / "sample/chains.json").write_text("[{]")
    failed = run(clinic, "pack", "quickstart.yaml", "--json", "--replace")
    events = [json.loads(line)["event"] for line in failed.stderr.splitlines()]
    assert (events[-3:], failed.returncode) == (["stage_stopped", "error", "end"], 3)
    assert "stage_done" not in events


def test_a_look_at_rows(clinic):
    run(clinic, "pack", "quickstart.yaml", "--set", "pack.capacity=512")
    check(
        "inspect",
        transcript(clinic, "inspect", "quickstart.yaml", "--source", "questions", "--row", "0"),
        transcript(clinic, "inspect", "quickstart.yaml", "--source", "dialogues", "--row", "40"),
        transcript(clinic, "inspect", "quickstart.yaml", "--source", "dialogues", "--row", "61"),
        transcript(clinic, "inspect", "quickstart.yaml", "--source", "dialogues", "--row", "9999"),
        transcript(clinic, "inspect", "quickstart.yaml", "--source", "dialogue", "--row", "1"),
        transcript(clinic, "inspect", "quickstart.yaml"),
        transcript(clinic, "inspect", "runs/quickstart", "--stream", "len-00256", "--pack", "0"),
        transcript(clinic, "inspect", "runs/quickstart", "--trace", "10055235620149919244"),
        transcript(clinic, "inspect", "runs/quickstart", "--trace", "1"),
        transcript(clinic, "inspect", "runs/quickstart", "--trace", "one"),
        transcript(clinic, "inspect", "runs/quickstart"),
        transcript(clinic, "inspect", "runs/quickstart", "--json"),
        transcript(clinic, "inspect", "runs/quickstart", "--pack", "1"),
        transcript(clinic, "inspect", "runs/quickstart", "--source", "questions", "--row", "1"),
    )


def test_what_was_left_out(clinic):
    run(clinic, "pack", "quickstart.yaml")
    check(
        "rejects",
        transcript(clinic, "rejects", "runs/quickstart"),
        transcript(clinic, "rejects", "runs/quickstart", "--source", "dialogues", "--show-text"),
        transcript(clinic, "rejects", "runs/quickstart", "--reason", "duplicate", "--limit", "1", "--json"),
        transcript(clinic, "rejects", "runs/quickstart", "--reason", "wrong_type"),
        transcript(clinic, "rejects", "runs/quickstart", "--reason", "duplicates"),
        transcript(clinic, "rejects", "runs/quickstart", "--source", "dialogue"),
        transcript(clinic, "rejects", "runs"),
    )


def test_rows_that_do_not_fit(clinic):
    rows = [
        {"question": f"q{number}", "exp": "e", "cop": 1, "opa": "a", "image_0": None} for number in range(120)
    ]
    (clinic / "mcq.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (clinic / "alpaca.csv").write_text("instruction,input,output\nq,,a\n", encoding="utf-8")
    wrong = ("quickstart.yaml", "--set", "sources.questions.path=mcq.jsonl", "--set", "pack.seed=3")
    header = ("quickstart.yaml", "--set", "sources.questions.path=alpaca.csv")
    check(
        "rows_that_do_not_fit",
        transcript(clinic, "check", *wrong),
        transcript(clinic, "plan", *wrong),
        transcript(clinic, "check", *header),
        transcript(clinic, "plan", "quickstart.yaml", "--set", "pack.seed=3"),
    )


def test_a_damaged_run(clinic):
    run(clinic, "pack", "quickstart.yaml", "--set", "output.compression=null")
    shard = clinic / "runs/quickstart/len-00256/shard.00000.mds"
    raw = bytearray(shard.read_bytes())
    raw[len(raw) // 2] ^= 1
    shard.write_bytes(raw)
    damaged = transcript(clinic, "verify", "runs/quickstart")
    shard.unlink()
    mended = run(clinic, "pack", "quickstart.yaml", "--set", "output.compression=null", "--json")
    assert json.loads(mended.stdout)["shards_written"] == 1
    check("damaged_run", damaged, transcript(clinic, "verify", "runs/quickstart"))


def piped(folder, command, pipe):
    """Run `octomed` in a shell before a pipe: what came out of that, and the exit code."""
    line = f"{sys.executable} -m octomed {command} {pipe}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout, done.stderr, done.returncode


def test_a_reader_that_leaves_changes_no_exit_code(clinic):
    assert piped(clinic, "schema", "| head -1") == ("{\n", "", 0)
    assert piped(clinic, "pack quickstart.yaml --json", "2>&1 >summary.json | true") == ("", "", 0)
    assert json.loads((clinic / "summary.json").read_text())["sums_agree"]
    for more in ("2>&1 | true", "2>&1 | head -1", "2>&- | true", "2>&- >&-"):
        shutil.rmtree(clinic / "runs")
        _, said, code = piped(clinic, "pack quickstart.yaml", more)
        assert (said, code) == ("", 0), more
        assert run(clinic, "verify", "runs/quickstart").returncode == 0
    view = "inspect runs/quickstart --stream len-00512 --pack 0"
    for options in ("", " --json"):
        printed, said, code = piped(clinic, view + options, "| head -1")
        assert (printed.count("\n"), said, code) == (1, "", 0)
    (clinic / "sample/chains.json").write_text("[{]")
    assert piped(clinic, "pack quickstart.yaml --replace", "2>&1 | true")[2] == 3
