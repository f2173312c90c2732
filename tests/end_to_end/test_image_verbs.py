"""What check, plan, inspect, verify and the summary say of images, and when they are read again."""

from __future__ import annotations

import json
import stat
from typing import Any

import numpy as np
import octomed
import pyarrow.parquet as pq
import pytest
from octomed import vision
from octomed.errors import RecipeError, StorageError
from octomed.pipeline.finished.inspect_images import save_images
from octomed.pipeline.finished.inspect_packs import inspect_pack, inspect_trace
from octomed.pipeline.finished.verify import verify
from octomed.pipeline.planning.check import check
from octomed.pipeline.planning.estimate import estimate
from octomed.pipeline.planning.inspect import inspect_row, recipe_of
from octomed.pipeline.planning.plan import plan
from octomed.recipe import load_recipe
from octomed.report.findings import findings_text
from octomed.report.inspection import view_json
from octomed.report.planned import PlanView, plan_lines
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from . import runs

VISION_TOKENS = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
FORMAT = {"question": "question", "responses": "responses", "images": "images", "image_root": "images"}
SIZES = [(112, 84), (140, 196), (600, 500), (300, 90)]
"""Heights and widths."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two sources of images of a folder, and one of text with a row that is refused."""
    monkeypatch.setattr(runs, "CONTROLS", (*runs.CONTROLS, *VISION_TOKENS))
    draws = np.random.default_rng(5)
    (tmp_path / "images").mkdir()
    for number, size in enumerate(SIZES):
        pixels = draws.integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"images/{number}.png")
    runs.write_lines(tmp_path / "one.jsonl", rows(0, 1, 2))
    runs.write_lines(tmp_path / "two.jsonl", rows(2, 3))
    runs.write_lines(
        tmp_path / "text.jsonl", [*runs.question_rows(1, 30), {"question": "?", "responses": []}]
    )
    return tmp_path


def rows(*numbers: int) -> list[dict[str, Any]]:
    return [
        {"question": "<image>What?", "responses": [f"{number} a", f"{number} b"], "images": [f"{number}.png"]}
        for number in numbers
    ]


def recipe(folder, **sections: Any):
    values = runs.values() | {"template": "qwen2.5-vl"}
    values["sources"] = [
        {"name": "one", "path": "one.jsonl", "format": FORMAT},
        {"name": "two", "path": "two.jsonl", "format": FORMAT, "max_unreadable": 0.9},
        {"name": "text", "path": "text.jsonl", "format": "octomed"},
    ]
    for name, section in sections.items():
        values[name] = values.get(name, {}) | section
    return load_recipe(runs.write_recipe(folder, values))


# Changed files


def test_a_task_is_scanned_again_when_one_of_its_images_changes_and_only_then(folder):
    first = octomed.pack(recipe(folder))
    before = runs.contents(folder / "out")
    texts = first.blocks_scanned - 2
    assert texts > 0
    assert octomed.pack(recipe(folder)).already_done
    Image.fromarray(np.zeros((56, 56, 3), np.uint8)).save(folder / "images/3.png")
    again = octomed.pack(recipe(folder), replace=True)
    assert (again.blocks_scanned, again.blocks_reused) == (1, 1 + texts)
    assert any("3.png" in note and "scanned again" in note for note in again.notes)
    after = runs.contents(folder / "out")
    assert before != after
    assert octomed.pack(recipe(folder)).already_done
    (folder / "images/3.png").unlink()
    gone = octomed.pack(recipe(folder), replace=True)
    assert gone.rows_refused["image_missing"] == 1
    Image.fromarray(np.zeros((56, 56, 3), np.uint8)).save(folder / "images/3.png")
    octomed.pack(recipe(folder), replace=True)
    shards = {name for name in after if "shard." in name}
    assert {name: runs.contents(folder / "out")[name] for name in shards} == {
        name: after[name] for name in shards
    }


def test_a_text_with_a_refused_row_is_scanned_once_whatever_is_said_of_images(folder):
    texts = octomed.pack(recipe(folder)).blocks_scanned - 2
    other = octomed.pack(recipe(folder, images={"max_pixels": 50_176}), replace=True)
    assert (other.blocks_scanned, other.blocks_reused) == (2, texts)


def test_a_row_that_is_refused_for_its_image_is_read_again_with_other_settings(folder):
    runs.write_lines(folder / "two.jsonl", [*rows(2), rows(3)[0] | {"images": ["../outside.png"]}])
    Image.fromarray(np.zeros((56, 56, 3), np.uint8)).save(folder / "outside.png")
    first = octomed.pack(recipe(folder))
    assert first.rows_refused["image_path"] == 1
    second = octomed.pack(recipe(folder, images={"outside_root": "allow"}), replace=True)
    assert "image_path" not in second.rows_refused
    assert second.rows_with_images == first.rows_with_images + 1


# inspect


def test_a_finished_run_shows_a_row_of_its_source(folder):
    octomed.pack(recipe(folder))
    views = [
        [view_json(view) for view in inspect_row(one, "one", 2)]
        for one in (recipe(folder), recipe_of(folder / "out"))
    ]
    assert views[0] == views[1]
    command = ["inspect", str(folder / "out"), "--source", "one"]
    assert runs.command_line([*command, "--row", "2"]) == 0


def test_a_row_and_a_pack_are_not_asked_for_together(folder, capsys):
    octomed.pack(recipe(folder))
    out = folder / "out"
    code, said = runs.fails(capsys, "inspect", out, "--source", "one", "--row", "2", "--pack", "0")
    assert (code, "one or the other" in said) == (2, True)
    code, said = runs.fails(capsys, "inspect", out, "--source", "one")
    assert (code, "give `--source NAME --row N`" in said) == (2, True)


def test_a_row_shows_its_images(folder):
    views = inspect_row(recipe(folder), "one", 2)
    assert len(views) == 2
    (image,) = views[0].images
    data = (folder / "images/2.png").read_bytes()
    assert image.data == data
    assert (image.hash, image.bytes, image.format) == (vision.content_hash(data), len(data), "png")
    assert (image.height, image.width) == SIZES[2]
    height, width = vision.resized(*SIZES[2], max_pixels=262_144)
    assert image.grid == (height // 14, width // 14)
    assert image.tokens == image.grid[0] * image.grid[1] // 4
    assert "2.png" in image.place
    text = b"".join(views[0].token_texts).decode()
    assert f"<|vision_start|><|image_pad|> x {image.tokens}<|vision_end|>What?" in text
    (said,) = json.loads(view_json(views[0]))["images"]
    assert said["hash"] == f"{image.hash:016x}"
    assert "data" not in said


def test_a_pack_shows_its_images_where_they_stand(folder):
    octomed.pack(recipe(folder, pack={"buckets": []}))
    seen = 0
    for pack in range(json.loads((folder / "out/octomed.json").read_text())["counts"]["packs"]):
        for view in inspect_pack(folder / "out", "len-01024", pack):
            token = max(view.token_ids) if view.images else None
            for image in view.images:
                ids = view.token_ids[image.at : image.at + image.tokens]
                assert len(set(ids)) == 1
                assert view.token_ids[image.at - 1] != ids[0] != view.token_ids[image.at + image.tokens]
                number = view.token_texts[image.at + image.tokens + 1 :]
                assert number
                seen += 1
                assert image.data == (folder / f"images/{shown_in(folder, view)}.png").read_bytes()
                assert image.hash == vision.content_hash(image.data)
            assert token is None or token in view.token_ids
            assert inspect_trace(folder / "out", view.trace_id).images == view.images
    assert seen == 8  # two traces over the same image are duplicates


def shown_in(folder, view) -> str:
    name, _, row = view.place.partition(" row ")
    lines = (folder / name.partition("/")[2]).read_text().splitlines()
    return json.loads(lines[int(row.split()[0])])["images"][0].removesuffix(".png")


def test_resized_images_are_shown_as_they_are_stored_by_the_hash_of_what_came(folder):
    octomed.pack(recipe(folder, pack={"buckets": []}, images={"store": "resized", "max_pixels": 50_176}))
    came = {vision.content_hash(path.read_bytes()) for path in (folder / "images").iterdir()}
    views = [view for pack in range(3) for view in packs_until_none(folder / "out", pack)]
    images = [image for view in views for image in view.images]
    assert {image.hash for image in images} <= came
    large = [image for image in images if image.format == "webp"]
    assert large
    assert all((image.height, image.width) == (image.grid[0] * 14, image.grid[1] * 14) for image in large)


def packs_until_none(output, pack):
    try:
        return inspect_pack(output, "len-01024", pack)
    except RecipeError:
        return []


def test_images_are_saved_once_and_nothing_is_overwritten(folder, tmp_path):
    views = inspect_row(recipe(folder), "one", 0) + inspect_row(recipe(folder), "one", 1)
    images = [image for view in views for image in view.images]
    saved = save_images(images, tmp_path / "saved/here", "owner")
    assert [path.name for path in saved] == [f"{image.hash:016x}.png" for image in images[::2]]
    assert [path.read_bytes() for path in saved] == [image.data for image in images[::2]]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in saved)
    assert save_images(images, tmp_path / "saved/here", "owner") == saved
    saved[0].write_bytes(b"mine")
    with pytest.raises(StorageError, match="another file"):
        save_images(images, tmp_path / "saved/here", "owner")
    assert saved[0].read_bytes() == b"mine"
    saved[0].unlink()
    saved[0].symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError):
        save_images(images, tmp_path / "saved/here", "owner")
    assert not (tmp_path / "elsewhere").exists()


def test_the_command_saves_images_and_says_where_it_cannot(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    octomed.pack(recipe(folder))
    words = ["inspect", "recipe.yaml", "--source", "one", "--row", "0", "--save-images", "saved"]
    assert runs.command_line(words) == 0
    assert "1 images are in `saved`" in capsys.readouterr().err
    assert [path.suffix for path in (folder / "saved").iterdir()] == [".png"]
    code, said = runs.fails(capsys, "inspect", "out", "--save-images", "saved")
    assert (code, "no pack and no trace is selected" in said) == (2, True)


# verify


def test_deep_decodes_each_distinct_image_once(folder):
    octomed.pack(recipe(folder))
    plain, deep = verify(folder / "out"), verify(folder / "out", deep=True)
    assert not plain.findings
    assert not deep.findings
    assert (plain.images, deep.images) == (None, len(SIZES))
    assert "every distinct image decoded" in findings_text(folder / "out", deep)
    assert "image" not in findings_text(folder / "out", plain).partition(": ")[2]
    with pytest.raises(RecipeError, match="quick or deep"):
        verify(folder / "out", deep=True, quick=True)


def test_an_image_that_only_its_decoder_finds_broken_is_found_by_deep_alone(folder):
    pixels = np.random.default_rng(1).integers(0, 256, (112, 112, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "images/cut.jpg")
    whole = (folder / "images/cut.jpg").read_bytes()
    (folder / "images/cut.jpg").write_bytes(whole[: len(whole) // 2])
    runs.write_lines(folder / "two.jsonl", [rows(0)[0] | {"images": ["cut.jpg"]}, *rows(3)])
    octomed.pack(recipe(folder, images={"verify": "header"}))
    assert not verify(folder / "out").findings
    found = verify(folder / "out", deep=True).findings
    hash_of = vision.content_hash((folder / "images/cut.jpg").read_bytes())
    assert [f"{hash_of:016x}" in finding.what for finding in found] == [True]
    assert "/shard." in found[0].file


def test_a_flipped_bit_in_a_stored_image_is_found_without_deep(folder):
    octomed.pack(recipe(folder, output={"compression": None}))
    data = (folder / "images/0.png").read_bytes()
    for path in sorted((folder / "out").glob("len-*/shard.*")):
        raw = bytearray(path.read_bytes())
        at = raw.find(data)
        if at >= 0:
            raw[at + len(data) // 2] ^= 1
            path.write_bytes(raw)
            break
    found = verify(folder / "out").findings
    assert [finding.file for finding in found] == [str(path.relative_to(folder / "out"))]


def test_deep_of_a_run_of_text_decodes_nothing(folder):
    values = runs.one_source("text.jsonl")
    octomed.pack(load_recipe(runs.write_recipe(folder, values)))
    verified = verify(folder / "out", deep=True)
    assert (verified.images, verified.findings) == (0, ())


# check and plan


def test_check_counts_images_and_names_those_that_cannot_be_used(folder):
    said = PngInfo()
    said.add_text("Patient", "somebody")
    Image.fromarray(np.zeros((56, 56, 3), np.uint8)).save(folder / "images/said.png", pnginfo=said)
    names = ["said.png", "none.png", "1.png", "1.png"]
    runs.write_lines(folder / "two.jsonl", [rows(3)[0] | {"images": [name]} for name in names])
    checked = check(recipe(folder))
    sample = next(sample for sample in checked.samples if sample.source == "two")
    assert (sample.images, sample.images_with_metadata) == (2, 1)
    assert [(fault.row, fault.reason) for fault in sample.image_faults] == [(1, "image_missing")]
    notes = "\n".join(checked.notes)
    assert "2 images in the first 4 rows" in notes
    assert "1 of 2 images hold metadata" in notes
    assert "row 1: image_missing" in notes
    assert "none.png" in notes
    assert "somebody" not in notes
    values = next(one for one in checked.values()["samples"] if one["source"] == "two")
    assert (values["images"], values["images_with_metadata"]) == (2, 1)


def test_a_plan_says_what_images_take_and_a_scan_makes_it_exact(folder):
    made = recipe(folder, pack={"traces_per_image": 8})
    before = estimate(plan(made)).images
    assert not before.exact
    assert before.images == pytest.approx(5, abs=1)
    assert before.traces == pytest.approx(10, abs=1)
    sizes = [(folder / f"images/{number}.png").stat().st_size for number in (0, 1, 2, 2, 3)]
    assert before.stores["original"] == pytest.approx(sum(sizes), rel=0.2)
    assert before.stores["resized (png)"] < before.stores["original"]
    assert [one.traces_per_image for one in before.packed] == [1, 4, 8]
    summary = octomed.pack(made)
    after = estimate(plan(made)).images
    assert (after.exact, after.traces) == (True, 10)
    stored = [path.stat().st_size for path in (folder / "store").glob("blocks/*/*.images")]
    assert sum(stored) == summary.image_bytes
    assert after.packed[2].bytes == columns(folder / "out", "images")
    work = after.packed[0].patches >= after.packed[2].patches > 0
    assert work
    lines = "\n".join(plan_lines(PlanView((), "model", "path", estimate(plan(made)))))
    assert "images    4, shown 10 times" in lines
    assert "`pack.traces_per_image: 8`" in lines


def columns(output, name) -> int:
    from octomed.mds import MDSReader

    return sum(len(row[name]) for stream in output.glob("len-*") for row in MDSReader(stream))


def test_a_plan_of_text_says_nothing_of_images(folder):
    values = runs.one_source("text.jsonl") | {"template": "qwen2.5-vl"}
    expected = estimate(plan(load_recipe(runs.write_recipe(folder, values))))
    assert expected.images is None
    assert "image" not in "\n".join(plan_lines(PlanView((), "model", "path", expected)))


# Images of several sources


def test_images_that_sources_share_are_counted_and_listed(folder):
    Image.open(folder / "images/0.png").save(folder / "images/again.bmp")
    other = [row | {"question": "<image>And this?"} for row in rows(2, 3)]
    runs.write_lines(folder / "two.jsonl", [*other, rows(0)[0] | {"images": ["again.bmp"]}])
    off = octomed.pack(recipe(folder))
    assert off.images_shared is None
    assert not (folder / "out/reports").exists()
    before = runs.contents(folder / "out")
    on = octomed.pack(recipe(folder, curate={"duplicates": {"images": "report"}}), replace=True)
    assert (on.blocks_scanned, on.images_shared) == (0, 2)
    assert "reports/shared_images.parquet" in str(on)
    table = pq.read_table(folder / "out/reports/shared_images.parquet").to_pylist()
    found = sorted((one["of"], one["files"], one["traces"], one["sources"]) for one in table)
    both = [("one", 2), ("two", 2)]
    assert found == [("pixels", 1, 4, both), ("pixels", 2, 4, both)]
    places = sorted(
        [(place["source"], place["file"], place["row"], place["name"]) for place in one["places"]]
        for one in table
    )
    assert places == [
        [("one", "one.jsonl", 0, "0.png"), ("two", "two.jsonl", 2, "again.bmp")],
        [("one", "one.jsonl", 2, "2.png"), ("two", "two.jsonl", 0, "2.png")],
    ]
    data = (folder / "images/again.bmp").read_bytes()
    assert vision.content_hash(data) in {place["bytes"] for one in table for place in one["places"]}
    assert not verify(folder / "out").findings
    after = runs.contents(folder / "out")
    assert {name: one for name, one in after.items() if "shard." in name} == {
        name: one for name, one in before.items() if "shard." in name
    }
    (folder / "out/reports/shared_images.parquet").write_bytes(b"other")
    assert [finding.file for finding in verify(folder / "out").findings] == ["reports/shared_images.parquet"]
    (folder / "out/reports/shared_images.parquet").unlink()
    again = octomed.pack(recipe(folder, curate={"duplicates": {"images": "report"}}))
    assert again.shards_written == 0
    assert runs.contents(folder / "out") == after
    octomed.pack(recipe(folder), replace=True)
    assert runs.contents(folder / "out") == before
    assert not (folder / "out/reports").exists()


# Rejects


def test_rejects_name_images_by_place_and_hash(folder, capsys):
    Image.fromarray(np.zeros((56, 56, 3), np.uint8)).save(folder / "images/cut.png")
    whole = (folder / "images/cut.png").read_bytes()
    (folder / "images/cut.png").write_bytes(whole[:-9])
    broken = rows(0)[0] | {"images": ["cut.png"]}
    runs.write_lines(folder / "two.jsonl", [*rows(2), broken, rows(0)[0] | {"images": ["none.png"]}])
    octomed.pack(recipe(folder))
    found = {
        (one["reason"], one["row"]): one for one in runs.rejects(folder / "out") if one["source"] == "two"
    }
    hash_of = f"{vision.content_hash(whole[:-9]):016x}"
    assert f"`cut.png` ({hash_of})" in found["image_damaged", 1]["detail"]
    assert "none.png" in found["image_missing", 2]["detail"]
    twice = vision.content_hash((folder / "images/2.png").read_bytes())
    assert found["duplicate", 0]["images"] == [twice]
    assert found["image_damaged", 1]["images"] == []
    assert runs.command_line(["rejects", str(folder / "out"), "--source", "two"]) == 0
    said = capsys.readouterr().out
    assert f"images {twice:016x}" in said
    assert f"({hash_of})" in said
    assert not verify(folder / "out").findings


def test_rejects_of_a_run_of_text_have_no_column_of_images(folder):
    values = runs.one_source("text.jsonl") | {"template": "qwen2.5-vl"}
    octomed.pack(load_recipe(runs.write_recipe(folder, values)))
    assert all("images" not in one for one in runs.rejects(folder / "out"))
