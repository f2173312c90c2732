"""`images.urls: fetch`: what comes is packed and kept, what does not is a reject, and no key is in a file."""

from __future__ import annotations

from typing import Any

import octomed
import pytest
from octomed.errors import DataError
from octomed.pipeline.blocks.cleaning import clean
from octomed.pipeline.blocks.working_store import WorkingStore
from octomed.pipeline.calls import fetched_images, work
from octomed.pipeline.planning.check import check
from octomed.recipe import load_recipe

from tests.web_server import moved, serving

from . import image_corpus, runs

VISION_TOKENS = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
FORMAT = {"question": "question", "response": "response", "images": "image"}
KEY = "Signature-8f3a"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(runs, "CONTROLS", (*runs.CONTROLS, *VISION_TOKENS))
    monkeypatch.setattr(fetched_images, "PAUSES", (0.0, 0.0))
    with serving(monkeypatch) as found:
        names = ("grey.png", "grey.jpg", "small.png", "lossy.webp")
        found.answers |= {f"/{name}": image_corpus.files()[name] for name in names}
        yield found


def rows(*images: str) -> list[dict[str, Any]]:
    return [{"question": f"{at}?", "response": f"{at}.", "image": one} for at, one in enumerate(images)]


def recipe(folder, images: list[str], **keys: Any):
    runs.write_parquet(folder / "rows.parquet", rows(*images))
    values = runs.one_source("rows.parquet", FORMAT, **keys) | {"template": "qwen2.5-vl"}
    values |= {"images": {"urls": "fetch"}, "pack": {"capacity": 4096}}
    return load_recipe(runs.write_recipe(folder, values))


def test_fetched_images_are_packed_as_those_of_a_folder(tmp_path, server):
    names = ["grey.png", "small.png", "grey.png", "lossy.webp"]
    fetched, here = tmp_path / "fetched", tmp_path / "here"
    summary = octomed.pack(recipe(fetched, [server.url(f"/{name}?{KEY}={name}") for name in names]))
    assert (summary.traces, summary.rows_with_images) == (4, 4)
    assert sorted(server.asked) == sorted(f"/{name}?{KEY}={name}" for name in set(names))
    (here / "images").mkdir(parents=True)
    for name in names:
        (here / "images" / name).write_bytes(image_corpus.files()[name])
    runs.write_parquet(here / "rows.parquet", rows(*names))
    values = runs.one_source("rows.parquet", FORMAT | {"image_root": "images"}) | {"template": "qwen2.5-vl"}
    octomed.pack(load_recipe(runs.write_recipe(here, values | {"pack": {"capacity": 4096}})))
    shards = [
        {name: digest for name, digest in runs.contents(folder / "out").items() if "shard." in name}
        for folder in (fetched, here)
    ]
    assert shards[0] == shards[1]
    assert shards[0]


def test_a_second_run_asks_nobody_and_gives_the_same_bytes(tmp_path, server):
    images = [server.url("/grey.png"), server.url("/small.png")]
    octomed.pack(recipe(tmp_path, images))
    first, asked = runs.contents(tmp_path / "out"), len(server.asked)
    server.answers.clear()
    octomed.pack(load_recipe(tmp_path / "recipe.yaml", ["output.path=again"]))
    again = {name: digest for name, digest in runs.contents(tmp_path / "again").items() if "shard." in name}
    assert again == {name: digest for name, digest in first.items() if "shard." in name}
    # Other settings scan again, of what was kept.
    other = octomed.pack(load_recipe(tmp_path / "recipe.yaml", ["images.max_pixels=50176"]), replace=True)
    assert (other.traces, len(server.asked)) == (2, asked)


def test_a_kept_image_that_is_damaged_is_fetched_again(tmp_path, server):
    octomed.pack(recipe(tmp_path, [server.url("/grey.png")]))
    (kept,) = (tmp_path / "store/fetched").rglob("*.image")
    whole = kept.read_bytes()
    runs.damage(kept)
    octomed.pack(load_recipe(tmp_path / "recipe.yaml", ["images.max_pixels=50176"]), replace=True)
    assert kept.read_bytes() == whole
    assert len(server.asked) == 2


def test_what_does_not_come_is_a_reject_without_a_word_of_its_key(tmp_path, server):
    server.answers |= {
        "/page": b"<!doctype html><html>please log in</html>",
        "/inside": moved(f"http://10.0.0.1/a.png?{KEY}"),
        "/empty": b"",
        "/cut.png": image_corpus.files()["grey.png"][:300],
    }
    at = server.url("")
    images = [
        f"{at}/grey.png?{KEY}",
        f"{at}/none.png?{KEY}",
        f"{at}/page?{KEY}",
        f"{at}/inside?{KEY}",
        f"http://169.254.169.254/latest?{KEY}",
        f"http://{KEY}:word@127.0.0.1/a.png",
        f"{at}/empty?{KEY}",
        f"{at}/cut.png?{KEY}",
        f"ftp://127.0.0.1/a.png?{KEY}",
    ]
    summary = octomed.pack(recipe(tmp_path, images, max_unreadable=0.8))
    found = {row["row"]: (row["reason"], row["detail"]) for row in runs.rejects(tmp_path / "out")}
    assert {row: reason for row, (reason, _) in found.items()} == {
        1: "image_unreachable",
        2: "image_kind",
        3: "image_unreachable",
        4: "image_unreachable",
        5: "image_url",
        6: "image_kind",
        7: "image_damaged",
        8: "image_url",
    }
    assert "404" in found[1][1]
    assert "not public" in found[3][1]
    assert "not public" in found[4][1]
    assert summary.traces == 1
    for path in (path for folder in ("out", "store") for path in (tmp_path / folder).rglob("*")):
        assert KEY not in path.name
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path
    assert KEY not in str(summary)


def test_too_many_that_do_not_come_end_the_run_and_the_next_asks_again(tmp_path, server):
    images = [server.url(f"/{name}") for name in ("grey.png", "late.png", "small.png", "later.png")]
    with pytest.raises(DataError, match="image_unreachable"):
        octomed.pack(recipe(tmp_path, images))
    server.answers["/late.png"] = server.answers["/later.png"] = image_corpus.files()["grey.jpg"]
    server.asked.clear()
    summary = octomed.pack(load_recipe(tmp_path / "recipe.yaml"))
    assert (summary.traces, sorted(server.asked)) == (4, ["/late.png", "/later.png"])
    assert not list((tmp_path / "store/blocks").rglob("*.unreachable"))


def test_an_end_between_fetching_and_scanning_leaves_no_block_of_an_earlier_run(
    tmp_path, server, monkeypatch
):
    images = [server.url(f"/{name}") for name in ("grey.png", "late.png", "small.png", "later.png")]
    with pytest.raises(DataError, match="image_unreachable"):
        octomed.pack(recipe(tmp_path, images))
    server.answers["/late.png"] = server.answers["/later.png"] = image_corpus.files()["grey.jpg"]

    def killed(*given: Any) -> bool:
        assert fetched_images.fetch_for(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(work, "fetch_for", killed)
        with pytest.raises(KeyboardInterrupt):
            octomed.pack(load_recipe(tmp_path / "recipe.yaml"))
    summary = octomed.pack(load_recipe(tmp_path / "recipe.yaml"))
    assert summary.traces == 4


def test_what_did_not_come_in_a_run_that_tolerates_it_stays_so(tmp_path, server):
    images = [server.url(f"/{name}") for name in ("grey.png", "late.png", "small.png")]
    octomed.pack(recipe(tmp_path, images, max_unreadable=0.5))
    server.answers["/late.png"] = image_corpus.files()["grey.jpg"]
    again = octomed.pack(load_recipe(tmp_path / "recipe.yaml", ["pack.seed=8"]), replace=True)
    assert (again.traces, again.blocks_scanned) == (2, 0)


def test_an_answer_that_passes_is_asked_for_again(tmp_path, server):
    left = [503, 429]

    def at_last(handler):
        if left:
            handler.send(left.pop())
        else:
            handler.send(200, image_corpus.files()["grey.png"])

    server.answers["/a.png"] = at_last
    assert octomed.pack(recipe(tmp_path, [server.url("/a.png")])).traces == 1


def test_check_and_plan_ask_nobody(tmp_path, server):
    found = check(recipe(tmp_path, [server.url("/grey.png"), server.url("/none.png")]))
    assert found.ok
    assert any("2 of the first 2 rows show images by their addresses" in note for note in found.notes)
    assert not server.asked


def test_nothing_is_fetched_unless_the_recipe_says_so(tmp_path, server):
    recipe(tmp_path, [server.url("/grey.png")] * 2)
    with pytest.raises(DataError):
        octomed.pack(load_recipe(tmp_path / "recipe.yaml", ["images.urls=refuse"]))
    assert not server.asked


def test_clean_removes_what_was_fetched_with_the_last_output(tmp_path, server):
    octomed.pack(recipe(tmp_path, [server.url("/grey.png")]))
    clean(WorkingStore(tmp_path / "store"))
    assert list((tmp_path / "store/fetched").rglob("*.image"))
    clean(WorkingStore(tmp_path / "store"), everything=True)
    assert not (tmp_path / "store/fetched").exists()
