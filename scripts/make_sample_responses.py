"""Makes the embedded sample of curation: questions with eight sampled responses each, as teachers give them.

`python scripts/make_sample_responses.py python/octomed/sample/responses` writes the same files always. Of the
responses most are right, each in one of the ways in which models say so; others answer wrongly, not at all, refuse,
are cut, go round in circles, repeat another one but for a word, or name somebody. Questions have no two alike.
"""

from __future__ import annotations

import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path

SEED = 17
ROWS, RESPONSES = 48, 8
LETTERS = "ABCD"


@dataclass(frozen=True)
class Disease:
    """What a question is about."""

    name: str
    complaint: str
    finding: str
    against: str


DISEASES = (
    Disease("gout", "a red, swollen big toe", "needle-shaped crystals", "septic arthritis"),
    Disease("appendicitis", "pain that moved to the right lower belly", "a raised white cell count", "colic"),
    Disease("pulmonary embolism", "sudden breathlessness", "a filling defect on the scan", "pneumonia"),
    Disease("hypothyroidism", "tiredness and feeling cold", "a raised TSH", "anaemia"),
    Disease("acute cystitis", "burning when passing water", "nitrites on the dipstick", "pyelonephritis"),
    Disease("iron deficiency", "breathlessness on the stairs", "a low ferritin", "heart failure"),
    Disease("atrial fibrillation", "a fluttering heart", "an irregular rhythm without P waves", "anxiety"),
    Disease("coeliac disease", "bloating and loose stools", "raised transglutaminase antibodies", "lactose"),
)
PEOPLE = ("baker", "nurse", "farmer", "teacher", "sailor", "student", "driver", "gardener", "cook", "painter")
PLACES = ("the clinic", "a village surgery", "the emergency department", "a ward round", "a home visit")
THOUGHTS = (
    "The order in which things happened matters more than any one of them.",
    "I ask myself what I must not miss before I settle on what is likely.",
    "A normal result today would not rule it out, and I would repeat it in a week.",
    "Age alone makes some of the alternatives less likely, though not impossible.",
    "One finding by itself would not convince me, but two that agree do.",
    "Nothing here speaks of an emergency, and yet I would not wait for long.",
    "The examination fits, and so does what the patient does not complain of.",
    "Common things are common, and this is one of the common things.",
)
WAYS = (
    "<answer>{letter}</answer>",
    "The answer is ({letter}) {text}.",
    "**Answer: {letter}**",
    r"\boxed{{{letter}}}",
    "Therefore, the most likely diagnosis is option {letter}.",
)


def thinking(draw: random.Random, disease: Disease) -> str:
    """Return some sentences of reasoning, in an order of their own."""
    steps = [
        f"The complaint is {disease.complaint}, and the work-up shows {disease.finding}.",
        f"That fits {disease.name}, and less well {disease.against}.",
        *draw.sample(THOUGHTS, draw.randint(3, 6)),
    ]
    return " ".join(steps)


def response(draw: random.Random, kind: str, disease: Disease, options: list[str]) -> str:
    """Return one response of a kind."""
    gold = LETTERS[options.index(disease.name)]
    thought = thinking(draw, disease)
    letter = draw.choice([one for one in LETTERS if one != gold]) if kind == "wrong" else gold
    said = draw.choice(WAYS).format(letter=letter, text=options[LETTERS.index(letter)])
    if kind == "cut":
        return f"<think>\n{thought[: len(thought) * 2 // 3]}"
    if kind == "refusal":
        return (
            "<think>\nThis asks for advice.\n</think>\n\nI'm sorry, but I cannot help with medical questions."
        )
    if kind == "undecided":
        return f"<think>\n{thought}\n</think>\n\nIt depends on what the next days bring."
    if kind == "circles":
        return f"<think>\n{thought} {'Let me check this once more. ' * 40}\n</think>\n\n{said}"
    if kind == "named":
        thought += f" I would write to {draw.choice(PEOPLE)}.{draw.randint(10, 99)}@clinic.example about it."
    return f"<think>\n{thought}\n</think>\n\n{said}"


KINDS = ("right",) * 12 + ("wrong",) * 4 + ("cut", "refusal", "undecided", "circles", "named")


def row(draw: random.Random, number: int) -> dict[str, object]:
    """Return one question with its responses."""
    disease = DISEASES[number % len(DISEASES)]
    others = [one.name for one in DISEASES if one is not disease]
    options = [disease.name, *draw.sample(others, 3)]
    draw.shuffle(options)
    age, person, place = 20 + number, PEOPLE[number % len(PEOPLE)], PLACES[number % len(PLACES)]
    question = (
        f"On a morning of week {number + 1} a {age}-year-old {person} is seen in {place} with {disease.complaint}; "
        f"the work-up of bed {number + 1} shows {disease.finding}. Which diagnosis is the most likely one?"
    )
    responses = [response(draw, draw.choice(KINDS), disease, options) for _ in range(RESPONSES)]
    if number % 4 == 0:  # as a teacher gives when it is asked the same twice
        responses[-1] = responses[0].replace(" matters ", " counts ").replace(" the ", " the ", 1)
    return {"id": f"r{number:03}", "question": question, "options": options, "answer": disease.name,
            "responses": responses}  # fmt: skip


def main(folder: Path) -> None:
    """Write `sampled.jsonl`, and `evaluation.jsonl`, which asks two of its questions in other words around them."""
    draw = random.Random(SEED)  # noqa: S311 a sample, no secret
    rows = [row(draw, number) for number in range(ROWS)]
    folder.mkdir(parents=True, exist_ok=True)
    asked = [
        {"question": f"Read this first. {rows[number]['question']} Explain.", "options": rows[number]["options"],
         "answer": rows[number]["answer"]}
        for number in (5, 23)
    ]  # fmt: skip
    for name, lines in (("sampled", rows), ("evaluation", asked)):
        text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
