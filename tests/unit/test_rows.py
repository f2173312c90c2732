"""Rows of real files, through the extension: every format and preset gives the same parts of traces."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from octomed import _octomed
from octomed.errors import DataError, RecipeError
from octomed.foreign.arrow_values import readable
from octomed.recipe.formats import load_preset, preset_names

TURNS = [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "Because."}]
CHAT = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]
ROWS = {
    "octomed": {"question": "Why?", "options": ["A: x", "B: y"], "answer": "A", "responses": ["one", "two"]},
    "distilled": {
        "key": "0f",
        "sample": 0,
        "question": "Why?",
        "options": {"A": "x", "B": "y"},
        "answer": "A",
        "response": "Because.",
        "reasoning": "Hm.",
        "finish_reason": "stop",
        "teacher": "r1",
    },
    "messages": {"messages": [{"role": "system", "content": "Be brief."}, *CHAT]},
    "sharegpt": {"system": "Be brief.", "conversations": TURNS},
    "alpaca": {
        "instruction": "Why?",
        "input": "",
        "output": "Because.",
        "system": "",
        "history": [["a", "b"]],
    },
    "huatuo-o1": {"Question": "Why?", "Complex_CoT": "Hm.", "Response": "Because."},
    "medical-r1-distill": {
        "question": "Why?",
        "reasoning (reasoning_content)": "Hm.",
        "response (content)": "Because.",
    },
    "prompt-completion": {"prompt": "Why?", "completion": "Because."},
    "ms-swift": {"query": "Why?", "response": "Because.", "history": [["a", "b"]], "system": "Be brief."},
    "finevision": {"texts": [{"user": "Why?", "assistant": "Because."}], "images": ["a.png"]},
    "llava": {"conversations": [{"from": "human", "value": "<image>\nWhy?"}, TURNS[1]], "image": "a.png"},
    "pubmedvision": {"conversations": TURNS, "image": ["a.png", "b.png"]},
    "medvlthinker": {
        "question": "Why?",
        "options": '{"A": "x", "B": "y"}',
        "reasoning": "Hm.",
        "answer_label": "A",
        "images": ["a.png"],
    },
    "medframeqa": {"question": "Why?", "options": ["x", "y"], "answer": "A", "image": ["a.png", "b.png"]},
    "medxpertqa": {"question": "Why?", "options": {"A": "x", "B": "y"}, "label": "A", "images": ["a.png"]},
    "mmmu": {
        "question": "Why <image 1>?",
        "options": "['x', 'y']",
        "answer": "A",
        "image_1": "a.png",
        "image_2": None,
    },
    "omnimedvqa": {
        "question": "Why?",
        "option_A": "x",
        "option_B": "y",
        "gt_answer": "x",
        "image_path": "a.png",
    },
    "path-vqa": {"question": "Why?", "answer": "Because.", "image": "a.png"},
    "pmc-vqa": {
        "Figure_path": "a.png",
        "Question": "Why?",
        "Choice A": "A: x",
        "Choice B": "B: y",
        "Choice C": "C: z",
        "Choice D": "D: w",
        "Answer": "x",
        "Answer_label": "A",
    },
    "slake": {"question": "Why?", "answer": "Because.", "img_name": "a.png"},
    "vqa-rad": {"question": "Why?", "answer": "Because.", "image": "a.png"},
    "vqa-rad-json": {"question": "Why?", "answer": "Because.", "image_name": "a.png"},
    "medqa-usmle": {"question": "Why?", "options": {"A": "x", "B": "y"}, "answer": "x", "answer_idx": "A"},
    "medmcqa": {"question": "Why?", "opa": "x", "opb": "y", "opc": "z", "opd": "w", "cop": 0},
    "pubmedqa": {"question": "Why?", "context": {"contexts": ["It", "is."]}, "final_decision": "Because."},
    "headqa": {"qtext": "Why?", "answers": [{"aid": 1, "atext": "x"}, {"aid": 2, "atext": "y"}], "ra": 1},
    "mmlu-pro": {"question": "Why?", "options": ["x", "y"], "answer": "A", "answer_index": 0},
    "mmlu": {"question": "Why?", "choices": ["x", "y"], "answer": 0},
    "medreason": {
        "question": "Why?",
        "options": "Answer Choices:\nA. x\nB. y",
        "reasoning": "Hm.",
        "answer": "Because.",
    },
    "medical-o1-verifiable": {"Open-ended Verifiable Question": "Why?", "Ground-True Answer": "Because."},
}
# Evaluation sets, whose presets leave to the recipe what is learned.
LEARNED = {
    "medframeqa": "answer",
    "medxpertqa": "label",
    "mmmu": "answer",
    "omnimedvqa": "gt_answer",
    "mmlu-pro": "answer",
    "mmlu": "answer",
    "medical-o1-verifiable": "Ground-True Answer",
}
QUESTION = {"id": None, "system": None, "question": "Why?", "options": [], "answer": None}
BECAUSE = {"reasoning": None, "response": "Because."}
LETTER = BECAUSE | {"response": "A"}
ABOUT_IMAGE = QUESTION | {"images": ["a.png"], "responses": [BECAUSE]}
CHOICE = ABOUT_IMAGE | {
    "options": [{"label": "A", "text": "x"}, {"label": "B", "text": "y"}],
    "answer": "A",
    "responses": [LETTER],
}
XY = QUESTION | {"options": [{"label": "A", "text": "x"}, {"label": "B", "text": "y"}]}
TWO = ["a.png", "b.png"]


def talk(question, images):
    turns = [{"role": "user", "content": question}, CHAT[1]]
    return {"id": None, "system": None, "images": images, "messages": turns}


PARTS = {
    "octomed": QUESTION
    | {
        "options": [{"label": "A", "text": "x"}, {"label": "B", "text": "y"}],
        "answer": "A",
        "responses": [{"reasoning": None, "response": "one"}, {"reasoning": None, "response": "two"}],
    },
    "distilled": QUESTION
    | {
        "id": "0f",
        "options": [{"label": "A", "text": "x"}, {"label": "B", "text": "y"}],
        "answer": "A",
        "responses": [BECAUSE | {"reasoning": "Hm."}],
    },
    "messages": {"id": None, "system": "Be brief.", "messages": CHAT},
    "sharegpt": {"id": None, "system": "Be brief.", "messages": CHAT},
    "alpaca": QUESTION | {"history": [("a", "b")], "responses": [BECAUSE]},
    "huatuo-o1": QUESTION | {"responses": [BECAUSE | {"reasoning": "Hm."}]},
    "medical-r1-distill": QUESTION | {"responses": [BECAUSE | {"reasoning": "Hm."}]},
    "prompt-completion": {"id": None, "system": None, "messages": [CHAT[0] | {"learned": False}, CHAT[1]]},
    "ms-swift": QUESTION | {"system": "Be brief.", "history": [("a", "b")], "responses": [BECAUSE]},
    "finevision": talk("[image 1]Why?", ["a.png"]),
    "llava": talk("[image 1]\nWhy?", ["a.png"]),
    "pubmedvision": talk("[image 1][image 2]Why?", TWO),
    "medvlthinker": CHOICE | {"answer": None, "responses": [LETTER | {"reasoning": "Hm."}]},
    "medframeqa": CHOICE | {"images": TWO},
    "medxpertqa": CHOICE,
    "mmmu": CHOICE | {"question": "Why <image 1>?"},
    "omnimedvqa": CHOICE | {"answer": "x", "responses": [BECAUSE | {"response": "x"}]},
    "path-vqa": ABOUT_IMAGE,
    "pmc-vqa": CHOICE
    | {"options": [{"label": a, "text": b} for a, b in zip("ABCD", "xyzw", strict=True)], "answer": "x"},
    "slake": ABOUT_IMAGE,
    "vqa-rad": ABOUT_IMAGE,
    "vqa-rad-json": ABOUT_IMAGE,
    "medqa-usmle": XY | {"answer": "A", "responses": [LETTER]},
    "medmcqa": XY
    | {
        "options": [{"label": a, "text": b} for a, b in zip("ABCD", "xyzw", strict=True)],
        "answer": "A",
        "responses": [LETTER],
    },
    "pubmedqa": QUESTION | {"question": "It\nis.\nWhy?", "answer": "Because.", "responses": [BECAUSE]},
    "headqa": XY | {"answer": "1", "responses": [LETTER]},
    "mmlu-pro": XY | {"answer": "A", "responses": [LETTER]},
    "mmlu": XY | {"answer": "0", "responses": [LETTER | {"response": "0"}]},
    "medreason": XY | {"answer": "Because.", "responses": [BECAUSE | {"reasoning": "Hm."}]},
    "medical-o1-verifiable": QUESTION | {"answer": "Because.", "responses": [BECAUSE]},
}


def from_bytes(cutter, mapping, file, size=7):
    blocks = [block for at in range(0, len(file), size) for block in cutter.feed(file[at : at + size])]
    return [row for block in [*blocks, *cutter.finish()] for row in _octomed.preview(block, mapping, 1000)]


def from_lines(mapping, rows):
    file = "".join(json.dumps(row) + "\n" for row in rows).encode()
    return from_bytes(_octomed.JsonLinesCutter(by_offset=False, target=100), mapping, file)


def from_array(mapping, rows):
    return from_bytes(_octomed.JsonArrayCutter(100), mapping, json.dumps(rows, indent=1).encode())


def from_batches(mapping, batches):
    cutter = _octomed.ArrowCutter(mapping, 0, 100)
    blocks = [block for batch in batches for block in cutter.feed(batch)]
    return [row for block in [*blocks, *cutter.finish()] for row in _octomed.preview(block, mapping, 1000)]


def from_parquet(mapping, rows):
    file = io.BytesIO()
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), file)
    read = pyarrow.parquet.ParquetFile(file)
    names = mapping.columns_to_read(read.schema_arrow.names)
    return from_batches(mapping, read.iter_batches(2, columns=names))


def from_csv(mapping, rows):
    columns = {key: [cell(row[key]) for row in rows] for key in rows[0]}
    file = io.BytesIO()
    pyarrow.csv.write_csv(pa.table(columns), file)
    cutter = _octomed.CsvCutter(mapping, _octomed.CsvDialect(",", '"', None), 100)
    cutter.feed(file.getvalue())
    cutter.finish()
    return [row for block in iter(cutter.next_block, None) for row in _octomed.preview(block, mapping, 1000)]


def cell(value):
    return value if isinstance(value, str) or value is None else json.dumps(value)


def test_every_preset_has_a_row_here():
    assert sorted(ROWS) == list(preset_names())


@pytest.mark.parametrize("read", [from_lines, from_array, from_parquet, from_csv])
@pytest.mark.parametrize("preset", sorted(ROWS))
def test_a_preset_reads_its_rows_from_every_format(preset, read):
    learned = {"response": LEARNED[preset]} if preset in LEARNED else {}
    found = read(_octomed.Mapping(load_preset(preset) | learned), [ROWS[preset]] * 3)
    assert found == [{"position": row, "ordinal": row, **PARTS[preset]} for row in range(3)]


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12)


@settings(max_examples=60)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "question": TEXT.filter(bool),
                "options": st.lists(TEXT.filter(bool), max_size=4),
                "answer": TEXT | st.none(),
                "responses": st.lists(TEXT, max_size=3),
            }
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_rows_are_the_same_from_every_format(rows):
    mapping = _octomed.Mapping(load_preset("octomed"))
    wanted = from_lines(mapping, rows)
    assert len(wanted) == len(rows)
    assert from_array(mapping, rows) == wanted
    assert from_parquet(mapping, rows) == wanted
    assert from_csv(mapping, rows) == wanted


def test_a_block_tells_its_measure_and_its_rows_can_be_skipped():
    mapping = _octomed.Mapping(json.dumps({"question": "q", "response": "r"}))
    cutter = _octomed.JsonLinesCutter(8, 24, target=1000)
    file = b'{"x":1}\n{"q":"a"}\n[]\n{}\n{}\n'
    assert (cutter.read_from, cutter.done) == (7, False)
    assert cutter.feed(file[7:]) == []
    assert cutter.done
    (block,) = cutter.finish()
    measure = (block.rows, block.source_bytes, block.first_ordinal, block.end_position)
    assert measure == (3, 16, 0, 24)
    detail = "the row is JSON but not an object"
    assert _octomed.preview(block, mapping, 1, skip=1) == [
        {"position": 18, "ordinal": 1, "reason": "not_an_object", "detail": detail}
    ]
    assert len(_octomed.preview(block, mapping, 9, skip=2)) == 1


def test_what_is_wrong_with_a_mapping_or_a_file_is_an_error_with_a_hint():
    with pytest.raises(RecipeError, match="unknown field `quesion`"):
        _octomed.Mapping({"quesion": "q"})
    with pytest.raises(RecipeError, match="`images` is an empty list"):
        _octomed.Mapping({"question": "q", "response": "r", "images": []})
    mapping = _octomed.Mapping({"question": "Question", "response": "r"})
    with pytest.raises(DataError, match="no column `Question`") as error:
        mapping.columns_to_read(["question", "r"])
    assert error.value.hint == "did you mean `question`?"
    with pytest.raises(DataError, match="several columns of one name: `r`"):
        mapping.columns_to_read(["Question", "r", "r"])
    with pytest.raises(DataError, match="byte 3: the JSON array ends"):
        from_array_bytes(mapping, b"[{}")
    with pytest.raises(DataError, match="byte 0: the file is not a JSON array"):
        from_array_bytes(mapping, b"{}")


def from_array_bytes(mapping, file):
    return from_bytes(_octomed.JsonArrayCutter(), mapping, file)


def test_a_row_with_a_picture_is_a_reject_and_the_others_stay():
    mapping = _octomed.Mapping({"question": "q", "response": "r"})
    rows = [
        {"q": "q", "r": "r", "image": None},
        {"q": "q", "r": "r", "image": {"bytes": b"\xff", "path": None}},
    ]
    file = io.BytesIO()
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), file)
    found = from_batches(mapping, pyarrow.parquet.ParquetFile(file).iter_batches())
    assert "reason" not in found[0]
    assert (found[1]["reason"], found[1]["detail"]) == (
        "has_image",
        "column `image` holds or names a picture",
    )


TEXTS = [
    (pa.string(), ["a", None, "ü"]),
    (pa.large_string(), ["a", None, ""]),
    (pa.list_(pa.string()), [["a", None], None, []]),
    (pa.large_list(pa.large_string()), [["a"], None, []]),
    (pa.list_(pa.string(), 2), [["a", "b"], None, ["c", "d"]]),
    (pa.struct({"x": pa.string(), "y": pa.list_(pa.string())}), [{"x": "a", "y": ["b"]}, None, {"x": None}]),
    (pa.list_(pa.struct([pa.field("role", pa.string(), nullable=False)])), [[{"role": "u"}], [], None]),
    (pa.dictionary(pa.int32(), pa.string()), ["a", "b", None]),
    (pa.map_(pa.string(), pa.string()), [[("a", "b")], None, []]),
    (pa.int64(), [1, None, 2]),
    (pa.null(), [None] * 3),
]


@pytest.mark.parametrize(("kind", "values"), TEXTS, ids=[str(kind) for kind, _ in TEXTS])
@pytest.mark.parametrize("begin", [0, 1])
def test_texts_viewed_as_bytes_are_texts_cast_to_bytes(kind, values, begin):
    column = pa.array(values, kind).slice(begin)
    batch = pa.RecordBatch.from_arrays([column], schema=pa.schema([pa.field("column", kind)]))
    viewed = readable(batch)
    viewed.validate(full=True)
    assert viewed.equals(batch.cast(viewed.schema))


def test_a_text_that_is_not_utf8_is_viewed_all_the_same():
    broken = pa.array([b"\xff"]).view(pa.string())
    assert readable(pa.record_batch({"column": broken})).column(0).to_pylist() == [b"\xff"]
