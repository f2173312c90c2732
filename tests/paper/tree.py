"""A small `data/questions`, `data/octomed-8m` and `data/evaluation` for the paper's recipes.

`python -m tests.paper.tree FOLDER` writes it. What is planted: in MedQA a question that its test set has, in
APTOS a picture that its test set shows, and in SLAKE a Chinese row.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.paper import published
from tests.paper.questions import BENCHMARK, EACH, LETTERS, Question, picture, questions
from tests.paper.teacher import SAMPLES, respond

if TYPE_CHECKING:
    from collections.abc import Iterator

CLASSIFICATION = [
    "breast-ultrasound",
    "octmnist",
    "brain-tumor",
    "chest-pneumonia",
    "coronahack",
    "pathmnist",
    "bcss",
    "pad-ufes",
    "dermamnist",
    "retinamnist",
    "aptos",
    "messidor2",
    "bloodmnist",
]
RELEASED = ("medqa", "pmc-vqa", "dermamnist", "messidor2")
"""Sets whose 16 responses the paper released."""
OWN_ROWS = ("rexvqa", *CLASSIFICATION)
"""Sets that are published in no one form: rows of ours."""
_PICTURES = 100
"""Between the first pictures of two sets."""


def write_tree(folder: Path) -> None:
    """Write everything below a folder."""
    training, held_out = training_questions(), benchmark_questions()
    write_questions(folder / "data/questions", training)
    for name in RELEASED:
        published.released(folder / "data/octomed-8m" / name, training[name], responses_of, name != "medqa")
    write_benchmarks(folder / "data/evaluation", held_out)


def training_questions() -> dict[str, list[Question]]:
    """Return the questions of every training source, what is planted included."""
    numbers = itertools.count(1)

    def made(name: str, *, options: int = 4, classes: bool = False) -> list[Question]:
        first = next(numbers) * _PICTURES
        return list(questions(name, EACH, options=options, classes=classes, pictures=first))

    found = {name: made(name) for name in ("medqa", "medmcqa", "headqa", "medical-instructions")}
    found |= {name: made(name) for name in ("pmc-vqa", "rexvqa", "mimic-cxr-reports", "pmc-instruct")}
    found |= {name: made(name, options=0) for name in ("slake", "vqa-rad")}
    found |= {name: made(name, options=2, classes=True) for name in CLASSIFICATION}
    return found


def benchmark_questions() -> dict[str, list[Question]]:
    """Return the questions of every benchmark, what is planted in the training included."""
    numbers = itertools.count(50)

    def made(name: str, *, options: int = 4) -> list[Question]:
        first = next(numbers) * _PICTURES
        return list(questions(f"{name} (held out)", BENCHMARK, options=options, pictures=first))

    ten = dict.fromkeys(("mmlu-pro-health", "medxpertqa-text", "mmmu-pro-health"), 10)
    ten |= {"medxpertqa-mm": 5, "slake": 0, "vqa-rad": 0}
    found = {name: made(name, options=ten.get(name, 4)) for name in BENCHMARKS}
    training = training_questions()
    found["medqa"][0] = training["medqa"][0]
    found["aptos"][0] = replace(found["aptos"][0], picture=training["aptos"][0].picture)
    return found


def responses_of(question: Question) -> list[str]:
    """Return 16 responses of a released set: reasoning in tags, then the answer."""
    options = "\n".join(f"{letter}. {text}" for letter, text in zip(LETTERS, question.options, strict=False))
    said = [
        respond(f"{question.text}\n{options}", number, picture(question.picture)) for number in range(SAMPLES)
    ]
    return [f"<think>\n{steps}\n</think>\n\n{text}" for steps, text in said]


def write_questions(folder: Path, found: dict[str, list[Question]]) -> None:
    """Write what is asked of teachers."""
    published.medqa(folder / "medqa", found["medqa"], "train")
    published.medmcqa(folder / "medmcqa", found["medmcqa"], "train")
    published.headqa(folder / "headqa", found["headqa"], "train")
    published.instructions(folder / "medical-instructions", found["medical-instructions"], "train")
    published.pmc_vqa(folder / "pmc-vqa/train_2.csv", found["pmc-vqa"], "images_2.zip")
    published.slake(folder / "slake/train.json", found["slake"])
    published.vqa_rad(folder / "vqa-rad", found["vqa-rad"], "train")
    published.reports(folder / "mimic-cxr-reports", found["mimic-cxr-reports"], "train")
    published.conversations(folder / "pmc-instruct/train.json", found["pmc-instruct"])
    for name in OWN_ROWS:
        published.own(folder / name, found[name], "train")


BENCHMARKS = [
    "medqa",
    "medmcqa",
    "headqa",
    "mmlu-pro-health",
    "medxpertqa-text",
    "medxpertqa-mm",
    "mmmu-pro-health",
    "medframeqa",
    "nejm",
    "pmc-vqa",
    "slake",
    "vqa-rad",
    "aptos",
    "messidor2",
    "bcss",
    "coronahack",
    "brain-tumor",
]
"""The paper's 16, and MedFrameQA."""


def write_benchmarks(folder: Path, found: dict[str, list[Question]]) -> None:
    """Write the evaluation sets."""
    published.medqa(folder / "medqa", found["medqa"], "test")
    published.medmcqa(folder / "medmcqa", found["medmcqa"], "validation")
    published.headqa(folder / "headqa", found["headqa"], "test")
    published.mmlu_pro(folder / "mmlu-pro-health", found["mmlu-pro-health"], "test")
    published.medxpertqa(folder / "medxpertqa-text", found["medxpertqa-text"], "test")
    published.medxpertqa_mm(folder / "medxpertqa-mm", found["medxpertqa-mm"], "test")
    published.mmmu(folder / "mmmu-pro-health", found["mmmu-pro-health"], "test")
    published.medframeqa(folder / "medframeqa", found["medframeqa"], "test")
    published.pmc_vqa(folder / "pmc-vqa/test_2.csv", found["pmc-vqa"], "images_2.zip")
    published.slake(folder / "slake/test.json", found["slake"])
    published.vqa_rad(folder / "vqa-rad", found["vqa-rad"], "test")
    for name in ("nejm", "aptos", "messidor2", "bcss", "coronahack", "brain-tumor"):
        published.own(folder / name, found[name], "test")


def to_distil() -> Iterator[tuple[str, str]]:
    """Yield the sources that a teacher has to be asked, each with its recipe."""
    for name in training_questions():
        if name not in RELEASED:
            text = name in ("medmcqa", "headqa", "medical-instructions")
            yield "octomed-8m-text" if text else "octomed-8m-multimodal", name


if __name__ == "__main__":
    write_tree(Path(sys.argv[1]))
