"""A fake teacher in a process of its own, and recipes that ask it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


class FakeTeacher:
    """A teacher at `endpoint`; `set(rate=0.2, kinds=["busy"])` changes its rules.

    Its answers are made up, or those of a function `MODULE:FUNCTION`.
    """

    def __init__(self, answers: str | None = None) -> None:
        command = [sys.executable, "-m", "tests.servers.teacher"]
        command += ["--answers", answers] if answers else []
        place = Path(__file__).parents[2]
        self._process = subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def set(self, **values: Any) -> None:
        self._ask("/_set", values)

    def counts(self) -> dict[str, Any]:
        """Return requests, samples, the most under way, faults, and how often which question was asked."""
        return self._ask("/_all")

    def forget(self) -> None:
        self._ask("/_forget")

    def _ask(self, path: str, values: dict[str, Any] | None = None) -> dict[str, Any]:
        data = json.dumps(values or {}).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", data=data, timeout=10) as reply:
            return dict(json.loads(reply.read()))

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(timeout=10)


@pytest.fixture
def teacher() -> Iterator[FakeTeacher]:
    made = FakeTeacher()
    yield made
    made.stop()


def questions(number: int, *, gold: bool = True) -> list[dict[str, Any]]:
    """Return rows of questions with four options, of which the right one says so."""
    rows = []
    for index in range(number):
        right = index % 4
        texts = [f"the {'right' if place == right else 'other'} thing {index}-{place}" for place in range(4)]
        options = dict(zip("ABCD", texts, strict=True))
        row = {"question": f"What is it, number {index}?", "options": options}
        rows.append({**row, "answer": "ABCD"[right]} if gold else row)
    return rows


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def recipe_of(folder: Path, endpoint: str, **changes: Any) -> Path:
    """Write a recipe that asks the questions in `questions.jsonl`, and return its path."""
    values: dict[str, Any] = {
        "name": "distilled",
        "sources": [
            {
                "name": "questions",
                "path": "questions.jsonl",
                "format": {"question": "question", "options": "options", "answer": "answer"},
            }
        ],
        "curate": {"accept": {"answer": "match"}},
        "teacher": {"endpoint": endpoint, "model": "teacher", "parameters": {"temperature": 0.6}},
        "samples": 4,
        "output": {"path": "out"},
    }
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(values.get(key), dict):
            values[key] = {**values[key], **value}
        else:
            values[key] = value
    path = folder / "distill.yaml"
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def samples_in(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of the file of samples."""
    return [json.loads(line) for line in (folder / "out" / "samples.jsonl").read_text().splitlines()]
