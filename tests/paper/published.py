"""Files in the formats in which the paper's sources and benchmarks are published, of invented rows."""

from __future__ import annotations

import csv
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.paper.questions import LETTERS, Question, picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Rows = "Sequence[Question]"


def inline(question: Question) -> dict[str, Any]:
    """Return a picture as `datasets` writes it into Parquet."""
    return {"bytes": picture(question.picture), "path": f"{question.picture}.png"}


def by_letter(question: Question) -> dict[str, str]:
    return dict(zip(LETTERS, question.options, strict=False))


def parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


def lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def archive(path: Path, questions: Rows, inside: str = "{}.png") -> None:
    """Write the pictures of questions into a zip file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        for number in sorted({one.picture for one in questions}):
            file.writestr(inside.format(number), picture(number))


def medqa(folder: Path, questions: Rows, split: str) -> None:
    """GBaker/MedQA-USMLE-4-options."""
    rows = [
        {
            "question": one.text,
            "answer": one.answer,
            "options": by_letter(one),
            "meta_info": "step1",
            "answer_idx": one.letter,
            "metamap_phrases": ["plate"],
        }
        for one in questions
    ]
    lines(folder / f"{split}.jsonl", rows)


def medmcqa(folder: Path, questions: Rows, split: str) -> None:
    """openlifescienceai/medmcqa."""
    rows = [
        {
            "id": f"{place}",
            "question": one.text,
            **dict(zip(("opa", "opb", "opc", "opd"), one.options, strict=True)),
            "cop": one.right,
            "choice_type": "single",
            "exp": "It says so.",
            "subject_name": "Plates",
            "topic_name": None,
        }
        for place, one in enumerate(questions)
    ]
    parquet(folder / f"{split}-00000-of-00001.parquet", rows)


def headqa(folder: Path, questions: Rows, split: str) -> None:
    """dvilares/head_qa."""
    rows = [
        {
            "name": "Cuaderno",
            "year": "2013",
            "category": "biology",
            "qid": place + 1,
            "qtext": one.text,
            "ra": one.right + 1,
            "answers": [{"aid": number + 1, "atext": text} for number, text in enumerate(one.options)],
        }
        for place, one in enumerate(questions)
    ]
    parquet(folder / f"{split}-00000-of-00001.parquet", rows)


def mmlu_pro(folder: Path, questions: Rows, split: str) -> None:
    """TIGER-Lab/MMLU-Pro, its category health."""
    rows = [
        {
            "question_id": place,
            "question": one.text,
            "options": list(one.options),
            "answer": one.letter,
            "answer_index": one.right,
            "cot_content": "",
            "category": "health",
            "src": "made up",
        }
        for place, one in enumerate(questions)
    ]
    parquet(folder / f"{split}-00000-of-00001.parquet", rows)


def medxpertqa(folder: Path, questions: Rows, split: str) -> None:
    """TsinghuaC3I/MedXpertQA, text; the one with images has their names and a zip of them."""
    rows = [
        {
            "id": f"Text-{place}",
            "question": one.text,
            "options": by_letter(one),
            "label": one.letter,
            "medical_task": "Diagnosis",
            "body_system": "Other",
            "question_type": "Reasoning",
        }
        for place, one in enumerate(questions)
    ]
    lines(folder / f"{split}.jsonl", rows)


def medxpertqa_mm(folder: Path, questions: Rows, split: str) -> None:
    medxpertqa(folder, questions, split)
    path = folder / f"{split}.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    lines(path, [row | {"images": [f"{one.picture}.png"]} for row, one in zip(rows, questions, strict=True)])
    archive(folder / "images.zip", questions)


def mmmu(folder: Path, questions: Rows, split: str) -> None:
    """MMMU/MMMU_Pro, its ten options."""
    rows = [
        {
            "id": f"{split}_{place}",
            "question": f"<image 1> {one.text}",
            "options": str(list(one.options)),
            "explanation": "",
            **{f"image_{number}": inline(one) if number == 1 else None for number in range(1, 8)},
            "img_type": "['Plate']",
            "answer": one.letter,
            "topic_difficulty": "Easy",
            "subject": "Clinical_Medicine",
        }
        for place, one in enumerate(questions)
    ]
    parquet(folder / f"{split}-00000-of-00001.parquet", rows)


def medframeqa(folder: Path, questions: Rows, split: str) -> None:
    """OctoMed/MedFrameQA: several frames a question."""
    rows = [
        {
            "image": [inline(one), inline(one)],
            "image_hash": ["h", "i"],
            "question": one.text,
            "options": [f"{letter}: {text}" for letter, text in by_letter(one).items()],
            "answer": one.letter,
            "reasoning_chain": "The frames agree.",
        }
        for one in questions
    ]
    parquet(folder / f"{split}-00000-of-00001.parquet", rows)


def pmc_vqa(path: Path, questions: Rows, images: str) -> None:
    """RadGenome/PMC-VQA, version 2, and its zip of images."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "index": place,
            "Figure_path": f"{one.picture}.png",
            "Caption": "A plate.",
            "Question": one.text,
            **{f"Choice {letter}": f" {letter}:{text} " for letter, text in by_letter(one).items()},
            "Answer": one.letter,
            "split": path.stem,
        }
        for place, one in enumerate(questions)
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    archive(path.parent / images, questions)


def slake(path: Path, questions: Rows) -> None:
    """BoKelvin/SLAKE: a list in one JSON document, and a Chinese row among the English."""
    rows = [
        {
            "img_id": one.picture,
            "img_name": f"xmlab{one.picture}/source.png",
            "question": one.text,
            "answer": one.answer,
            "q_lang": "en",
            "location": "Plate",
            "modality": "Print",
            "answer_type": "OPEN",
            "base_type": "vqa",
            "content_type": "Colour",
            "triple": ["vhead", "_", "_"],
            "qid": place,
        }
        for place, one in enumerate(questions)
    ]
    rows.append(
        rows[-1] | {"question": "图中是什么颜色？", "answer": "琥珀色", "q_lang": "zh", "qid": len(rows)}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    archive(path.parent / "imgs.zip", questions, "xmlab{}/source.png")


def vqa_rad(folder: Path, questions: Rows, split: str) -> None:
    """flaviagiammarino/vqa-rad."""
    rows = [{"image": inline(one), "question": one.text, "answer": one.answer} for one in questions]
    parquet(folder / f"{split}-00000-of-00001.parquet", rows)


def own(folder: Path, questions: Rows, split: str) -> None:
    """Rows of `question`, `options`, `answer` and `image`: what is published in no one form."""
    rows = [
        {
            "image": inline(one),
            "question": one.text,
            "options": [f"{letter}: {text}" for letter, text in by_letter(one).items()],
            "answer": f"{one.letter}: {one.answer}",
        }
        for one in questions
    ]
    parquet(folder / f"{split}-00000-of-00001.parquet", rows)


def reports(folder: Path, questions: Rows, split: str) -> None:
    """Images and their reports, as rows of ours."""
    rows = [
        {
            "image": inline(one),
            "question": f"Write the report of plate {place}.",
            "answer": f"Plate {place}: calm lines.",
        }
        for place, one in enumerate(questions)
    ]
    parquet(folder / f"{split}-00000-of-00001.parquet", rows)


def instructions(folder: Path, questions: Rows, split: str) -> None:
    """Instructions without a right answer, in Alpaca's form."""
    rows = [
        {"instruction": f"Explain plate {place} to a visitor.", "input": "", "output": "It is a plate."}
        for place, _ in enumerate(questions)
    ]
    lines(folder / f"{split}.jsonl", rows)


def conversations(path: Path, questions: Rows) -> None:
    """Instructions about images, in LLaVA's form."""
    rows = [
        {
            "id": f"{place}",
            "image": f"{one.picture}.png",
            "conversations": [
                {"from": "human", "value": f"<image>\nDescribe plate {place} of the second room."},
                {"from": "gpt", "value": "It is a plate."},
            ],
        }
        for place, one in enumerate(questions)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows), encoding="utf-8")
    for one in questions:
        image = path.parent / f"images/{one.picture}.png"
        image.parent.mkdir(exist_ok=True)
        image.write_bytes(picture(one.picture))


def released(folder: Path, questions: Rows, responses: Callable[[Question], list[str]], images: bool) -> None:
    """The paper's own sets: a question, and 16 responses that nobody has looked through."""
    rows = [
        {
            **({"image": inline(one), "image_hash": f"{one.picture}"} if images else {}),
            "question": one.text,
            "options": [f"{letter}: {text}" for letter, text in by_letter(one).items()],
            "answer": f"{one.letter}: {one.answer}",
            "responses": responses(one),
        }
        for one in questions
    ]
    parquet(folder / "train-00000-of-00001.parquet", rows)
