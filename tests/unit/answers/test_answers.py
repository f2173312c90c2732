"""`octomed.answers`: the labelled cases of the Rust crate once more, and what only Python adds."""

from __future__ import annotations

import json
from pathlib import Path

import octomed
import pytest
from octomed.answers import extract, judge, split
from octomed.errors import DataError

DATA = Path(__file__).parents[3] / "rust/responses/tests/data"
DRUGS = ["Ampicillin", "Ceftriaxone", "Nitrofurantoin"]


def cases(name):
    """Return the cases of a file as response, question and case."""
    questions = json.loads((DATA / "questions.json").read_text("utf-8"))
    for line in (DATA / name).read_text("utf-8").splitlines():
        case = json.loads(line)
        question = questions[case["question"]]
        think = question["think"]
        response = case["response"].replace("{T}", f"<think>\n{think}\n</think>\n\n").replace("{t}", think)
        yield response, question, case


@pytest.mark.parametrize("name", ["cases.jsonl", "held_out.jsonl", "held_out_2.jsonl"])
def test_labelled_cases_come_out_as_in_rust(name):
    missed = []
    for response, question, case in cases(name):
        base = {"0-based": 0, "1-based": 1}.get(question.get("gold_note", ""))
        beside = {"reasoning": case.get("reasoning"), "finished": case.get("finished")}
        state = judge(response, question["gold"], question["options"], index_base=base, **beside)
        if state != case["state"] and not case.get("missed"):
            missed.append((case, state))
    assert missed == []


@pytest.mark.parametrize(
    "options",
    [
        DRUGS,
        ["A: Ampicillin", "B: Ceftriaxone", "C: Nitrofurantoin"],
        ["A. Ampicillin", "B. Ceftriaxone", "C. Nitrofurantoin"],
        ["(A) Ampicillin", "(B) Ceftriaxone", "(C) Nitrofurantoin"],
        dict(zip("ABC", DRUGS, strict=True)),
    ],
)
def test_options_come_with_or_without_labels(options):
    found = extract("The answer is (C).", options)
    assert (found.kind, found.options, found.labels, found.text) == (
        "options",
        (2,),
        ("C",),
        "Nitrofurantoin",
    )
    assert extract("Nitrofurantoin", options).convention == "line"
    assert judge("Answer: C", 2, options, index_base=0) == "right"


def test_a_text_that_begins_like_a_label_is_left_whole():
    options = ["A: one", "Vitamin C", "E. coli"]
    assert extract("The answer is E. coli.", options).options == (2,)


def test_many_options_have_labels_of_two_letters():
    options = [f"option number {place}" for place in range(30)]
    assert extract("Answer: AD", options).options == (29,)
    assert extract("Answer: AD", {"A": "one", "D": "two"}).options == (0, 1)


def test_where_and_how_an_answer_is_marked():
    found = extract("<think>So <answer>C</answer></think>", DRUGS)
    assert (found.in_reasoning, found.convention) == (True, "tag")
    found = extract("<think>It may be A.</think>\\boxed{C}", DRUGS)
    assert (found.in_reasoning, found.convention) == (False, "boxed")
    assert extract("Option C is correct.", DRUGS).convention == "verdict"


def test_several_answers_have_no_single_text():
    found = extract("The answers are A and C.", DRUGS)
    assert (found.options, found.labels, found.text) == ((0, 2), ("A", "C"), None)


def test_answers_without_options():
    assert extract("Answer: Renal failure.").text == "Renal failure"
    number = extract("Answer: 1,000 mg")
    assert (number.kind, number.value, number.unit, number.text) == ("number", 1000.0, "mg", None)


def test_what_is_no_answer():
    assert extract("A or B.", DRUGS).kind == "ambiguous"
    assert extract("It is late.", DRUGS).kind == "absent"
    assert extract("<think>The answer is C", DRUGS).kind == "cut"
    assert extract("The answer is C.", DRUGS, finished=False).kind == "cut"
    assert judge("The answer is C.", "C", DRUGS, finished=False) == "cut"


def test_without_gold_only_presence_is_asked():
    assert judge("Answer: C", None, DRUGS) == "present"
    assert judge("The heart is enlarged.", None) == "present"
    assert judge("", None) == "absent"


def test_free_text_is_compared_as_asked():
    assert judge("Answer: a left pleural effusion", "pleural effusion", match="exact") == "wrong"
    assert judge("Answer: a left pleural effusion", "pleural effusion", match="contains") == "right"
    assert judge("No pleural effusion.", "pleural effusion", match="contains") == "wrong"
    assert judge("Answer: left effusion", "pleural effusion", match={"token_f1": 0.5}) == "right"
    assert judge("Answer: 0.5 g", "500 mg") == "right"


@pytest.mark.parametrize(
    ("answer", "options", "message"),
    [
        ("Penicillin", DRUGS, "not among the options"),
        ("1", DRUGS, "from 0 or from 1"),
        ("B", ["Lead", "Lead"], "two options"),
        ("A: Nitrofurantoin", DRUGS, "more than one"),
        ("Renal failure", (), "no rule"),
        ("", DRUGS, "no gold answer"),
    ],
)
def test_a_gold_answer_that_cannot_be_is_said_to_be(answer, options, message):
    with pytest.raises(DataError, match=message):
        judge("Answer: A", answer, options)


def test_an_unknown_match_is_refused():
    for match in ("fuzzy", {"token_f1": 2}, {"bleu": 0.5}):
        with pytest.raises(ValueError, match="token_f1"):
            judge("Answer: A", "A", DRUGS, match=match)
    with pytest.raises(TypeError, match="options"):
        extract("A", "Ampicillin")


def test_a_response_is_split():
    assert split("<think>a</think>b").reasoning == "a"
    assert split("b").reasoning is None
    assert not split("", reasoning="a").is_closed


def test_the_module_is_found_by_its_name():
    assert octomed.answers.extract is extract


def test_the_documents_python_runs():
    text = (Path(__file__).parents[3] / "docs/curation.md").read_text("utf-8")
    code = text.split("```python\n")[1].split("```")[0]
    assert "octomed.answers" in code
    exec(compile(code, "docs/curation.md", "exec"), {})


@pytest.mark.parametrize(
    ("response", "text"),
    [
        ("The answer is: left lung", "left lung"),
        ("The answer is: **left lung**", "left lung"),
        (r"So \boxed{\text{left lung}}", "left lung"),
        (r"\boxed{\mathrm{left}\text{ lung}}", "left lung"),
    ],
)
def test_an_open_answer_is_without_what_leads_to_it(response, text):
    assert extract(response).text == text
