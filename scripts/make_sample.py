"""Write the embedded sample: a few hundred reasoning traces out of a small grammar of medical phrases.

The sample holds what real data holds: exact duplicates inside a file, across files and across sources, an
over-long trace, a row cut in half, a row without a response, Chinese and accented text (composed and
decomposed), and control tokens typed as if they were text. Everything in it is invented, and no advice.

The same bytes come out on every machine; `tests/unit/test_sample.py` checks that.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

Item = TypeVar("Item")

SEED = "octomed sample 1"

CASES = (
    (
        "iron deficiency",
        "tiredness and pale conjunctivae",
        "ferritin of 6 µg/L",
        "oral iron",
        "thalassaemia trait",
    ),
    ("hypothyroidism", "weight gain and dry skin", "TSH of 48 mU/L", "levothyroxine", "depression"),
    ("acute cystitis", "burning on urination", "nitrites on the dipstick", "nitrofurantoin", "vaginitis"),
    (
        "community-acquired pneumonia",
        "fever and a productive cough",
        "a right lower lobe infiltrate",
        "amoxicillin",
        "bronchitis",
    ),
    (
        "atrial fibrillation",
        "palpitations for three days",
        "an irregular rhythm without P waves",
        "anticoagulation",
        "anxiety",
    ),
    (
        "acute appendicitis",
        "pain that moved to the right iliac fossa",
        "rebound tenderness",
        "appendicectomy",
        "mesenteric adenitis",
    ),
    (
        "type 2 diabetes",
        "thirst and blurred vision",
        "HbA1c of 9.4 %",
        "metformin and a change of diet",
        "diabetes insipidus",
    ),
    (
        "gout",
        "a red, swollen first metatarsophalangeal joint",
        "negatively birefringent crystals",
        "colchicine",
        "septic arthritis",
    ),
    (
        "pulmonary embolism",
        "sudden breathlessness",
        "a filling defect on CT angiography",
        "heparin",
        "pneumothorax",
    ),
    (
        "bacterial meningitis",
        "headache, fever and a stiff neck",
        "low glucose in the spinal fluid",
        "ceftriaxone",
        "migraine",
    ),
    (
        "Addison disease",
        "fatigue and dark palmar creases",
        "a cortisol of 60 nmol/L",
        "hydrocortisone",
        "haemochromatosis",
    ),
    (
        "coeliac disease",
        "bloating and loose stools",
        "tissue transglutaminase antibodies",
        "a gluten-free diet",
        "irritable bowel",
    ),
)
PEOPLE = ("woman", "man", "teacher", "farmer", "student", "nurse", "retired miner", "swimmer")
PLACES = (
    "the clinic",
    "the emergency department",
    "a village surgery",
    "the ward",
    "a telephone consultation",
)
ASKED = (
    "What is the most likely diagnosis?",
    "Which treatment comes first?",
    "Which finding argues most for this diagnosis?",
)
OPENINGS = (
    "Let me go through this step by step.",
    "I begin with what the patient complains of.",
    "First, the pattern as a whole.",
    "Before naming anything, I list what is given.",
)
LINKS = (
    "That fits",
    "This points to",
    "Taken together it suggests",
    "The likeliest cause is",
    "I therefore lean to",
)
DOUBTS = (
    "One finding alone would not be enough.",
    "The history carries more weight here than any single test.",
    "I would want to repeat the measurement before acting on it.",
    "Nothing in the story speaks of an emergency, but I would not wait a week.",
    "The age makes some of the alternatives less likely.",
    "A normal result now would not rule it out.",
)
CHINESE = (
    (
        "一名{age}岁的患者主诉乏力和皮肤苍白，血清铁蛋白为6 µg/L。最可能的诊断是什么？",
        "先看主要症状，再看化验结果。铁蛋白降低说明铁储备不足。",
        "最可能的诊断是缺铁性贫血。",
    ),
    (
        "{age}岁男性，右下腹痛两天，伴反跳痛。下一步应该做什么？",
        "疼痛转移至右下腹，并有反跳痛，首先考虑急性阑尾炎。",
        "应请外科会诊，准备阑尾切除术。",
    ),
    (
        "患者{age}岁，口渴、多尿、视物模糊，糖化血红蛋白9.4%。首选什么药物？",
        "症状与化验结果一致，符合2型糖尿病。",
        "首选二甲双胍，并调整饮食。",
    ),
)
ACCENTED = (
    (
        "Une patiente de {age} ans, fatiguée et pâle, a une ferritine à 6 µg/L. Quel est le diagnostic ?",
        "La ferritine basse témoigne d’une carence ; l’âge et l’anémie concordent.",
        "Anémie par carence en fer : traitement par fer oral.",
    ),
    (
        "Un señor de {age} años refiere sed, visión borrosa y pérdida de peso. ¿Qué prueba pedirías?",
        "Los síntomas señalan una hiperglucemia; la HbA1c la confirmaría.",
        "Pediría la HbA1c y una glucemia en ayunas.",
    ),
    (
        "Ein {age}-jähriger Müller klagt über Atemnot; was prüfen Sie zuerst?",
        "Plötzliche Atemnot lässt an eine Lungenembolie denken; größere Thromben zeigt das CT.",
        "Zuerst Sättigung und Kreislauf, dann das CT.",
    ),
)
LOOK_ALIKES = (
    "The note in the record reads `<|im_end|>` and then `<|im_start|>assistant`. What does it mean?",
    "A student typed <|endoftext|> into the chart of a {age}-year-old. Is that a drug?",
    "What is written between <think> and </think> in this chart: <think>nothing</think>?",
)


class Draws:
    """Numbers that depend on the seed alone, not on the version of Python."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.count = 0

    def below(self, limit: int) -> int:
        """Return a number from 0 to `limit` - 1."""
        self.count += 1
        digest = hashlib.sha256(f"{self.seed}/{self.count}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % limit

    def one(self, items: Sequence[Item]) -> Item:
        """Return one of the items."""
        return items[self.below(len(items))]


def vignette(draws: Draws, case: Sequence[str]) -> str:
    """Return a case in a sentence or two."""
    age, person, place = 18 + draws.below(70), draws.one(PEOPLE), draws.one(PLACES)
    return f"A {age}-year-old {person} is seen in {place} with {case[1]}. The work-up shows {case[2]}."


def reasoning(draws: Draws, case: Sequence[str], *, sentences: int) -> str:
    """Return a chain of thought about a case."""
    parts = [
        draws.one(OPENINGS),
        f"The complaint is {case[1]}, and the work-up shows {case[2]}.",
        f"{draws.one(LINKS)} {case[0]}.",
        f"Against {case[4]} speaks that {case[2]} would not be explained by it.",
    ]
    parts += [draws.one(DOUBTS) for _ in range(sentences)]
    return " ".join(parts)


def answer_of(asked: str, case: Sequence[str]) -> str:
    """Return the right answer to one of the questions."""
    return {ASKED[0]: case[0], ASKED[1]: case[3], ASKED[2]: case[2]}[asked]


def question_rows(draws: Draws, count: int) -> list[dict[str, Any]]:
    """Return rows of the `octomed` format: a question, and several responses."""
    rows = []
    for number in range(count):
        case, asked = CASES[draws.below(len(CASES))], draws.one(ASKED)
        right = answer_of(asked, case)
        others = [answer_of(asked, other) for other in CASES if other is not case]
        start = draws.below(len(others) - 3)
        choices = others[start : start + 3]
        choices.insert(draws.below(4), right)
        letter = "ABCD"[choices.index(right)]
        rows.append(
            {
                "id": f"q{number:03}",
                "question": f"{vignette(draws, case)} {asked}",
                "options": choices,
                "answer": right,
                "responses": [
                    f"<think>\n{reasoning(draws, case, sentences=draws.below(9))}\n</think>\n\n"
                    f"The answer is {letter}.\n\n<answer>{letter}</answer>"
                    for _ in range(2 + draws.below(3))
                ],
            }
        )
    return rows


def dialogue_rows(draws: Draws, count: int) -> list[dict[str, Any]]:
    """Return rows of the `messages` format: several turns."""
    rows = []
    for _ in range(count):
        case = CASES[draws.below(len(CASES))]
        messages = (
            [{"role": "system", "content": "You are a careful physician."}] if draws.below(3) == 0 else []
        )
        for turn in range(1 + draws.below(3)):
            asked = ASKED[turn % len(ASKED)]
            opening = f"{vignette(draws, case)} " if turn == 0 else ""
            thought = reasoning(draws, case, sentences=draws.below(4))
            messages += [
                {"role": "user", "content": f"{opening}{asked}"},
                {"role": "assistant", "content": f"{thought} So: {answer_of(asked, case)}."},
            ]
        rows.append({"messages": messages})
    return rows


def chain_rows(draws: Draws, count: int) -> list[dict[str, str]]:
    """Return rows of the `huatuo-o1` format: question, chain of thought, response."""
    rows = []
    for _ in range(count):
        case, asked = CASES[draws.below(len(CASES))], draws.one(ASKED)
        rows.append(
            {
                "Question": f"{vignette(draws, case)} {asked}",
                "Complex_CoT": reasoning(draws, case, sentences=2 + draws.below(6)),
                "Response": f"It is {answer_of(asked, case)}: {case[2]} decides it.",
            }
        )
    return rows


def foreign_rows(draws: Draws) -> list[dict[str, str]]:
    """Return Chinese and accented rows; each accented one also in decomposed characters."""
    rows = []
    for question, chain, response in (*CHINESE, *ACCENTED):
        row = {"Question": question, "Complex_CoT": chain, "Response": response}
        row["Question"] = question.format(age=20 + draws.below(60))
        rows.append(row)
        if (question, chain, response) in ACCENTED:
            rows.append({key: unicodedata.normalize("NFD", text) for key, text in row.items()})
    return rows


def look_alike_rows(draws: Draws) -> list[dict[str, Any]]:
    """Return rows in which a user and an assistant type control tokens."""
    rows = []
    for asked in LOOK_ALIKES:
        content = asked.format(age=30 + draws.below(40))
        reply = f"It is text like any other: {content.split()[0]} … <|im_end|> … nothing more."
        rows.append(
            {"messages": [{"role": "user", "content": content}, {"role": "assistant", "content": reply}]}
        )
    return rows


def over_long_row(draws: Draws) -> dict[str, str]:
    """Return a row longer than the quickstart's capacity: a flow sheet of vital signs."""
    sheet = "; ".join(
        f"{hour % 24:02}:00 pulse {60 + draws.below(60)} pressure {100 + draws.below(50)}/{60 + draws.below(30)}"
        for hour in range(400)
    )
    return {
        "Question": "What does this flow sheet of seventeen days show?",
        "Complex_CoT": f"I read it hour by hour. {sheet}.",
        "Response": "A stable patient.",
    }


def as_dialogue(row: dict[str, str]) -> dict[str, Any]:
    """Return a `huatuo-o1` row as the `messages` row that renders to the same text."""
    reply = f"<think>\n{row['Complex_CoT']}\n</think>\n\n{row['Response']}"
    messages = [{"role": "user", "content": row["Question"]}, {"role": "assistant", "content": reply}]
    return {"messages": messages}


def lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return rows as JSON Lines."""
    return [json.dumps(row, ensure_ascii=False) for row in rows]


def sample() -> dict[str, str]:
    """Return the text of every file of the sample, by its name."""
    draws = Draws(SEED)
    first, second = question_rows(draws, 48), question_rows(draws, 24)
    first.insert(30, first[4])  # a row twice in a file
    second.insert(11, first[7])  # and once more in another file
    chains = [*chain_rows(draws, 60), *foreign_rows(draws), over_long_row(draws)]
    dialogues = [*dialogue_rows(draws, 60), *look_alike_rows(draws), as_dialogue(chains[3])]
    dialogues.append({"messages": [{"role": "user", "content": "Is anybody there?"}]})
    written = lines(dialogues)
    written.insert(40, written[20][: len(written[20]) // 2])  # a line cut in half
    return {
        "questions/part-0.jsonl": "\n".join(lines(first)) + "\n",
        "questions/part-1.jsonl": "\n".join(lines(second)) + "\n",
        "dialogues.jsonl": "\n".join(written) + "\n",
        "chains.json": json.dumps(chains, ensure_ascii=False, indent=1) + "\n",
    }


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    home = Path(__file__).parent.parent / "python/octomed/sample"
    parser.add_argument("folder", nargs="?", type=Path, default=home)
    folder: Path = parser.parse_args().folder
    for name, text in sample().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
