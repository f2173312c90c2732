"""A benchmark as a task of lm-eval: a YAML file beside rows as JSON Lines; `--include_path DIR` loads it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from octomed.recipe.yaml_text import yaml_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from octomed.evaluate.harnesses.questions import Plain
    from octomed.evaluate.schema import Generation

_FOUND = r"(?i:answer(?: is)?)[\s:*]*\(?([A-Z])\b"
"""`The answer is (C).`, `**Answer:** C`, `ANSWER: C`; the last one counts. Ours tells more, and abstains."""


def write_task(folder: Path, name: str, questions: Sequence[Plain], generation: Generation) -> dict[str, int]:
    """Write a benchmark's task and rows.

    Each request of a repeated task carries the seed 1234 unless it is told not to, so that a server that
    honours seeds gives the same answer each time: the task has it null.

    Parameters
    ----------
    folder
        Where both go; it is there.
    name
        Of the benchmark.
    questions
        All with options.
    generation
        How answers are sampled.

    Returns
    -------
    dict
        Names of files, and questions in each.
    """
    rows = folder / f"{name}.jsonl"
    with rows.open("w", encoding="utf-8", newline="\n") as file:
        for one in questions:
            values = {
                "prompt": one.prompt,
                "answer": one.answer,
                "place": one.place,
                "question": one.question,
            }
            file.write(json.dumps(values | {"options": one.options}, ensure_ascii=False) + "\n")
    task = yaml_text(_task(name, rows, questions[0].system, generation))
    (folder / f"{name}.yaml").write_text(task, encoding="utf-8")
    return {rows.name: len(questions), f"{name}.yaml": len(questions)}


def _task(name: str, rows: Path, system: str, generation: Generation) -> dict[str, Any]:
    drawn = generation.temperature > 0
    sampling = {"temperature": generation.temperature, "top_p": generation.top_p} if drawn else {}
    return {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(rows.absolute())}},
        "test_split": "test",
        "output_type": "generate_until",
        **({"description": system} if system else {}),
        "doc_to_text": "{{prompt}}",
        "doc_to_target": "{{answer}}",
        "generation_kwargs": {
            "until": [],
            "do_sample": drawn,
            **sampling,
            "max_gen_toks": generation.max_tokens,
            "seed": None,
        },
        "filter_list": [
            {
                "name": "last-answer",
                "filter": [
                    {"function": "regex", "regex_pattern": _FOUND, "group_select": -1},
                    {"function": "take_first"},
                ],
            }
        ],
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
        "metadata": {"version": 1.0},
    }
