"""What is written for VLMEvalKit and lm-eval, as their readers read it."""

from __future__ import annotations

import ast
import base64
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from octomed.errors import DataError, RecipeError
from octomed.evaluate.harnesses import export_benchmarks
from octomed.evaluate.recipe import load_evaluation_recipe
from PIL import Image

LM_EVAL = os.environ.get("OCTOMED_LM_EVAL_PYTHON", sys.executable)
"""A Python that has lm-eval: one with other packages than ours."""
TRAPS = ["None", "NA", "a\ttab", 'a "quote"', "two\nlines", "\u00fcml\u00e4ut", "5", "05"]


def picture(level):
    file = io.BytesIO()
    Image.new("RGB", (40, 40 + level), (level, 9, 9)).save(file, "PNG")
    return file.getvalue()


def row(number, options=4, images=0, **values):
    texts = [TRAPS[(number + place) % len(TRAPS)] + f" {place}" * (place > 1) for place in range(options)]
    shown = [f"{number}-{place}.png" for place in range(images)]
    places = "<image>\n" * images
    base = {
        "question": f"{places}Which {number}?",
        "options": texts,
        "answer": "ABCDEFGH"[number % max(options, 1)],
    }
    return base | ({"images": shown} if images else {}) | values


def recipe_of(folder, rows, **benchmark):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    for one in rows:
        for name in one.get("images", ()):
            number, place = name.removesuffix(".png").split("-")
            (folder / name).write_bytes(picture(int(number) * 10 + int(place)))
    values = {
        "name": "exported",
        "model": {"endpoint": "http://127.0.0.1:9/v1", "name": "none"},
        "prompt": "own",
        "system": "Think first.",
        "benchmarks": [
            {"name": "rows", "path": "rows.jsonl", "format": {"preset": "octomed", "image_root": "."}}
            | benchmark
        ],
        "output": {"path": "evaluated"},
    }
    return load_evaluation_recipe(values, folder=folder)


def read(path):
    """What VLMEvalKit's `load` does with a TSV."""
    pandas = pytest.importorskip("pandas")
    return pandas.read_csv(path, sep="\t")


def test_options_and_the_right_letter_come_back_as_pandas_reads_them(tmp_path):
    rows = [row(number) for number in range(8)]
    found = export_benchmarks(recipe_of(tmp_path, rows), "vlmevalkit", tmp_path / "out")["rows"]
    assert found.files == {"rows.tsv": 8}
    assert not found.left_out
    table = read(tmp_path / "out/rows.tsv")
    assert table["index"].tolist() == list(range(8))
    assert table["answer"].tolist() == [one["answer"] for one in rows]
    for number, one in enumerate(rows):
        line = table.iloc[number]
        expected = [{"None": "None.", "NA": "NA."}.get(text, text) for text in one["options"]]
        assert [str(line[letter]) for letter in "ABCD"] == expected
        assert line["question"] == f"Which {number}?"


@pytest.mark.parametrize(
    ("options", "answer", "letter"),
    [
        (["Rest", "Fluids"], "B", "B"),
        (["Rest", "Fluids"], "Fluids", "B"),
        (["Rest", "Fluids"], "B: Fluids", "B"),
        ({"C": "Rest", "E": "Fluids"}, "E", "B"),
        ({"1": "Rest", "2": "Fluids"}, "Rest", "A"),
    ],
)
def test_the_right_letter_is_the_one_that_is_accepted(tmp_path, options, answer, letter):
    rows = [{"question": "What?", "options": options, "answer": answer}]
    export_benchmarks(recipe_of(tmp_path, rows), "vlmevalkit", tmp_path)
    assert read(tmp_path / "rows.tsv")["answer"].tolist() == [letter]


def test_several_images_are_a_list_and_rows_without_have_their_own_file(tmp_path):
    rows = [row(0, images=1), row(1, images=3), row(2), row(3, options=2, images=1)]
    found = export_benchmarks(recipe_of(tmp_path, rows), "vlmevalkit", tmp_path / "out")["rows"]
    assert found.files == {"rows.tsv": 3, "rows-text.tsv": 1}
    table = read(tmp_path / "out/rows.tsv")
    lists = [ast.literal_eval(text) if text.startswith("[") else [text] for text in table["image"]]
    assert [[base64.b64decode(one) for one in images] for images in lists] == [
        [(tmp_path / name).read_bytes() for name in one["images"]] for one in rows if "images" in one
    ]
    names = [ast.literal_eval(text) if text.startswith("[") else [text] for text in table["image_path"]]
    assert names == [["0_1.png"], ["1_1.png", "1_2.png", "1_3.png"], ["2_1.png"]]
    assert min(len(one) for one in table["image"]) > 64, "a shorter cell is another row's index there"
    assert table["C"].isna().tolist() == [False, False, True]
    assert not table["question"].str.contains("<image>").any()
    assert "image" not in read(tmp_path / "out/rows-text.tsv")


def test_open_questions_have_their_answer_as_a_text(tmp_path):
    rows = [{"question": "Where?", "answer": "left lung"}, {"question": "What?", "answer": "None"}]
    recipe = recipe_of(tmp_path, rows, score="token_f1")
    export_benchmarks(recipe, "vlmevalkit", tmp_path / "out")
    table = read(tmp_path / "out/rows.tsv")
    assert (list(table), table["answer"].tolist()) == (
        ["index", "question", "answer", "place"],
        ["left lung", "None."],
    )
    with pytest.raises(DataError, match="`no_options` 2"):
        export_benchmarks(recipe, "lm-eval", tmp_path / "task")


def test_what_no_harness_holds_is_counted(tmp_path):
    rows = [row(0), row(1, options=27, answer="A"), row(2, options=2, images=1)]
    found = export_benchmarks(recipe_of(tmp_path, rows), "lm-eval", tmp_path / "out")["rows"]
    assert found.files == {"rows.jsonl": 1, "rows.yaml": 1}
    assert found.left_out == {"too_many_options": 1, "images": 1}


def test_another_harness_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="lmms"):
        export_benchmarks(recipe_of(tmp_path, [row(0)]), "lmms", tmp_path)


TASK = """
import json, sys
import lm_eval.tasks, lm_eval.api.instance
manager = lm_eval.tasks.TaskManager(include_path=sys.argv[1], include_defaults=False)
found = lm_eval.tasks.get_task_dict(["rows"], manager)
task = next(iter(found.values()))
docs = list(task.test_docs())
said = json.loads(sys.argv[2])
task._instances = [
    lm_eval.api.instance.Instance("generate_until", doc, (task.doc_to_text(doc), {}), number, resps=[text])
    for number, (doc, text) in enumerate(zip(docs, said))
]
task.apply_filters()
print(json.dumps({
    "prompts": [task.doc_to_text(doc) for doc in docs],
    "targets": [task.doc_to_target(doc) for doc in docs],
    "answers": [one.filtered_resps["last-answer"] for one in task._instances],
    "generation": dict(task.config.generation_kwargs),
}))
"""


def test_lm_eval_loads_the_task_without_a_network_and_reads_our_responses(tmp_path):
    have = subprocess.run([LM_EVAL, "-c", "import lm_eval.tasks"], capture_output=True, check=False)
    if have.returncode:
        pytest.skip("lm-eval is not installed: name a Python that has it by OCTOMED_LM_EVAL_PYTHON")
    from octomed.evaluate.harnesses import response_for_harness

    rows = [row(number) for number in range(4)]
    export_benchmarks(recipe_of(tmp_path, rows), "lm-eval", tmp_path / "out")
    said = [response_for_harness("<think>The answer is (A)?</think>Not A.", one["answer"]) for one in rows]
    offline = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "hub"),
    }
    ran = subprocess.run(
        [LM_EVAL, "-c", TASK, str(tmp_path / "out"), json.dumps(said)],
        capture_output=True,
        text=True,
        check=False,
        env=offline,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    found = json.loads(ran.stdout.splitlines()[-1])
    assert found["targets"] == found["answers"] == [one["answer"] for one in rows]
    written = [json.loads(line) for line in (tmp_path / "out/rows.jsonl").read_text().splitlines()]
    assert found["prompts"] == [one["prompt"] for one in written]
    assert all(
        text in prompt for one, prompt in zip(rows, found["prompts"], strict=True) for text in one["options"]
    )
    assert found["generation"]["temperature"] == 0.6
    assert found["generation"]["seed"] is None


def test_the_system_s_text_is_the_task_s_description(tmp_path):
    export_benchmarks(recipe_of(tmp_path, [row(0)]), "lm-eval", tmp_path)
    assert "description: Think first." in Path(tmp_path / "rows.yaml").read_text()
