"""Whatever way a format writes its right answer, the responses that give it stay, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from octomed.run_file import load_run_file

from tests.unit.test_image_presets import CSV, VERSION_2
from tests.unit.test_text_presets import (
    HEADQA,
    MCQA,
    MEDQA_5,
    MEDREASON,
    MMLU,
    MMLU_PRO,
    PUBMED,
    PUBMED_OWN,
    VERIFIABLE,
    XPERT,
    XPERT_OWN,
)

from . import runs

if TYPE_CHECKING:
    from pathlib import Path

USMLE = {"question": "Which?", "answer": "x", "options": {"A": "x", "B": "y"}, "answer_idx": "A"}
BLOOD = USMLE | {"options": {"A": "O", "B": "A", "C": "AB", "D": "B"}, "answer": "B", "answer_idx": "D"}
OMNI = {"question": "Which?", "gt_answer": "MRI", "option_A": "CT", "option_C": "MRI"}
MMMU_ROW = {"question": "Which?", "options": "['x', \"y's\"]", "answer": "B"}
THINKER = {"question": "Which?", "options": '{"A": "x", "B": "y"}', "answer_label": "B", "answer": "y"}
OPEN = {"question": "Which organ?", "answer": "Lung"}
FREE = {"curate": {"accept": {"answer": "match", "match": "exact"}}}
CURATE = {"accept": {"answer": "match"}, "duplicates": {"exact": False}}
NO_PICTURE = {"Figure_path", "image", "img_name"}

# Format, row, a right answer and a wrong one, and what the source says besides.
CASES: list[tuple[str, dict[str, Any], str, str, dict[str, Any]]] = [
    ("octomed", MEDQA_5, "E", "A", {}),
    ("octomed", MEDQA_5, "Nitrofurantoin", "Ampicillin", {}),
    ("medreason", MEDREASON, "A", "C", {}),
    ("medqa-usmle", USMLE, "A", "B", {}),
    ("medqa-usmle", BLOOD, "D. B", "A. O", {}),
    ("medmcqa", MCQA, "C", "B", {}),
    ("headqa", HEADQA, "C", "D", {}),
    ("mmlu", MMLU, "D", "A", {}),
    ("mmlu-pro", MMLU_PRO, "C", "A", {}),
    ("medxpertqa", XPERT, "J", "I", {}),
    ("medxpertqa", XPERT_OWN, "J", "I", {}),
    ("pubmedqa", PUBMED, "yes", "no", {}),
    ("pubmedqa", PUBMED_OWN, "maybe", "yes", {}),
    ("omnimedvqa", OMNI, "C", "A", {}),
    ("mmmu", MMMU_ROW, "B", "A", {}),
    ("medvlthinker", THINKER, "B", "A", {}),
    ("pmc-vqa", CSV["pmc-vqa"][0], "B", "A", {}),
    ("pmc-vqa", VERSION_2, "B", "A", {}),
    ("medical-o1-verifiable", VERIFIABLE, "iron", "zinc", FREE),
    ("vqa-rad", OPEN, "lung", "liver", FREE),
    ("path-vqa", OPEN, "Lung", "liver", FREE),
    ("slake", OPEN, "Lung", "liver", FREE),
]


def test_responses_are_compared_with_the_right_answer_of_every_format(tmp_path: Path) -> None:
    sources = []
    for number, (name, row, right, wrong, others) in enumerate(CASES):
        shown = {key: value for key, value in row.items() if key not in NO_PICTURE}
        said = [f"<think>It is so.</think> <answer>{answer}</answer>" for answer in (right, wrong)]
        runs.write_lines(tmp_path / f"{number}.jsonl", [shown | {"responses": said}])
        row_format = {"preset": name, "responses": "responses", "images": None}
        sources.append({"name": f"s{number}", "path": f"{number}.jsonl", "format": row_format} | others)
    recipe = runs.values() | {"sources": sources, "curate": CURATE}
    runs.write_model(tmp_path / "model")
    runs.pack(runs.write_recipe(tmp_path, recipe))
    counts = load_run_file(tmp_path / "out").counts.sources
    found = {CASES[int(name[1:])][0] + name: source.answers for name, source in counts.items()}
    assert found == {one[0] + f"s{number}": {"right": 1, "wrong": 1} for number, one in enumerate(CASES)}
    assert len(runs.texts(tmp_path / "out")) == len(CASES)
