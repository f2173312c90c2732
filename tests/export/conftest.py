"""Runs to export: text and images, several turns, masks, copies and a part for validation."""

from __future__ import annotations

import json

import octomed
import pytest

from tests.starter.rows import picture

SYSTEM = "Be brief."
ASKED = [
    {
        "question": f"Question {at}?",
        "options": ["yes", "no"],
        "answer": "A",
        "responses": [f"So {at}.", f"No {at}."],
    }
    for at in range(12)
]
SPOKEN = [
    {
        "messages": [
            {"role": "user", "content": f"First {at}"},
            {"role": "assistant", "content": f"One {at} café", "weight": 0},
            {"role": "user", "content": "And?"},
            {"role": "assistant", "content": f"Two {at}"},
        ]
    }
    for at in range(4)
]
SEEN = [
    {"conversations": [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": f"That {at}."}],
     "image": f"{at % 2}.png"}
    for at in range(4)
]  # fmt: skip


def lines(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def make_run(folder, **more):
    """Pack a run of three sources."""
    (folder / "asked.jsonl").write_text(lines(ASKED), encoding="utf-8")
    (folder / "spoken.jsonl").write_text(lines(SPOKEN), encoding="utf-8")
    (folder / "seen.jsonl").write_text(lines(SEEN), encoding="utf-8")
    (folder / "images").mkdir()
    for at in range(2):
        (folder / f"images/{at}.png").write_bytes(picture(40 + at))
    recipe = {
        "name": "mine",
        "model": "qwen2.5-vl",
        "system": SYSTEM,
        "sources": [
            {"name": "asked", "path": "asked.jsonl", "format": "octomed", "group": "asked"},
            {"name": "spoken", "path": "spoken.jsonl", "format": "messages"},
            {"name": "seen", "path": "seen.jsonl", "format": {"preset": "llava", "image_root": "images"}},
        ],
        "pack": {"capacity": 512, "buckets": [64]},
        "output": {"path": "run"},
        **more,
    }
    path = folder / "recipe.json"
    path.with_suffix(".yaml").write_text(json.dumps(recipe), encoding="utf-8")
    octomed.pack(path.with_suffix(".yaml"), workers=1)
    return folder / "run"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("export"))
