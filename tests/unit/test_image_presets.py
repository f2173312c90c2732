"""Each row format with images, on rows of our own in exactly the shape in which the sets are released."""

from __future__ import annotations

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet
import pytest
from octomed import _octomed
from octomed.pipeline.inputs.nearest_format import suiting_formats
from octomed.recipe.presets import load_preset, preset_names, trainable_presets

PICTURE = b"\x89PNG\r\n\x1a\n" + b"\0" * 25
INLINE = {"bytes": PICTURE, "path": "a.png"}
BYTES = f"{len(PICTURE)} bytes"

TURNS = [
    {"from": "human", "value": "<image>\nWhat is this?"},
    {"from": "gpt", "value": "A lung."},
    {"from": "human", "value": "Is it clear?"},
    {"from": "gpt", "value": "Yes."},
]
PLAIN_TURNS = [{"from": "human", "value": "Compare them."}, {"from": "gpt", "value": "The first is older."}]
CHAT = [{"role": "user", "content": "<image>What is this?"}, {"role": "assistant", "content": "A lung."}]

# Name of the format: rows of a file, as released.
PARQUET = {
    "octomed": [
        {
            "id": "1",
            "image": INLINE,
            "image_hash": "h",
            "question": "What is this?",
            "options": ["A: lung", "B: liver"],
            "answer": "A",
            "responses": ["It is <answer>A</answer>", "<answer>B</answer>"],
        }
    ],
    "path-vqa": [{"image": INLINE, "question": "what is shown?", "answer": "liver"}],
    "vqa-rad": [{"image": INLINE, "question": "is there a fracture?", "answer": "no"}],
    "medvlthinker": [
        {
            "images": [INLINE, INLINE],
            "question": "Which is it?",
            "options": json.dumps({"A": "lung", "B": "liver"}),
            "answer_label": "B",
            "answer": "liver",
            "reasoning": "It is brown.",
            "dataset_name": "x",
        },
    ],
    "finevision": [
        {
            "images": [INLINE],
            "texts": [
                {"user": "What is this?", "assistant": "A lung."},
                {"user": "Sure?", "assistant": "Yes."},
            ],
            "source": "s",
            "relevance_ratings": [5, 4],
        },
    ],
    "medframeqa": [
        {
            "image": [INLINE, INLINE],
            "image_hash": ["h", "i"],
            "question": "What changes?",
            "options": ["A: size", "B: nothing"],
            "answer": "A",
            "reasoning_chain": "The second is larger.",
        },
    ],
    "medxpertqa": [
        {
            "id": "MM-1",
            "question": "Which?",
            "options": {"A": "lung", "B": "liver"},
            "label": "B",
            "images": ["MM-1-a.jpeg", "MM-1-b.jpeg"],
            "medical_task": "Diagnosis",
            "body_system": "Other",
            "question_type": "Reasoning",
        },
    ],
    "mmmu": [
        {
            "id": "1",
            "question": "Is <image 1> older than <image 2>?",
            "options": "['Yes', \"It isn't\"]",
            "explanation": "",
            **{f"image_{number}": INLINE if number <= 2 else None for number in range(1, 8)},
            "img_type": "['CT']",
            "answer": "A",
            "topic_difficulty": "Easy",
            "question_type": "multiple-choice",
            "subfield": "x",
        },
    ],
    "messages": [{"messages": CHAT, "images": [INLINE]}],
    "ms-swift": [{"query": "<image>What is this?", "response": "A lung.", "images": ["a.png"]}],
    "headqa": [
        {
            "name": "Cuaderno_2013_1_B",
            "qid": 1,
            "qtext": "What is it?",
            "ra": 1,
            "image": INLINE,
            "answers": [{"aid": 1, "atext": "A lung."}, {"aid": 2, "atext": "A liver."}],
        }
    ],
    "alpaca": [
        {"instruction": "<image>What is this?", "input": "", "output": "A lung.", "images": ["a.png"]}
    ],
}
JSON = {
    "distilled": [
        {
            "key": "0f",
            "sample": 3,
            "question": "What is this?",
            "images": ["00ff.png"],
            "response": "A lung.",
            "reasoning": "It is dark.",
            "finish_reason": "stop",
            "usage": {"asked": 3, "answered": 5},
            "seconds": 1.5,
        }
    ],
    "llava": [
        {"id": "1", "image": "chest/1.jpg", "conversations": TURNS},
        {"id": "2", "conversations": PLAIN_TURNS},
    ],
    "pubmedvision": [
        {
            "id": "x_1",
            "image": ["images/a_1.jpg", "images/a_2.jpg"],
            "conversations": PLAIN_TURNS,
            "modality": "CT",
            "body_part": "Chest",
        }
    ],
    "sharegpt": [{"conversations": TURNS, "images": ["a.png"], "system": "Be brief."}],
    "slake": [
        {
            "img_id": 1,
            "img_name": "xmlab1/source.jpg",
            "question": "Which organ?",
            "answer": "Lung",
            "q_lang": "en",
            "location": "Lung",
            "modality": "X-Ray",
            "answer_type": "OPEN",
            "base_type": "vqa",
            "content_type": "Organ",
            "triple": ["vhead", "_", "_"],
            "qid": 1,
        },
        {
            "img_id": 2,
            "img_name": "xmlab2/source.jpg",
            "question": "哪个器官?",
            "answer": "肺",
            "q_lang": "zh",
            "qid": 2,
        },
    ],
    "medxpertqa": [
        {
            "id": "MM-2",
            "question": "Which?",
            "options": [{"letter": "A", "content": "lung"}, {"letter": "B", "content": "liver"}],
            "label": "A",
            "images": ["MM-2-a.jpeg"],
            "medical_task": "Diagnosis",
        },
    ],
    "omnimedvqa": [
        {
            "dataset": "x",
            "question_id": "1",
            "question_type": "Modality",
            "question": "Which?",
            "gt_answer": "CT",
            "image_path": "Images/x/1.png",
            "option_A": "CT",
            "option_B": "MRI",
        },
    ],
    "vqa-rad-json": [
        {
            "qid": 1,
            "image_name": "synpic1.jpg",
            "image_organ": "HEAD",
            "answer": "Yes",
            "answer_type": "CLOSED",
            "question_type": "PRES",
            "question": "Is it clear?",
            "phrase_type": "freeform",
            "modality": "MRI",
        },
    ],
    "messages": [
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image", "image": "a.png"},
                        {"type": "text", "text": "What is this?"},
                    ],
                },
                {"role": "assistant", "content": [{"type": "text", "text": "A lung."}]},
            ],
        },
    ],
}
CSV = {
    "pmc-vqa": [
        {
            "Figure_path": "PMC1_F1.jpg",
            "Question": "What is shown?",
            "Answer": "Lung",
            "Choice A": "A:Liver",
            "Choice B": "B:Lung",
            "Choice C": "C:Heart",
            "Choice D": "D:Bone",
            "Answer_label": "B",
        },
    ],
}
VERSION_2 = {
    "index": "7",
    "Figure_path": "PMC2_F1.jpg",
    "Caption": "A lung.",
    "Question": "What is shown?",
    "Choice A": " A:Liver ",
    "Choice B": " B:Lung ",
    "Choice C": " C:Heart ",
    "Choice D": " D:Bone ",
    "Answer": "B",
    "split": "train",
}


def from_parquet(mapping, rows):
    file = io.BytesIO()
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), file)
    read = pyarrow.parquet.ParquetFile(file)
    cutter = _octomed.ArrowCutter(mapping, 0, 10**6)
    batches = read.iter_batches(columns=mapping.columns_to_read(read.schema_arrow.names))
    blocks = [block for batch in batches for block in cutter.feed(batch)]
    return shown([*blocks, *cutter.finish()], mapping)


def from_json(mapping, rows):
    cutter = _octomed.JsonArrayCutter(10**6)
    return shown([*cutter.feed(json.dumps(rows).encode()), *cutter.finish()], mapping)


def from_csv(mapping, rows):
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    cutter = _octomed.CsvCutter(mapping, _octomed.CsvDialect(",", '"', None), 10**6)
    cutter.feed(file.getvalue().encode())
    cutter.finish()
    return shown(iter(cutter.next_block, None), mapping)


def shown(blocks, mapping):
    return [row for block in blocks for row in _octomed.preview(block, mapping, 1000)]


def mapping_of(name):
    """The mapping, with a response of the test's own where the set is for evaluation."""
    own = {} if name in trainable_presets() else {"response": "the answer is {{ question|length }}"}
    return _octomed.Mapping(load_preset(name) | own)


CASES = [
    *((name, from_parquet, rows) for name, rows in PARQUET.items()),
    *((name, from_json, rows) for name, rows in JSON.items()),
    *((name, from_csv, rows) for name, rows in CSV.items()),
    ("pmc-vqa", from_csv, [VERSION_2]),
    (
        "pmc-vqa",
        from_csv,
        [{("Anwser" if key == "Answer" else key): one for key, one in CSV["pmc-vqa"][0].items()}],
    ),
]


def found(name, read, rows):
    rows = read(mapping_of(name), rows)
    assert all("reason" not in row for row in rows), rows
    return rows


def test_every_format_with_images_has_a_row_here():
    of_images = {name for name in preset_names() if "images" in load_preset(name)}
    assert {name for name, _, _ in CASES} == of_images - {"prompt-completion"}


@pytest.mark.parametrize(("name", "read", "rows"), CASES)
def test_rows_are_read(name, read, rows):
    assert len(found(name, read, rows)) == len(rows)


@pytest.mark.parametrize(
    ("name", "read", "rows", "images"),
    [
        ("octomed", from_parquet, PARQUET, [[BYTES]]),
        ("path-vqa", from_parquet, PARQUET, [[BYTES]]),
        ("medvlthinker", from_parquet, PARQUET, [[BYTES, BYTES]]),
        ("finevision", from_parquet, PARQUET, [[BYTES]]),
        ("medframeqa", from_parquet, PARQUET, [[BYTES, BYTES]]),
        ("medxpertqa", from_parquet, PARQUET, [["MM-1-a.jpeg", "MM-1-b.jpeg"]]),
        ("mmmu", from_parquet, PARQUET, [[BYTES, BYTES]]),
        ("messages", from_parquet, PARQUET, [[BYTES]]),
        ("messages", from_json, JSON, [["a.png"]]),
        ("ms-swift", from_parquet, PARQUET, [["a.png"]]),
        ("alpaca", from_parquet, PARQUET, [["a.png"]]),
        ("distilled", from_json, JSON, [["00ff.png"]]),
        ("llava", from_json, JSON, [["chest/1.jpg"], None]),
        ("pubmedvision", from_json, JSON, [["images/a_1.jpg", "images/a_2.jpg"]]),
        ("sharegpt", from_json, JSON, [["a.png"]]),
        ("slake", from_json, JSON, [["xmlab1/source.jpg"], ["xmlab2/source.jpg"]]),
        ("omnimedvqa", from_json, JSON, [["Images/x/1.png"]]),
        ("pmc-vqa", from_csv, CSV, [["PMC1_F1.jpg"]]),
    ],
)
def test_the_images_are_those_of_the_row(name, read, rows, images):
    assert [row.get("images") for row in found(name, read, rows[name])] == images


def responses(name, read, rows):
    return [[one["response"] for one in row["responses"]] for row in found(name, read, rows)]


@pytest.mark.parametrize("column", ["Answer", "Anwser"])
def test_the_letter_of_pmc_vqa_is_learned_in_each_version(column):
    first = {(column if key == "Answer" else key): one for key, one in CSV["pmc-vqa"][0].items()}
    for row in (first, VERSION_2):
        assert responses("pmc-vqa", from_csv, [row]) == [["B"]]
        (read,) = found("pmc-vqa", from_csv, [row])
        assert [one["label"] for one in read["options"]] == list("ABCD")
        assert read["options"][1]["text"].strip() == "Lung"


def test_direct_answers_and_reasoning_are_learned_as_the_format_says():
    assert responses("path-vqa", from_parquet, PARQUET["path-vqa"]) == [["liver"]]
    assert responses("slake", from_json, JSON["slake"]) == [["Lung"], ["肺"]]
    (row,) = found("medvlthinker", from_parquet, PARQUET["medvlthinker"])
    assert row["responses"] == [{"reasoning": "It is brown.", "response": "B"}]
    (row,) = found("octomed", from_parquet, PARQUET["octomed"])
    assert len(row["responses"]) == 2


def test_turns_have_their_images_where_they_stand():
    (row,) = found("finevision", from_parquet, PARQUET["finevision"])
    assert [turn["role"] for turn in row["messages"]] == ["user", "assistant"] * 2
    assert row["messages"][0]["content"] == "[image 1]What is this?"
    (row,) = found("pubmedvision", from_json, JSON["pubmedvision"])
    assert row["messages"][0]["content"] == "[image 1][image 2]Compare them."
    first, second = found("llava", from_json, JSON["llava"])
    assert first["messages"][0]["content"] == "[image 1]\nWhat is this?"
    assert second["messages"][0]["content"] == "Compare them."


@pytest.mark.parametrize("read", [from_parquet, from_json])
def test_options_of_medxpertqa_are_those_of_either_form(read):
    rows = PARQUET if read is from_parquet else JSON
    (row,) = found("medxpertqa", read, rows["medxpertqa"])
    assert row["options"] == [{"label": "A", "text": "lung"}, {"label": "B", "text": "liver"}]


# Found by columns


@pytest.mark.parametrize(("name", "rows"), [(name, rows) for name, _, rows in CASES])
def test_a_format_is_found_by_its_columns(name, rows):
    columns = list(dict.fromkeys(key for row in rows for key in row))
    alike = {"vqa-rad": "path-vqa", "sharegpt": "llava"}
    assert suiting_formats(columns) == (alike.get(name, name),)


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (["conversations"], ("sharegpt",)),
        (["conversations", "id", "image"], ("llava",)),
        (["conversations", "system"], ("sharegpt",)),
        (["Question", "Complex_CoT", "Response"], ("huatuo-o1",)),
        (["question", "reasoning (reasoning_content)", "response (content)"], ("medical-r1-distill",)),
        (["prompt", "completion"], ("prompt-completion",)),
        (["prompt", "prompt_id", "messages"], ("messages",)),
        (["question", "options", "answer", "responses"], ("octomed",)),
        (["image", "question", "options", "answer"], ()),
        (["question", "answer"], ()),
        (["query", "response", "instruction", "output"], ()),
        (["messages", "conversations"], ("messages", "sharegpt")),
        ([], ()),
    ],
)
def test_columns_that_suit_no_format_or_several_are_no_guess(columns, names):
    assert suiting_formats(columns) == names
    assert suiting_formats(columns[::-1]) == names
