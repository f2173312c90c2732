"""A small packed run with rejects, findings, and files whose names nobody else is to see."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.end_to_end import runs

SECRET = "patient-4711"
"""Stands in the name of a file and of a folder."""


@pytest.fixture(scope="session")
def packed(tmp_path_factory) -> Path:
    """The folder of a run, packed once."""
    folder = tmp_path_factory.mktemp(f"publish-{SECRET}")
    runs.make_inputs(folder, rows=40)
    shutil.copy(folder / "data/questions/a.jsonl", folder / f"data/questions/{SECRET}.jsonl")
    with (folder / "data/questions/a.jsonl").open("a") as file:
        file.write(json.dumps({"question": "Whom?", "options": ["a"], "responses": []}) + "\n")
        answer = "write to jane.doe@example.org at once, and to nobody else of them all"
        file.write(json.dumps({"question": "Whom?", "options": ["a"], "responses": [answer]}) + "\n")
    (folder / "held.jsonl").write_text(json.dumps({"question": "Who is held out?"}) + "\n")
    values = runs.values()
    values["sources"][0] |= {"license": "cc-by-4.0", "citation": "@misc{questions}"}
    values["curate"] = {
        "identifying": {"action": "mask"},
        "duplicates": {"near": {"action": "report"}},
        "decontaminate": {
            "against": [{"path": "held.jsonl", "format": {"question": "question"}, "name": "held"}]
        },
    }
    runs.pack(runs.write_recipe(folder, values))
    return folder / "out"


@pytest.fixture
def hub(hub, monkeypatch):
    """The hub, which its client takes for the one that it was imported for."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    return hub
