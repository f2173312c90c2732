"""Which samples packing would accept: judged by the engine, as rows of the form in which they are packed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from octomed import _octomed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_KEPT = "kept"
_ANY_SIZE = 1 << 30


def verdicts(
    judge: _octomed.Scanner, question: dict[str, Any], samples: Sequence[dict[str, Any]]
) -> list[str]:
    """Return what packing would make of samples of a question: `kept`, or the reason why not.

    Parameters
    ----------
    judge
        Of the question's source.
    question
        `question`, `options` and `answer`, as lines of samples have them.
    samples
        `response`, `reasoning` and `finish_reason` of each.
    """
    columns = {name: question[name] for name in ("options", "answer") if name in question}
    rows = [
        {
            "question": question["question"],
            **columns,
            "response": sample["response"],
            "reasoning": sample.get("reasoning"),
            "finish_reason": sample.get("finish_reason"),
        }
        for sample in samples
    ]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    cutter = _octomed.JsonLinesCutter(0, None, by_offset=False, target=_ANY_SIZE)
    blocks = [*cutter.feed(lines.encode("utf-8", "surrogatepass")), *cutter.finish()]
    outcomes = [one for block in blocks for one in _octomed.row_outcomes(judge, block, block.rows)]
    return [reason or traces[0][1] for _, reason, _, traces, _ in outcomes]


def accepted_among(
    judge: _octomed.Scanner, question: dict[str, Any], samples: Sequence[dict[str, Any]]
) -> int:
    """Return how many samples of a question packing would accept.

    Parameters
    ----------
    judge, question, samples
        As for :func:`verdicts`.
    """
    return verdicts(judge, question, samples).count(_KEPT)


def judge_lines(
    judge_of: Callable[[str], _octomed.Scanner], lines: Sequence[dict[str, Any]]
) -> dict[str, int]:
    """Return how many lines of a file of samples packing would accept, by key.

    Parameters
    ----------
    judge_of
        Returns what judges the samples of a source.
    lines
        The lines.
    """
    found: dict[str, int] = {}
    by_question: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        by_question.setdefault(line["key"], []).append(line)
    for key, samples in by_question.items():
        found[key] = accepted_among(judge_of(samples[0]["source"]), samples[0], samples)
    return found
