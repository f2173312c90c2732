"""Which samples packing would accept: judged by the engine, as rows of the form in which they are packed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from octomed import _octomed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_KEPT = "kept"
_UNJUDGED = "unreadable"


def verdicts(judge: _octomed.Scanner, question: dict[str, Any], samples: Sequence[dict[str, Any]]) -> list[str]:
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
    if not samples:
        return []
    row = {
        "question": question["question"],
        "options": question.get("options"),
        "answer": question.get("answer"),
        "responses": [one["response"] for one in samples],
        "reasoning": [one.get("reasoning") for one in samples],
        "finish_reason": [one.get("finish_reason") for one in samples],
    }
    cutter = _octomed.JsonLinesCutter(0, None, by_offset=False, target=1 << 30)
    line = json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
    blocks = [*cutter.feed(line), *cutter.finish()]
    outcomes = [one for block in blocks for one in _octomed.row_outcomes(judge, block, 1)]
    found = dict.fromkeys(range(len(samples)), _UNJUDGED)
    for _, reason, _, traces, _ in outcomes:
        if reason is not None:
            found = dict.fromkeys(found, reason)
        found |= {sample: verdict for sample, verdict, _ in traces}
    return [found[sample] for sample in range(len(samples))]


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
        found[key] = verdicts(judge_of(samples[0]["source"]), samples[0], samples).count(_KEPT)
    return found
