"""What a selection has to find, planted in a corpus: wrong answers, near duplicates, evaluation questions.

`plant` reads the corpus that `bench.corpus` wrote and writes another beside it, with an evaluation file and
the truth about everything planted. Exact duplicates are planted by `bench.corpus` itself.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pathlib import Path

WRONG = 0.2
"""Of the responses give another option's letter."""
NEAR = 0.02
"""Of the rows get one more response, which is one of its own with few words changed."""
CONTAMINATED = 0.002
"""Of the questions are asked in the evaluation file, within other words."""
CHANGED_WORDS = 0.008
SHORTEST = 150
"""Words of a response that is copied nearly: shorter ones change too much with one word."""
SHINGLE, SHARED = 5, 24
LETTER = re.compile(r"<answer>([A-H])</answer>\s*$")


@dataclass
class Truth:
    """Places (file, row, sample) by what was planted there, and similarities of the near duplicates."""

    wrong: set[tuple[str, int, int]] = field(default_factory=set)
    near: dict[tuple[str, int, int], float] = field(default_factory=dict)
    contaminated: set[tuple[str, int]] = field(default_factory=set)


def words_of(text: str) -> list[str]:
    """Words as shingles have them: lower case, letters and digits."""
    return re.findall(r"\w+", text.lower())


def jaccard(one: str, other: str) -> float:
    """Shared runs of five words over all of both, by sets."""
    first, second = (
        {tuple(words[at : at + SHINGLE]) for at in range(len(words) - SHINGLE + 1)}
        for words in (words_of(one), words_of(other))
    )
    return len(first & second) / max(1, len(first | second))


def nearly(random: np.random.Generator, response: str) -> str:
    """Return a response with few of its words replaced, its markers and answer kept."""
    begin, end = response.find("\n") + 1, response.rfind("</think>")
    words = response[begin:end].split(" ")
    for at in np.flatnonzero(random.random(len(words)) < CHANGED_WORDS):
        words[at] = f"variant{at}"
    return response[:begin] + " ".join(words) + response[end:]


def spoilt(response: str, options: int, random: np.random.Generator) -> str | None:
    """Return a response that ends in another option's letter; None where it has no letter."""
    found = LETTER.search(response)
    if found is None or options < 2:
        return None
    letters = [letter for letter in "ABCDEFGH"[:options] if letter != found[1]]
    letter = letters[int(random.integers(len(letters)))]
    return response[: found.start(1)] + letter + response[found.end(1) :]


def plant(corpus: Path, folder: Path, seed: int = 17, near: float = NEAR) -> Truth:
    """Write a corpus with everything planted, `evaluation.jsonl` and `truth.json`; return the truth.

    Of the rows `near` get one more response, which is one of its own with few words changed.
    """
    folder.mkdir(parents=True)
    described = json.loads((corpus / "corpus.json").read_text())
    truth, evaluation = Truth(), []
    for number, name in enumerate(described["files"]):
        random = np.random.default_rng([seed, number])
        table = pq.read_table(corpus / name)
        rows = table.to_pylist()
        for place, row in enumerate(rows):
            _plant(random, (name, place), row, truth, evaluation, near)
        pq.write_table(pa.Table.from_pylist(rows, table.schema), folder / name, row_group_size=2_000)
    (folder / "evaluation.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in evaluation))
    (folder / "corpus.json").write_text(json.dumps(described))
    (folder / "truth.json").write_text(
        json.dumps(
            {
                "wrong": sorted(truth.wrong),
                "near": sorted((*place, similarity) for place, similarity in truth.near.items()),
                "contaminated": sorted(truth.contaminated),
            }
        )
    )
    return truth


def _plant(
    random: np.random.Generator,
    place: tuple[str, int],
    row: dict[str, Any],
    truth: Truth,
    evaluation: list[dict[str, str]],
    near: float,
) -> None:
    words = row["question"].split()
    if len(words) > SHARED and random.random() < CONTAMINATED:
        begin = int(random.integers(len(words) - SHARED))
        shared = " ".join(words[begin : begin + SHARED])
        asked = f"In examination number {len(evaluation)} somebody asks: {shared}, and what follows?"
        evaluation.append({"question": asked, "answer": "nothing"})
        truth.contaminated.add(place)
    for sample, response in enumerate(row["responses"]):
        changed = spoilt(response, len(row["options"]), random) if random.random() < WRONG else None
        if changed is not None:
            row["responses"][sample] = changed
            truth.wrong.add((*place, sample))
    right = [
        response
        for sample, response in enumerate(row["responses"])
        if (*place, sample) not in truth.wrong and len(response.split()) > SHORTEST
    ]
    if right and random.random() < near:
        copy = nearly(random, right[0])
        if copy != right[0]:
            truth.near[(*place, len(row["responses"]))] = jaccard(right[0], copy)
            row["responses"].append(copy)
