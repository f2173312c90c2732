"""The embedded sample is what its script writes, and has in it what real data has."""

from __future__ import annotations

import importlib.util
import json
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "python/octomed/sample"
OF_OTHER_SCRIPTS = {"tokenizer", "images", "responses"}


@pytest.fixture(scope="module")
def written() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("make_sample", ROOT / "scripts/make_sample.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.sample()


def test_the_script_writes_these_bytes(written):
    found = {
        path.relative_to(SAMPLE).as_posix(): path.read_bytes()
        for path in SAMPLE.rglob("*")
        if path.is_file()
        and not {"tokenizer", "images", "responses"} & set(path.parts)  # which other scripts write
    }
    assert found == {name: text.encode() for name, text in written.items()}


def test_it_is_small(written):
    assert sum(len(text.encode()) for text in written.values()) < 300_000


def test_it_has_what_real_data_has(written):
    questions = "".join(written[name] for name in written if name.startswith("questions/")).splitlines()
    dialogues = written["dialogues.jsonl"].splitlines()
    chains = json.loads(written["chains.json"])
    assert max(Counter(questions).values()) == 2
    assert written["questions/part-1.jsonl"].splitlines()[11] in written["questions/part-0.jsonl"]
    broken = [line for line in dialogues if not line.endswith("}")]
    assert len(broken) == 1
    everything = "".join(written.values())
    assert any("\u4e00" <= character <= "\u9fff" for character in everything)
    assert unicodedata.normalize("NFC", everything) != everything
    assert unicodedata.normalize("NFD", everything) != everything
    assert "<|im_end|>" in everything
    assert "<|endoftext|>" in everything
    assert max(len(row["Complex_CoT"]) for row in chains) > 10_000
