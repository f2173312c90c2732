"""With `--json` every line that a long verb writes to standard error is an event of the schema."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from octomed.report.events import EVENTS, event_line, events_schema, message_line
from pydantic import TypeAdapter

from tests.cli.transcript import run

jsonschema = pytest.importorskip("jsonschema")
ROOT = Path(__file__).parents[2]
VALIDATOR = jsonschema.Draft202012Validator(events_schema())


def events_of(text):
    """The events of a stream; each is one of the schema."""
    events = [json.loads(line) for line in text.splitlines()]
    for event in events:
        VALIDATOR.validate(event)
    return events


def names(events):
    return [event["event"] for event in events]


@pytest.fixture
def packed(clinic):
    """The sample, packed; and the folder that it lies in."""
    done = run(clinic, "pack", "quickstart.yaml", "--json")
    assert done.returncode == 0, done.stderr
    return clinic, events_of(done.stderr)


def test_a_run_from_beginning_to_end(packed):
    _, events = packed
    assert (events[0]["event"], events[0]["verb"]) == ("begin", "pack")
    assert (events[-1]["event"], events[-1]["exit_code"]) == ("end", 0)
    stages = [event["stage"] for event in events if event["event"] == "stage"]
    assert stages == ["scan", "select", "write", "report"]
    assert stages == [event["stage"] for event in events if event["event"] == "stage_done"]
    assert [event["time"] for event in events] == sorted(event["time"] for event in events)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["plan", "quickstart.yaml"], 0),
        (["verify", "runs/quickstart"], 0),
        (["verify", "runs/quickstart", "--repair"], 0),
        (["report", "runs/quickstart"], 0),
        (["push", "runs/quickstart", "hf://datasets/a/b", "--dry-run"], 0),
        (["push", "runs/quickstart", "hf://datasets/a/b"], 2),
        (["clean", "quickstart.yaml", "--dry-run"], 0),
        (["pack", "none.yaml"], 2),
        (["pack", "quickstart.yaml", "--set", "pack.capacity=1024"], 2),
        (["plan", "--no-such-option"], 2),
        (["train", "none.yaml"], 2),
        (["train-plan", "none.yaml"], 2),
    ],
)
def test_each_long_verb(packed, words, code):
    done = run(packed[0], *words, "--json")
    events = events_of(done.stderr)
    assert done.returncode == code, done.stderr
    assert (names(events)[0], names(events)[-1]) == ("begin", "end")
    assert {events[0]["verb"], events[-1]["verb"]} == {words[0]}
    assert events[-1]["exit_code"] == code
    assert ("error" in names(events)) == (code != 0)
    if code == 0:
        json.loads(done.stdout)


def test_a_damaged_run_is_data_that_failed(packed):
    folder, _ = packed
    shard = next((folder / "runs/quickstart").glob("len-*/shard.*"))
    shard.write_bytes(shard.read_bytes()[:-1])
    done = run(folder, "verify", "runs/quickstart", "--json")
    assert names(events_of(done.stderr)) == ["begin", "error", "end"]
    done = run(folder, "verify", "runs/quickstart", "--repair", "--json")
    events = events_of(done.stderr)
    assert events[-1]["exit_code"] == 0
    assert "stage_done" in names(events)


def test_a_signal_is_the_last_event(clinic):
    words = [sys.executable, "-m", "octomed", "pack", "quickstart.yaml", "--json"]
    pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL}
    started = subprocess.Popen(words, cwd=clinic, text=True, **pipes)
    first = started.stderr.readline()  # it listens from now on
    started.send_signal(signal.SIGTERM)
    said = first + started.communicate(timeout=60)[1]
    events = events_of(said)
    assert started.returncode == 143
    (error,) = (event for event in events if event["event"] == "error")
    assert error["exit_code"] == 143
    assert error["resume"] == "octomed pack quickstart.yaml"


def test_every_record_is_in_the_schema_and_in_the_document():
    document = (ROOT / "docs/events.md").read_text(encoding="utf-8")
    mapping = events_schema()["discriminator"]["mapping"]
    assert len(mapping) == len(EVENTS)
    for record in EVENTS:
        schema = TypeAdapter(record).json_schema()["properties"]
        name = schema["event"]["const"]
        assert f"| `{name}` |" in document
        for field in schema:
            assert field in {"event", "time"} or f"`{field}`" in document, f"{name}.{field}"


def test_the_schema_refuses_what_is_no_event():
    VALIDATOR.validate(json.loads(event_line("begin", verb="pack", version="1")))
    VALIDATOR.validate(json.loads(message_line("note: as it should be")))
    for line in (
        event_line("begin", verb="pack"),
        event_line("began"),
        event_line("end", verb=1, exit_code=0, seconds=1),
    ):
        assert not VALIDATOR.is_valid(json.loads(line))


def test_the_schema_is_printed(clinic):
    assert json.loads(run(clinic, "schema", "events").stdout) == events_schema()
    assert json.loads(run(clinic, "schema").stdout)["title"] == "Recipe"
    assert run(clinic, "schema", "event").returncode == 2


@pytest.mark.long
def test_a_training_tells_of_its_steps(clinic):
    pytest.importorskip("composer")
    places = [f"output.path={clinic}/packed", f"work.path={clinic}/work"]
    sets = [word for one in places for word in ("--set", one)]
    assert run(ROOT, "pack", "recipes/quickstart-train.yaml", *sets).returncode == 0
    words = [
        "max_duration=2ba",
        "eval_loader=null",
        f"train_loader.dataset.remote={clinic}/packed",
        f"train_loader.dataset.local={clinic}/cache",
        f"run_folder={clinic}/run",
        "save_folder=null",
        "autoresume=false",
        "export_folder=null",
    ]
    command = [sys.executable, "-m", "octomed", "train", "recipes/train/quickstart.yaml"]
    done = subprocess.run(
        [*command, *words, "-n", "1", "--json"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=280,
        env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    events = events_of("\n".join(line for line in done.stderr.splitlines() if line.startswith("{")))
    assert names(events)[0] == "begin"
    assert [event["step"] for event in events if event["event"] == "step"] == [1, 2]
    assert (events[-1]["event"], events[-1]["exit_code"]) == ("end", 0)
