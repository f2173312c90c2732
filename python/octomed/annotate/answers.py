"""Answers that stand in the file of samples: which are values, and which lie outside of these."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from octomed.distill.replies import CUT
from octomed.distill.requests import ask_of_turns
from octomed.distill.sample_file import Had, entries_of

if TYPE_CHECKING:
    from pathlib import Path

    from octomed.annotate.schema import Annotation, Value
    from octomed.distill.question import Question
    from octomed.distill.requests import Ask
    from octomed.distill.schema import Teacher

ATTEMPTS = 2
"""An answer outside of the values is asked for once more."""


def ask_for(question: Question, annotation: Annotation, teacher: Teacher) -> Ask:
    """Return what is asked for a column of a row: the row's turns, and behind them what is wanted.

    Parameters
    ----------
    question, annotation, teacher
        Of which row, what, and whom.
    """
    row = question.row_values
    turns = [(role, list(parts)) for role, parts in row.turns]
    if turns and turns[-1][0] == "user":
        turns[-1][1].append(f"\n\n{annotation.asked}")
    else:
        turns.append(("user", [annotation.asked]))
    return ask_of_turns(turns, [image for _, image in row.images], teacher)


@dataclass
class Answers:
    """What was answered, by key.

    Attributes
    ----------
    had
        Which attempts stand in the file.
    values
        The value of each key that has one.
    """

    had: Had = field(default_factory=Had)
    values: dict[str, Value] = field(default_factory=dict)

    def add(self, entry: dict[str, Any], annotation: Annotation) -> Value | None:
        """Take a line of the file, and return the value that it holds."""
        self.had.add(entry)
        whole = entry.get("finish_reason") != CUT
        value = annotation.value_of(entry["response"]) if whole else None
        if value is not None:
            self.values.setdefault(entry["key"], value)
        return value

    def next_attempt(self, key: str) -> int | None:
        """Return the number of the attempt to make now; None where there is a value, or were enough."""
        if key in self.values:
            return None
        return next((number for number in range(ATTEMPTS) if not self.had.has(key, number)), None)


def answers_in(path: Path, annotations: tuple[Annotation, ...]) -> Answers:
    """Return what a file of samples holds; lines of other columns count as tokens alone.

    Raises
    ------
    StorageError
        When a line is damaged.
    """
    answers = Answers()
    by_column = {one.column: one for one in annotations}
    for entry in entries_of(path):
        annotation = by_column.get(entry.get("column", ""))
        if annotation is None or not isinstance(entry.get("response"), str):
            answers.had.add(entry)
        else:
            answers.add(entry, annotation)
    return answers
