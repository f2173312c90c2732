"""What a recipe says of images is in the keys of tasks whose rows have some, and of no others."""

from __future__ import annotations

import json
import os
import zipfile

import pytest
from octomed.pipeline.passes.run import pack
from octomed.pipeline.planning.plan import plan
from octomed.recipe import load_recipe

from . import runs

VISION_TOKENS = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
CHANGES = {
    "max_pixels": 50_176,
    "min_pixels": 12_544,
    "verify": "header",
    "store": "resized",
    "alpha": "white",
    "gray16": "window",
    "max_source_pixels": 1000,
    "metadata": "strip",
    "outside_root": "allow",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "CONTROLS", (*runs.CONTROLS, *VISION_TOKENS))
    runs.write_lines(tmp_path / "a.jsonl", runs.question_rows(1, 40))
    runs.write_lines(tmp_path / "b.jsonl", runs.chat_rows(2, 40))
    return tmp_path


SOURCES = [
    {"name": "questions", "path": "a.jsonl", "format": "octomed"},
    {"name": "chats", "path": "b.jsonl", "format": "messages"},
    {"name": "plain", "path": "a.jsonl", "format": {"question": "question", "responses": "responses"}},
]


def recipe(folder, images=None, output="out", **keys):
    values = runs.values() | {"template": "qwen2.5-vl", "sources": SOURCES, **keys}
    values["output"] = values["output"] | {"path": output}
    if images is not None:
        values["images"] = images
    return load_recipe(runs.write_recipe(folder, values))


def keys(planned):
    return [task.identity for _, task in planned.tasks()]


@pytest.mark.parametrize("key", CHANGES)
def test_settings_of_images_are_in_the_keys_of_sources_that_may_have_images(folder, key):
    before, after = (keys(plan(recipe(folder, images))) for images in (None, {key: CHANGES[key]}))
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, False, True]


def test_a_codec_is_in_the_keys_of_resized_images_alone(folder):
    def of(**images):
        return keys(plan(recipe(folder, images)))

    assert of() == of(codec="png")
    assert of(store="resized") != of(store="resized", codec="png")


def test_settings_of_packs_and_reports_are_in_no_key_of_a_task(folder):
    before = plan(recipe(folder))
    pack_keys = runs.values()["pack"] | {"traces_per_image": 8, "max_patches": 4096}
    after = plan(recipe(folder, pack=pack_keys))
    assert keys(before) == keys(after)
    assert before.write_key != after.write_key


def test_a_model_without_images_has_none_of_it_in_its_keys(folder):
    of = [keys(plan(recipe(folder, images, template="qwen2.5"))) for images in (None, {"verify": "header"})]
    assert of[0] == of[1]


def test_what_has_no_image_is_scanned_once_whatever_is_said_of_images(folder):
    first = pack(recipe(folder), workers=2)
    assert first.blocks_scanned > 0
    other = recipe(folder, {"max_pixels": 50_176, "verify": "header"}, "other")
    second = pack(other, workers=2)
    assert (second.blocks_scanned, second.blocks_reused) == (0, first.blocks_scanned)
    assert shards(folder / "out") == shards(folder / "other")
    assert pack(other, workers=2).already_done
    assert pack(recipe(folder), workers=2).already_done
    run = json.loads((folder / "other/octomed.json").read_text())
    assert run["vision"] is None
    assert run["counts"]["rows_with_images"] == 0


def test_another_machine_knows_from_the_store_what_has_no_image(folder, s3):
    def of(scratch, output, images=None):
        return recipe(folder, images, output, work={"path": s3.address("work"), "scratch": scratch})

    first = pack(of("here", "out"), workers=2)
    second = pack(of("elsewhere", "other", {"max_pixels": 50_176, "verify": "header"}), workers=2)
    assert (second.blocks_scanned, second.blocks_reused) == (0, first.blocks_scanned)
    assert shards(folder / "out") == shards(folder / "other")
    for key in s3.keys("work/without_images/"):
        s3.write(key, b"{}")
    third = pack(of("later", "third", {"verify": "header"}), workers=2)
    assert third.blocks_scanned > 0
    assert shards(folder / "third") == shards(folder / "out")


def test_a_fresh_store_gives_the_same_keys_of_writing(folder):
    changed = recipe(folder, {"verify": "header"}, "other")
    alone = plan(changed).write_key
    pack(recipe(folder), workers=2)
    assert plan(changed).write_key == alone


def test_what_is_known_of_images_is_not_believed_without_the_blocks(folder):
    pack(recipe(folder), workers=2)
    for path in (folder / "store/blocks").glob("*/task.json"):
        path.unlink()
    second = pack(recipe(folder, {"verify": "header"}, "other"), workers=2)
    assert second.blocks_scanned > 0
    for path in (folder / "store/without_images").iterdir():
        path.write_text("{}")
    third = pack(recipe(folder, {"verify": "decode", "alpha": "white"}, "third"), workers=2)
    assert third.blocks_scanned > 0
    assert shards(folder / "third") == shards(folder / "out")


def shards(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("shard.*"))}


# Where images lie


def with_root(folder, root, **keys):
    own = {"preset": "octomed", "image_root": root}
    return recipe(folder, sources=[{"name": "questions", "path": "a.jsonl", "format": own}], **keys)


def test_an_archive_is_in_the_key_by_its_content(folder):
    def zipped(name, text):
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("1.png", text)
        os.utime(folder / name, (1, 1))
        return keys(plan(with_root(folder, name)))

    first = zipped("a.zip", "one")
    assert zipped("a.zip", "two") != first
    assert zipped("b.zip", "one") == first
    os.utime(folder / "b.zip", (2, 2))
    assert keys(plan(with_root(folder, "b.zip"))) != first


def test_images_of_a_folder_are_in_the_key_of_what_is_written(folder):
    pictures = folder / "pictures"
    (pictures / "deep").mkdir(parents=True)
    (pictures / "1.png").write_bytes(b"1")
    (pictures / "deep/2.JPG").write_bytes(b"2")
    before = plan(with_root(folder, "pictures"))

    def same():
        after = plan(with_root(folder, "pictures"))
        assert keys(after) == keys(before)
        return after.write_key == before.write_key

    (pictures / "notes.txt").write_text("no image")
    (pictures / ".hidden.png").write_bytes(b"")
    assert same()
    (pictures / "deep/2.JPG").write_bytes(b"22")
    assert not same()
    (pictures / "deep/2.JPG").write_bytes(b"2")
    assert not same()  # of another time


def test_a_folder_of_images_may_hold_what_runs_write(folder):
    (folder / "1.png").write_bytes(b"1")
    first = with_root(folder, ".")
    assert not pack(first, workers=2).already_done
    assert pack(first, workers=2).already_done
    pack(with_root(folder, ".", output="other"), workers=2)
    assert pack(first, workers=2).already_done
    os.symlink(folder, folder / "loop")
    assert pack(first, workers=2).already_done
