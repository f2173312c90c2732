"""A fake model behind an endpoint, and recipes that ask it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.distill.conftest import FakeTeacher, questions, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT = {"question": "question", "options": "options", "answer": "answer"}


@pytest.fixture(scope="session")
def served() -> Iterator[FakeTeacher]:
    made = FakeTeacher()
    yield made
    made.stop()


@pytest.fixture
def model(served: FakeTeacher) -> FakeTeacher:
    """A fake model whose rules are those of the beginning."""
    from tests.servers.teacher import Rules

    served.set(**vars(Rules()))
    served.forget()
    return served


def recipe_values(endpoint: str, **changes: Any) -> dict[str, Any]:
    """Return a recipe that asks the questions in `questions.jsonl` three times each."""
    return {
        "name": "evaluated",
        "model": {"endpoint": endpoint, "name": "fake", "timeout": 20.0, "attempts": 2},
        "benchmarks": [{"name": "choices", "path": "questions.jsonl", "format": FORMAT, "group": "text"}],
        "generation": {"max_tokens": 512},
        "seeds": 3,
        "output": {"path": "out"},
        **changes,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_rows(tmp_path / "questions.jsonl", questions(8))
    return tmp_path


def answers_in(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of the file of answers."""
    return [json.loads(line) for line in (folder / "out" / "answers.jsonl").read_text().splitlines()]
