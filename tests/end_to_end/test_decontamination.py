"""Questions that evaluation sets have leave with all their traces; tables say which, for what, and why."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import stat
import threading
from typing import Any

import numpy as np
import octomed
import pyarrow.parquet as pq
import pytest
from octomed import _octomed
from octomed.errors import CancelledRun, DataError, OctomedError, RecipeError
from octomed.pipeline.finished.run_report import report_of
from octomed.pipeline.finished.verify import verify
from octomed.pipeline.inputs import evaluation_sets
from octomed.pipeline.inputs.read import blocks_of
from octomed.pipeline.inputs.tasks import tasks_of
from octomed.pipeline.planning.check import check
from octomed.pipeline.planning.plan import Plan, plan
from octomed.pipeline.threads.kept import Kept
from octomed.recipe import load_recipe
from octomed.report.run_page import page_of
from PIL import Image

from . import runs

VISION_TOKENS = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
COLUMNS = {"question": "question", "options": "options", "responses": "responses"}
PICTURES = {**COLUMNS, "images": "image", "image_root": "images"}


def words(seed: int, count: int = 24) -> str:
    """A stem of words that no other seed has."""
    return " ".join(f"w{seed}n{number}" for number in range(count))


def row(stem: str, **columns: Any) -> dict[str, Any]:
    return {"question": stem, "options": ["yes", "no"], "responses": ["It is a yes.", "A no."], **columns}


def recipe(
    folder, against: Any, *sources: dict[str, Any], sections: dict[str, Any] | None = None, **keys: Any
):
    values = runs.values() | {"template": "qwen2.5-vl"} | (sections or {})
    values["sources"] = list(sources) or [{"name": "train", "path": "train.jsonl", "format": COLUMNS}]
    values["curate"] = {"decontaminate": {"against": against, **keys}}
    return load_recipe(runs.write_recipe(folder, values))


def counts(folder) -> dict[str, Any]:
    return json.loads((folder / "out/reports/decontamination.json").read_text())


def contaminated(folder) -> list[dict[str, Any]]:
    return pq.read_table(folder / "out/reports/contaminated.parquet").to_pylist()


@pytest.fixture(autouse=True)
def _vision(monkeypatch):
    monkeypatch.setattr(runs, "CONTROLS", (*runs.CONTROLS, *VISION_TOKENS))


@pytest.fixture
def folder(tmp_path):
    """Twenty questions, of which the third is in an evaluation set and the fifth has words of one."""
    rows = [row(words(seed)) for seed in range(20)]
    rows[4] = row(f"At first: {words(100)[10:]} and more")
    rows[6] = row("Which one is right?")
    runs.write_lines(tmp_path / "train.jsonl", rows)
    held = [{"question": words(2).upper(), "options": ["A", "B"], "answer": "A"}, {"question": words(50)}]
    runs.write_lines(tmp_path / "test/medqa.jsonl", held)
    runs.write_lines(
        tmp_path / "test/other.jsonl",
        [{"question": words(100)}, {"question": "Which one is right?", "options": ["c"]}],
    )
    return tmp_path


AGAINST = ["test/*.jsonl"]


def test_whole_questions_leave_and_tables_say_for_what(folder):
    summary = octomed.pack(recipe(folder, AGAINST))
    assert summary.sums_agree
    assert summary.rejected["contaminated"] == 4
    assert [(one["row"], one["reason"]) for one in runs.rejects(folder / "out")] == [
        (2, "contaminated"), (2, "contaminated"), (4, "contaminated"), (4, "contaminated"),
    ]  # fmt: skip
    found = [
        (
            one["row"],
            one["reason"],
            one["evaluation_set"],
            one["evaluation_file"],
            one["evaluation_row"],
            one["word_count"],
        )
        for one in contaminated(folder)
    ]
    assert found == [
        (2, "question", "medqa", "medqa.jsonl", 0, 24),
        (4, "words", "other", "other.jsonl", 0, 22),
    ]
    assert contaminated(folder)[0]["words"] == words(2)
    assert "row 0" in runs.rejects(folder / "out")[0]["detail"]
    assert "w2n" not in runs.rejects(folder / "out")[0]["detail"]
    said = counts(folder)
    assert "other words" in said["note"]
    source = said["sources"]["train"]
    assert (source["questions"], source["untestable"], source["untestable_but_equal"]) == (20, 1, 1)
    assert source["contaminated"] == {"templates_ignored": 2, "templates_kept": 2, "by_picture": 0}
    assert said["sets"]["other"]["untestable"] == 1
    assert said["sets"]["medqa"]["contaminated"]["templates_kept"] == said["sets"]["medqa"]["left"] == 1
    assert not verify(folder / "out").findings
    assert not any("w2n" in text for text in runs.texts(folder / "out"))


def test_another_evaluation_file_reads_the_questions_and_scans_nothing(folder):
    first = octomed.pack(recipe(folder, AGAINST))
    assert first.blocks_scanned > 0
    runs.write_lines(folder / "test/other.jsonl", [{"question": words(7)}])
    with pytest.raises(RecipeError, match=r"evaluation set other/other\.jsonl"):
        octomed.pack(recipe(folder, AGAINST))
    again = octomed.pack(recipe(folder, AGAINST), replace=True)
    assert again.blocks_scanned == 0
    assert [one["row"] for one in contaminated(folder)] == [2, 7]
    done = octomed.pack(recipe(folder, AGAINST))
    assert done.already_done


def test_without_evaluation_sets_nothing_is_said_of_them(folder):
    values = runs.one_source("train.jsonl", COLUMNS)
    octomed.pack(load_recipe(runs.write_recipe(folder, values)))
    assert not (folder / "out/reports").exists()


def test_texts_stay_out_of_tables_where_no_samples_are_shown(folder, monkeypatch):
    monkeypatch.setattr(Plan, "shows_texts", False)
    octomed.pack(recipe(folder, AGAINST))
    assert [one["words"] for one in contaminated(folder)] == [None, None]


def template_rows(folder, count: int) -> None:
    stem = (
        "Read the following case of a patient of this hospital and then choose the one best answer of these:"
    )
    cases = [{"question": f"{stem} {words(number)}"} for number in range(count)]
    runs.write_lines(folder / "test.jsonl", cases)
    runs.write_lines(folder / "train.jsonl", [row(f"{stem} {words(100 + number)}") for number in range(10)])


def test_a_template_is_ignored_and_both_counts_are_reported(folder):
    template_rows(folder, 5)
    octomed.pack(recipe(folder, "test.jsonl"))
    said = counts(folder)
    assert said["sources"]["train"]["contaminated"] == {
        "templates_ignored": 0, "templates_kept": 10, "by_picture": 0,
    }  # fmt: skip
    assert said["templates"]["count"] == 1
    assert said["templates"]["largest"][0]["words"].startswith("read the following case")
    assert not (folder / "out/reports/contaminated.parquet").exists()


def test_a_source_that_loses_much_ends_the_run_and_shows_the_words(folder):
    template_rows(folder, 5)
    with pytest.raises(
        DataError, match=r"source `train` would lose 10 of its 10 questions \(100\.0 %\)"
    ) as raised:
        octomed.pack(recipe(folder, "test.jsonl", templates="keep"))
    assert "read the following case of a patient" in raised.value.message
    assert "allow_loss: {train: 1}" in raised.value.hint
    kept = folder / "more.jsonl"
    runs.write_lines(kept, [row(words(seed)) for seed in range(300, 303)])
    sources = [
        {"name": name, "path": f"{path}.jsonl", "format": COLUMNS}
        for name, path in (("train", "train"), ("more", "more"))
    ]
    summary = octomed.pack(recipe(folder, "test.jsonl", *sources, templates="keep", allow_loss={"train": 1}))
    assert summary.rejected["contaminated"] == 20
    with pytest.raises(RecipeError, match="no source is called so"):
        octomed.pack(recipe(folder, "test.jsonl", allow_loss={"trian": 1}))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.jsonl", None, "does not exist"),
        ("empty.jsonl", "", "is empty"),
        ("blank.jsonl", "\n\n", "question"),
        ("broken.jsonl", '{"question": "a b"}\n{"question": \n', "row 1 of the evaluation file"),
        ("strange.jsonl", '{"prompt_text": "a b", "label": 3}\n', "columns"),
        ("white.jsonl", '{"question": " "}\n', "has no question"),
        ("null.jsonl", '{"question": "a b"}\n{"question": null}\n', "row 1 of the evaluation file"),
    ],
)
def test_a_set_that_cannot_be_read_is_an_error_before_anything_is_scanned(folder, name, content, said):
    if content is not None:
        (folder / name).write_text(content)
    for call in (check, octomed.pack):
        with pytest.raises(OctomedError) as raised:
            call(recipe(folder, [*AGAINST, name]))
        assert said in str(raised.value) + str(getattr(raised.value, "problems", ""))
    assert not list((folder / "store").glob("blocks/*/*.index"))


def test_sets_of_every_form_are_read(folder):
    runs.write_parquet(folder / "p.parquet", [{"question": words(1), "opa": "x"}])
    (folder / "c.csv").write_text(f"Question,Answer\n{words(3)},x\n")
    (folder / "a.json").write_text(json.dumps([{"q": words(5)}]))
    against = [
        {"path": "p.parquet", "format": {"question": "question"}, "name": "parquet"},
        {"path": "c.csv", "format": {"question": "Question"}, "name": "csv"},
        {"path": "a.json", "format": {"question": "q"}},
    ]
    octomed.pack(recipe(folder, against))
    assert [(one["row"], one["evaluation_set"]) for one in contaminated(folder)] == [
        (1, "parquet"), (3, "csv"), (5, "a"),
    ]  # fmt: skip


def test_coverage_wants_a_share_of_the_evaluation_question(folder):
    octomed.pack(recipe(folder, AGAINST, rule={"coverage": 0.95}))
    assert [one["row"] for one in contaminated(folder)] == [2]
    octomed.pack(recipe(folder, AGAINST, rule={"coverage": 0.5}), replace=True)
    assert [one["row"] for one in contaminated(folder)] == [2, 4]


def test_equal_rows_are_one_question_and_workers_change_nothing(folder):
    rows = [row(words(seed)) for seed in (2, 8, 9)]
    runs.write_lines(folder / "train.jsonl", [rows[0]] * 300 + [rows[1], rows[2]] * 100)
    made = recipe(folder, AGAINST, allow_loss={"train": 0.4})
    octomed.pack(made, workers=1)
    assert counts(folder)["sources"]["train"]["questions"] == 3
    assert [one["row"] for one in contaminated(folder)] == [0]
    before = runs.contents(folder / "out")
    for name in ("out", "store"):
        shutil.rmtree(folder / name)
    octomed.pack(made, workers=4)
    assert runs.contents(folder / "out") == before


def test_words_of_a_row_with_identifying_data_are_in_no_table(folder):
    stem = f"{words(2)} and write to ann@example.org"
    rows = [row(stem), *(row(words(seed)) for seed in range(3, 20))]
    runs.write_lines(folder / "train.jsonl", rows)
    recipe(folder, AGAINST)
    values = json.loads((folder / "recipe.yaml").read_text())
    values["curate"]["identifying"] = {"kinds": ["email"], "action": "report"}
    octomed.pack(load_recipe(runs.write_recipe(folder, values)))
    (found,) = contaminated(folder)
    assert (found["word_count"], found["words"]) == (24, None)


WITH_MAIL = f"{words(70, 10)} and write to ann@example.org {words(71, 10)}"
WITH_NUMBER = f"{words(72, 10)} of MRN: 4471902 at {words(73, 10)}"


@pytest.mark.parametrize("as_messages", [False, True])
def test_evaluation_questions_are_masked_as_those_of_each_source(folder, as_messages):
    """Every n-gram of 16 holds what a source masks: unmasked, none would be shared."""
    stems = [WITH_MAIL, WITH_NUMBER]
    if as_messages:
        rows = [
            {"messages": [{"role": "user", "content": stem}, {"role": "assistant", "content": "So."}]}
            for stem in (*stems, *(words(seed) for seed in range(200, 220)))
        ]
    else:
        rows = [row(stem) for stem in (*stems, *(words(seed) for seed in range(200, 220)))]
    runs.write_lines(folder / "train.jsonl", rows)
    runs.write_lines(folder / "test/masked.jsonl", [{"question": stem} for stem in stems])
    format_ = "messages" if as_messages else COLUMNS
    filters = {
        "mail": {"identifying": {"kinds": ["email"], "action": "mask"}},
        "all": {"identifying": {"action": "mask"}},
        "none": {"identifying": "off"},
        "report": {"identifying": {"action": "report"}},
    }
    sources = [
        {"name": name, "path": "train.jsonl", "format": format_, "curate": one}
        for name, one in filters.items()
    ]
    summary = octomed.pack(recipe(folder, ["test/masked.jsonl"], *sources))
    found = [(one["source"], one["row"], one["reason"]) for one in contaminated(folder)]
    assert found == [(name, row, "question") for name in filters for row in (0, 1)]
    assert summary.rejected["contaminated"] == len(found) * (1 if as_messages else 2)
    of_masked = [one["words"] for one in contaminated(folder) if one["source"] == "all"]
    assert of_masked == [None, None], "rows with identifying data show no words"
    assert not any(b"4471902" in text.encode() for text in runs.texts(folder / "out") if "[EMAIL]" in text)


def test_what_is_lost_is_a_share_of_the_questions_that_have_a_trace(folder):
    """Of twenty questions four have a right answer; three of an evaluation set are among the others."""
    wrong, right = "The answer is B.", "The answer is A."
    rows = [
        {"question": words(seed), "options": ["yes", "no"], "answer": "A", "responses": [said]}
        for seed, said in zip(range(20), [right] * 4 + [wrong] * 16, strict=True)
    ]
    mapping = {**COLUMNS, "answer": "answer"}
    source = {"name": "train", "path": "train.jsonl", "format": mapping, "curate": {"accept": {}}}
    runs.write_lines(folder / "train.jsonl", rows)
    runs.write_lines(folder / "test.jsonl", [{"question": words(seed)} for seed in range(10, 15)])
    octomed.pack(recipe(folder, "test.jsonl", source))
    said = counts(folder)["sources"]["train"]
    assert (said["questions"], said["left"]) == (20, 5)
    assert (said["with_traces"], said["left_with_traces"]) == (4, 0)
    runs.write_lines(folder / "test.jsonl", [{"question": words(3)}])
    with pytest.raises(DataError, match="would lose 1 of its 4 questions that have a trace so far") as raised:
        octomed.pack(recipe(folder, "test.jsonl", source), replace=True)
    assert "allow_loss: {train: 0.25}" in raised.value.hint


def test_evaluation_sets_are_left_at_once_when_a_run_is_cancelled(folder):
    """While they are read, and while their n-grams are made: Ctrl-C waits for a question, not for a set."""
    rows = [{"question": words(seed, 80)} for seed in range(10_000)]
    runs.write_lines(folder / "test/large.jsonl", rows)
    planned = plan(recipe(folder, ["test/large.jsonl"]))
    (one,) = planned.evaluation.found.sets
    mapping = _octomed.Mapping.questions_only(one.files[0].mapping)
    reader = _octomed.EvaluationReader(mapping, one.images, "if_there", [], _octomed.KeptPictures(b""))
    cancelled = _octomed.Cancel()
    cancelled.set()
    block = next(blocks_of(tasks_of(one.files[0].file, mapping, "")[0], mapping))
    with pytest.raises(CancelledRun):
        reader.read(block, 0, 0, "a file", cancelled)
    sets = planned.evaluation.read(1)
    settings = {**planned.settings, "output": planned.settings["output"]}
    going = _octomed.Cancel()
    threading.Timer(0.05, going.set).start()
    with pytest.raises(CancelledRun):
        _octomed.Layout([], settings, threads=1, cancel=going, evaluation=sets)


# Pictures


def picture(seed: int, size: tuple[int, int] = (180, 220)) -> Image.Image:
    draws = np.random.default_rng(seed)
    coarse = Image.fromarray(draws.integers(0, 256, (9, 11, 3), np.uint8))
    return coarse.resize(size, Image.Resampling.BICUBIC)


SOURCE = {"name": "train", "path": "train.jsonl", "format": PICTURES}
HELD = {
    "path": "test.jsonl",
    "format": {"question": "question", "images": "image", "image_root": "held"},
    "name": "held",
}


@pytest.fixture
def pictures(tmp_path):
    """Ten pictures to train on; of the test ones one is theirs, one has the same pixels, one is smaller."""
    for name in ("images", "held"):
        (tmp_path / name).mkdir()
    for number in range(10):
        picture(number).save(tmp_path / f"images/{number}.png")
    runs.write_lines(
        tmp_path / "train.jsonl", [row(f"What is {number}?", image=f"{number}.png") for number in range(10)]
    )
    (tmp_path / "held/same.png").write_bytes((tmp_path / "images/1.png").read_bytes())
    picture(3).save(tmp_path / "held/pixels.bmp")
    picture(5).resize((120, 150), Image.Resampling.LANCZOS).save(tmp_path / "held/near.png")
    picture(99).save(tmp_path / "held/other.png")
    held = ["same.png", "pixels.bmp", "near.png", "other.png"]
    runs.write_lines(tmp_path / "test.jsonl", [{"question": "What?", "image": name} for name in held])
    return tmp_path


def test_pictures_are_compared_by_pixels_and_near_ones_are_listed(pictures):
    summary = octomed.pack(recipe(pictures, [HELD], SOURCE))
    assert summary.rejected["contaminated_image"] == 4
    found = contaminated(pictures)
    assert [(one["row"], one["reason"], one["evaluation_row"]) for one in found] == [
        (1, "picture", 0),
        (3, "picture", 1),
    ]
    assert all(one["picture"] and one["words"] is None for one in found)
    near = pq.read_table(pictures / "out/reports/near_pictures.parquet").to_pylist()
    assert [(one["row"], one["name"], one["evaluation_row"]) for one in near] == [(5, "5.png", 2)]
    assert near[0]["distance"] <= 3
    assert near[0]["difference"] < 4
    assert len(near[0]["gray"]) == len(near[0]["evaluation_gray"]) == 64 * 64
    page = page_of(report_of(pictures / "out"))
    files = map(base64.b64decode, re.findall(r"image/png;base64,([^\"]+)", page))
    shown = [np.asarray(Image.open(io.BytesIO(file)).convert("L")).tobytes() for file in files]
    assert shown == [near[0]["gray"], near[0]["evaluation_gray"]]
    assert "train/train.jsonl:5, 5.png and held/test.jsonl:2" in page
    assert "image/png" not in page_of(report_of(pictures / "out", samples=False))
    said = counts(pictures)
    assert said["sources"]["train"]["sets"]["held"]["pictures_shared"] == 2
    assert (said["sources"]["train"]["pictures"], said["sets"]["held"]["pictures"]) == (10, 4)
    octomed.pack(
        recipe(pictures, [HELD], SOURCE, near_images="drop", allow_loss={"train": 0.3}), replace=True
    )
    assert [(one["row"], one["reason"]) for one in contaminated(pictures)] == [
        (1, "picture"), (3, "picture"), (5, "near_picture"),
    ]  # fmt: skip


def test_pictures_of_evaluation_sets_are_decoded_in_one_run_of_several(pictures, monkeypatch):
    def tables():
        monkeypatch.setattr(evaluation_sets, "_kept", Kept(2))  # as in a process of its own
        shutil.rmtree(pictures / "out", ignore_errors=True)
        octomed.pack(recipe(pictures, [HELD], SOURCE, allow_loss={"train": 0.5}))
        names = ("contaminated.parquet", "near_pictures.parquet", "decontamination.json")
        return [(pictures / "out/reports" / name).read_bytes() for name in names]

    first = tables()
    (kept,) = pictures.rglob(evaluation_sets.PICTURES)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    written = kept.read_bytes()
    os.utime(kept, (1, 1))
    assert tables() == first
    assert kept.stat().st_mtime == 1  # no picture was new
    kept.write_bytes(written[:-1])
    assert tables() == first
    assert kept.read_bytes() == written
    picture(7).save(pictures / "held/other.png")
    assert tables() != first
    assert [one["row"] for one in contaminated(pictures)] == [1, 3, 7]


def test_bytes_find_only_equal_files(pictures):
    sections = {"images": {"verify": "header"}}
    octomed.pack(recipe(pictures, [HELD], SOURCE, images="bytes", sections=sections))
    assert [one["row"] for one in contaminated(pictures)] == [1]
    assert not (pictures / "out/reports/near_pictures.parquet").exists()
    with pytest.raises(RecipeError, match=r"images: bytes|needs `images\.verify: decode`"):
        check(recipe(pictures, [HELD], SOURCE, sections=sections))
    with pytest.raises(RecipeError, match="near"):
        recipe(pictures, [HELD], SOURCE, images="bytes", near_images="report")


def test_splits_that_share_pictures_are_named_with_both_shares(pictures):
    for number in range(5):
        (pictures / f"held/{number}.png").write_bytes((pictures / f"images/{number}.png").read_bytes())
    runs.write_lines(
        pictures / "test.jsonl", [{"question": "What?", "image": f"{number}.png"} for number in range(5)]
    )
    said = r"5 of its 10 pictures \(50\.0 %\) are in `held`, which has 5 \(100\.0 %\)"
    with pytest.raises(DataError, match=said):
        octomed.pack(recipe(pictures, [HELD], SOURCE))
    octomed.pack(recipe(pictures, [HELD], SOURCE, allow_loss={"train": 0.5}))
    assert counts(pictures)["sources"]["train"]["left"] == 5


def test_pictures_and_words_are_lost_of_the_same_questions(pictures):
    """Two of ten questions show a picture of an evaluation set: a half of the four that are accepted."""
    rows = [
        row(f"What is {number}?", image=f"{number}.png", answer="A" if number < 4 else "B")
        | {"responses": ["The answer is A."]}
        for number in range(10)
    ]
    runs.write_lines(pictures / "train.jsonl", rows)
    source = {**SOURCE, "format": {**PICTURES, "answer": "answer"}}
    octomed.pack(recipe(pictures, [HELD], source))
    accepting = {**source, "curate": {"accept": {}}}
    with pytest.raises(DataError, match="would lose 2 of its 4 questions that have a trace so far"):
        octomed.pack(recipe(pictures, [HELD], accepting), replace=True)


@pytest.mark.parametrize("damage", [b"", b"not a picture", None])
def test_an_evaluation_picture_that_does_not_decode_is_an_error(pictures, damage):
    path = pictures / "held/other.png"
    path.write_bytes(path.read_bytes()[:-30] if damage is None else damage)
    with pytest.raises(DataError, match=r"row 3 of the evaluation file .*other\.png"):
        octomed.pack(recipe(pictures, [HELD], SOURCE))
    path.unlink()
    with pytest.raises(DataError, match=r"row 3 of the evaluation file .*other\.png"):
        check(recipe(pictures, [HELD], SOURCE))


def test_equal_stems_over_other_pictures_are_no_contamination(pictures):
    stem = words(1)
    rows = [row(stem, image=f"{number}.png") for number in range(10)]
    runs.write_lines(pictures / "train.jsonl", rows)
    runs.write_lines(
        pictures / "test.jsonl", [{"question": stem, "image": name} for name in ("same.png", "other.png")]
    )
    octomed.pack(recipe(pictures, [HELD], SOURCE, images="off"))
    assert [(one["row"], one["reason"], one["evaluation_row"]) for one in contaminated(pictures)] == [
        (1, "question", 0)
    ]
    assert counts(pictures)["sources"]["train"]["contaminated"]["templates_kept"] == 10
