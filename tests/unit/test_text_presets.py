"""Row formats of text, each with its trap, on rows of our own in exactly the shape of the released sets."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from octomed import _octomed
from octomed.pipeline.inputs.nearest_format import suiting_formats
from octomed.recipe import presets
from octomed.recipe.formats import Mapping, curated_mapping_of
from octomed.recipe.presets import gives_traces, load_preset

from tests.unit.test_image_presets import CSV, VERSION_2, from_csv, from_json, from_parquet

SAMPLED = "<think>\nIt is early.\n</think>\n\n<answer>E</answer>"
CHAT = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "<think>Hm.</think>So."}]
MEDQA_5 = {
    "question": "Which drug?",
    "options": ["A: Ampicillin", "B: Ceftriaxone", "C: Doxycycline", "D: Gentamicin", "E: Nitrofurantoin"],
    "answer": "E: Nitrofurantoin",
    "responses": [SAMPLED, SAMPLED.replace("E<", "B<")] * 8,
}
MEDREASON = {
    "dataset_name": "medmcqa",
    "id_in_dataset": 7131,
    "question": "Which nerve?",
    "answer": "Oculomotor nerve. Explanation: It moves the eye. E. g. up.",
    "reasoning": "Finding reasoning paths: 1. nerve -> eye",
    "options": "Answer Choices:\nA. Oculomotor nerve\nB. Vagus nerve\nC. E. coli\nD. None",
}
USMLE = {
    "question": "Which drug?",
    "answer": "A",
    "options": {"A": "B", "B": "A", "C": "AB", "D": "O"},
    "meta_info": "step1",
    "answer_idx": "B",
    "metamap_phrases": ["drug"],
}
MCQA = {
    "id": "e9ad",
    "question": "Which?",
    "opa": "Iron",
    "opb": "Zinc",
    "opc": "Lead",
    "opd": "Tin",
    "cop": 2,
    "choice_type": "single",
    "exp": "It is heavy.",
    "subject_name": "Medicine",
    "topic_name": None,
}
PUBMED = {
    "pubid": 21645374,
    "question": "Do mitochondria matter?",
    "context": {
        "contexts": ["Leaves die.", "We looked."],
        "labels": ["BACKGROUND", "RESULTS"],
        "meshes": ["Leaf"],
        "reasoning_required_pred": ["y"],
        "reasoning_free_pred": ["y"],
    },
    "long_answer": "They do.",
    "final_decision": "yes",
}
PUBMED_OWN = {
    "QUESTION": "Do mitochondria matter?",
    "CONTEXTS": ["Leaves die.", "We looked."],
    "LABELS": ["BACKGROUND", "RESULTS"],
    "MESHES": ["Leaf"],
    "YEAR": "2011",
    "reasoning_required_pred": "yes",
    "reasoning_free_pred": "yes",
    "final_decision": "maybe",
    "LONG_ANSWER": "They do.",
}
HEADQA = {
    "name": "Cuaderno_2013_1_B",
    "year": "2013",
    "category": "biology",
    "qid": 1,
    "qtext": "What are action potentials?",
    "ra": 3,
    "image": None,
    "answers": [
        {"aid": 1, "atext": "Slow"},
        {"aid": 2, "atext": "Fast"},
        {"aid": 3, "atext": "All or nothing"},
        {"aid": 4, "atext": "None"},
    ],
}
MMLU_PRO = {
    "question_id": 70,
    "question": "Which?",
    "options": ["Iron", "Zinc", "Lead"],
    "answer": "C",
    "answer_index": 2,
    "cot_content": "",
    "category": "health",
    "src": "ori_mmlu",
}
MMLU = {"question": "Which?", "subject": "anatomy", "choices": ["Iron", "Zinc", "Lead", "Tin"], "answer": 3}
VERIFIABLE = {"Open-ended Verifiable Question": "What is it?", "Ground-True Answer": "Iron"}
XPERT = {
    "id": "Text-1",
    "question": "Which?",
    "options": {letter: f"text {letter}" for letter in "ABCDEFGHIJ"},
    "label": "J",
    "medical_task": "Diagnosis",
    "body_system": "Skeletal",
    "question_type": "Reasoning",
}
XPERT_OWN = XPERT | {"options": [{"letter": key, "content": one} for key, one in XPERT["options"].items()]}
THOUGHTS_3 = {
    "difficulty": 7,
    "source": "stackexchange",
    "domain": "science",
    "conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "<think>Hm.</think>So."}],
}
THOUGHTS_114K = {
    "system": "Think.",
    "conversations": [
        {"from": "user", "value": "Why?"},
        {
            "from": "assistant",
            "value": "<|begin_of_thought|>\nHm.\n<|end_of_thought|>\n\n"
            "<|begin_of_solution|>\nSo.\n<|end_of_solution|>",
        },
    ],
}
TYPED = [turn | {"content": [{"type": "text", "text": turn["content"]}]} for turn in CHAT]
ROWS = [
    ("octomed", MEDQA_5),
    ("medreason", MEDREASON),
    ("medqa-usmle", USMLE),
    ("medqa-usmle", USMLE | {"options": {**USMLE["options"], "E": "none"}}),
    ("medmcqa", MCQA),
    ("pubmedqa", PUBMED),
    ("pubmedqa", PUBMED_OWN),
    ("headqa", HEADQA),
    ("mmlu-pro", MMLU_PRO),
    ("mmlu", MMLU),
    ("medical-o1-verifiable", VERIFIABLE),
    ("medxpertqa", XPERT),
    ("medxpertqa", XPERT_OWN),
    ("huatuo-o1", {"Question": "Why?", "Complex_CoT": "Hm.", "Response": "So."}),
    (
        "medical-r1-distill",
        {"question": "Why?", "reasoning (reasoning_content)": "Hm.", "response (content)": "So."},
    ),
    ("alpaca", {"instruction": "Why?", "input": "", "output": "### Reasoning\nHm.\nSo."}),
    ("sharegpt", THOUGHTS_3),
    ("sharegpt", THOUGHTS_114K),
    ("messages", {"messages": CHAT, "num_tokens": 9, "source": "open-r1/OpenR1-Math-220k"}),
    ("messages", {"messages": TYPED}),
]


def mapping_of(name):
    """The mapping that rules of curation ask for; of an evaluation set the questions alone."""
    values = curated_mapping_of(name)
    return _octomed.Mapping(values) if gives_traces(load_preset(name)) else questions_of(name)


def questions_of(name):
    return _octomed.Mapping.questions_only(json.dumps(curated_mapping_of(name)))


@pytest.mark.parametrize("read", [from_json, from_parquet])
@pytest.mark.parametrize(("name", "row"), ROWS)
def test_rows_are_read(name, row, read):
    (found,) = read(mapping_of(name), [row])
    assert "reason" not in found, found


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_a_format_is_found_by_its_columns(name, row):
    assert suiting_formats(list(row)) == (name,)
    assert suiting_formats(list(row)[::-1]) == (name,)


def one(name, row, read=from_json):
    (found,) = read(mapping_of(name), [row])
    return found


def letters(row):
    return {option["label"]: option["text"] for option in row["options"]}


# What the right answer of each row is: a letter of its own options, or a text.
GOLD = [
    ("octomed", MEDQA_5, "E: Nitrofurantoin"),
    ("medreason", MEDREASON, "Oculomotor nerve"),
    ("medqa-usmle", USMLE, "B"),
    ("medmcqa", MCQA, "C"),
    ("medmcqa", MCQA | {"cop": 0}, "A"),
    ("medmcqa", MCQA | {"cop": 4}, "index 4"),
    ("pubmedqa", PUBMED, "yes"),
    ("pubmedqa", PUBMED_OWN, "maybe"),
    ("headqa", HEADQA, "C"),
    ("mmlu-pro", MMLU_PRO, "C"),
    ("mmlu", MMLU, "D"),
    ("medical-o1-verifiable", VERIFIABLE, "Iron"),
    ("medxpertqa", XPERT, "J"),
    ("medxpertqa", XPERT_OWN, "J"),
]


@pytest.mark.parametrize("read", [from_json, from_parquet])
@pytest.mark.parametrize(("name", "row", "gold"), GOLD)
def test_the_right_answer_arrives_as_it_can_be_compared(name, row, gold, read):
    (found,) = read(questions_of(name), [row])
    assert found["answer"] == gold


def test_each_of_16_candidates_is_a_trace_and_none_is_filtered_here():
    found = one("octomed", MEDQA_5, from_parquet)
    assert [response["response"] for response in found["responses"]] == MEDQA_5["responses"]
    assert letters(found)["E"] == "Nitrofurantoin"


def test_options_of_medreason_are_lines_of_one_text():
    found = one("medreason", MEDREASON)
    assert letters(found) == {"A": "Oculomotor nerve", "B": "Vagus nerve", "C": "E. coli", "D": "None"}
    (response,) = found["responses"]
    assert response == {"reasoning": MEDREASON["reasoning"], "response": MEDREASON["answer"]}
    for nothing in (None, "", "None"):
        assert one("medreason", MEDREASON | {"options": nothing})["options"] == []
    plain = one("medreason", MEDREASON | {"answer": "Vagus nerve"})
    assert plain["answer"] == "Vagus nerve"
    refused = one("medreason", MEDREASON | {"options": "either of the two"})
    assert refused["reason"] == "wrong_type"


def test_a_place_of_medmcqa_is_a_letter_and_the_test_split_has_none():
    learned = lambda row: [response["response"] for response in row["responses"]]  # noqa: E731 one of three
    assert learned(one("medmcqa", MCQA)) == ["C"]
    assert letters(one("medmcqa", MCQA)) == {"A": "Iron", "B": "Zinc", "C": "Lead", "D": "Tin"}
    test = one("medmcqa", MCQA | {"cop": -1})
    assert test["reason"] == "no_answer"
    sampled = Mapping(preset="medmcqa", responses="responses")
    mapping = _octomed.Mapping(curated_mapping_of(sampled))
    rows = [MCQA | {"cop": cop, "responses": ["x", "y"]} for cop in (-1, 3)]
    assert [row["answer"] for row in from_parquet(mapping, rows)] == [None, "D"]
    assert learned(one("medmcqa", {key: str(value) for key, value in MCQA.items()}, from_csv)) == ["C"]
    # The JSON of its authors counts from 1.
    own = Mapping(preset="medmcqa", answer_is="index_from_1", response="{{ 'ABCD'[cop|int - 1] }}")
    (row,) = from_json(_octomed.Mapping(curated_mapping_of(own)), [MCQA | {"cop": 4}])
    assert (row["answer"], learned(row)) == ("D", ["D"])


@pytest.mark.parametrize("row", [PUBMED, PUBMED_OWN])
def test_the_abstract_goes_before_the_question_of_pubmedqa(row):
    found = one("pubmedqa", row, from_parquet)
    assert found["question"] == "Leaves die.\nWe looked.\nDo mitochondria matter?"
    assert found["options"] == []


def test_options_of_headqa_have_letters_in_either_form():
    lists = HEADQA | {"answers": {"aid": [1, 2, 3, 4], "atext": ["Slow", "Fast", "All or nothing", "None"]}}
    for row in (HEADQA, lists):
        found = one("headqa", row, from_parquet)
        assert letters(found) == {"A": "Slow", "B": "Fast", "C": "All or nothing", "D": "None"}
        assert (found["answer"], found["responses"][0]["response"]) == ("C", "C")
    shuffled = HEADQA | {"answers": HEADQA["answers"][::-1]}
    assert one("headqa", shuffled)["reason"] == "option_labels"
    shuffled = lists | {"answers": {"aid": [2, 1], "atext": ["Slow", "Fast"]}}
    assert one("headqa", shuffled)["reason"] == "option_labels"


@pytest.mark.parametrize("row", [CSV["pmc-vqa"][0], VERSION_2])
def test_the_right_answer_of_pmc_vqa_is_its_letter_in_each_version(row):
    found = one("pmc-vqa", row, from_csv)
    assert (found["answer"], letters(found)["B"].strip()) == ("B", "Lung")
    old = {("Anwser" if key == "Answer" and "Answer_label" in row else key): one for key, one in row.items()}
    assert one("pmc-vqa", old, from_csv)["answer"] == "B"


def test_languages_of_slake_are_told_apart_by_a_column():
    rows = [
        {"img_name": "a.jpg", "question": "Which organ?", "answer": "Lung", "q_lang": "en"},
        {"img_name": "b.jpg", "question": "哪个器官?", "answer": "肺", "q_lang": "zh"},
    ]
    found = from_json(_octomed.Mapping(curated_mapping_of("slake", ["q_lang"])), rows)
    assert [(row["asked"], row["answer"]) for row in found] == [(["en"], "Lung"), (["zh"], "肺")]


def test_missing_options_of_omnimedvqa_keep_the_letters_of_the_others():
    row = {
        "question": "Which?",
        "gt_answer": "MRI",
        "option_A": "CT",
        "option_C": "MRI",
        "image_path": "a.png",
    }
    assert letters(one("omnimedvqa", row)) == {"A": "CT", "C": "MRI"}


@pytest.mark.parametrize("row", [THOUGHTS_3, THOUGHTS_114K])
def test_either_names_of_roles_are_known(row):
    assert [turn["role"] for turn in one("sharegpt", row)["messages"]] == ["user", "assistant"]


def test_typed_parts_say_what_a_text_says():
    assert one("messages", {"messages": TYPED}) == one("messages", {"messages": CHAT})


def test_sampled_responses_beside_columns_of_another_format_are_octomed():
    row = {"question": "?", "options": {"A": "x"}, "answer": "x", "answer_idx": "A", "responses": ["y"]}
    assert suiting_formats(list(row)) == ("octomed",)


def test_questions_of_every_format_are_read_alone():
    for name, row in ROWS:
        (found,) = from_json(questions_of(name), [row])
        assert (found["responses"], bool(found["question"])) == ([], True)


def test_what_was_parsed_before_is_what_the_files_say():
    """`OCTOMED_UPDATE_SNAPSHOTS=1 pytest` on this file writes it anew."""
    path = Path(presets.__file__).parent / "presets/parsed.json"
    files = presets.parsed_files()
    if os.environ.get("OCTOMED_UPDATE_SNAPSHOTS"):
        path.write_text(json.dumps(files, indent=1, sort_keys=True) + "\n")
    assert json.loads(path.read_text()) == files, "a row format changed: see this test's first line"
