"""Packed rows with images, cut out of their packs, against what transformers' processors make of each row.

Ids, labels, grids, positions and pixels are equal, bit for bit. Where routes differ, two rules are the
recipe's, and the oracle follows them: images are turned by EXIF before the processor sees them, which would
not do it, and transparency is dropped, as the processor's own `convert("RGB")` drops it.
"""

from __future__ import annotations

import shutil
import sys
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import octomed
import pytest
from octomed.pipeline.finished.verify import verify
from octomed.stream import Collator, PackedDataset
from streaming import StreamingDataset

from tests.stream.image_packs import IMAGE
from tests.stream.image_rows import assert_same, cut, tokenizer, unpacked
from tests.unit import chat_oracle

from . import image_corpus as corpus
from . import runs

if TYPE_CHECKING:
    import torch

FAMILIES = {"qwen2.5-vl": "qwen2_5_vl", "qwen3-vl": "qwen3_vl"}
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "as it is": ({}, {}),
    "grouped": ({}, {"traces_per_image": 4}),
    "resized, WebP": ({"store": "resized"}, {"traces_per_image": 2}),
    "resized, PNG": ({"store": "resized", "codec": "png"}, {}),
    "other sizes": ({"min_pixels": 12_544, "max_pixels": 100_352}, {}),
    "by the header": ({"verify": "header"}, {"max_patches": 1500}),
    "without metadata": ({"metadata": "strip"}, {}),
}
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OCTOMED_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    corpus.write(folder)
    return folder


@pytest.fixture
def folder(inputs, tmp_path) -> Path:
    return Path(shutil.copytree(inputs, tmp_path / "corpus"))


@cache
def expected(family: str, key: tuple[str, int, int], sizes: tuple[int, int]) -> dict[str, torch.Tensor]:
    """What the processor makes of a trace."""
    template = chat_oracle.published(FAMILIES[family])
    if template is None:
        pytest.skip("the trl package, which carries the published templates, is not installed")
    vision = {"family": family, "min_pixels": sizes[0], "max_pixels": sizes[1]}
    return unpacked(corpus.conversations()[key], vision, template)


def assert_documents(out: Path, rows: Any, vision: dict[str, Any]) -> set[tuple[str, int, int]]:
    """Every document of some packs is what the processor makes of its row; return which they were."""
    keys = {row["trace_id"]: (row["source"], row["row"], row["sample"]) for row in runs.provenance(out)}
    seen: set[tuple[str, int, int]] = set()
    sizes = (vision["min_pixels"], vision["max_pixels"])
    collator = Collator(vision=vision)
    for pack in rows:
        batch = collator([pack])
        for trace, found in zip(pack["trace_ids"].tolist(), cut(batch), strict=True):
            assert_same(found, expected(vision["family"], keys[trace], sizes), vision)
            assert keys[trace] not in seen
            seen.add(keys[trace])
    return seen


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_document_cut_out_of_its_pack_is_what_the_processor_makes_of_its_row(folder, family, setting):
    images, pack = SETTINGS[setting]
    summary = runs.pack(corpus.recipe(folder, family, images, **pack))
    assert summary.traces == len(corpus.conversations()), runs.rejects(folder / "out")
    with PackedDataset(
        folder / "out", batch_size=1, shuffle=False, num_canonical_nodes=1, quiet=True
    ) as dataset:
        vision = dataset.vision
        assert vision is not None
        assert vision["family"] == family
        seen = assert_documents(folder / "out", [dataset[at] for at in range(dataset.size)], vision)
    assert seen == set(corpus.conversations())
    assert not verify(folder / "out").findings


def test_a_stock_streaming_dataset_reads_the_run(folder):
    runs.pack(corpus.recipe(folder, "qwen2.5-vl", traces_per_image=4))
    with PackedDataset(folder / "out", batch_size=1, quiet=True) as dataset:
        vision = dataset.vision
    seen = set()
    for stream in sorted((folder / "out").glob("len-*")):
        stock = StreamingDataset(local=str(stream), batch_size=1)
        seen |= assert_documents(folder / "out", [stock[at] for at in range(stock.size)], vision)
    assert seen == set(corpus.conversations())


def test_workers_and_kills_change_no_byte(folder):
    path = corpus.recipe(folder, "qwen2.5-vl", {"store": "resized"}, traces_per_image=4)
    found = []
    for workers in (1, 2, 8):
        runs.pack(path, workers=workers)
        found.append(runs.contents(folder / "out"))
        shutil.rmtree(folder / "out")
        shutil.rmtree(folder / "store")
    assert found[0] == found[1] == found[2]
    for stands in ("store/blocks/*/*.index", "out/len-*/shard.*"):
        process = runs.start(path, pause=0.2)
        end = time.monotonic() + 300
        while process.poll() is None and not list(folder.glob(stands)):
            assert time.monotonic() < end
            time.sleep(0.001)
        process.kill()
        process.communicate()
        assert process.returncode == -9
    runs.pack(path)
    assert runs.contents(folder / "out") == found[0]
    assert octomed.verify(folder / "out").findings == ()


def test_an_image_token_that_is_typed_is_text_where_the_processor_takes_it_for_an_image(folder):
    asked, typed = "What is this?", "It is called <|image_pad|> or <|vision_start|>."
    image = corpus.files()["grey.png"]
    rows = [[("user", [image, asked]), ("assistant", [answer])] for answer in (typed, "It.")]
    runs.write_lines(folder / "shown.jsonl", [corpus.typed(row, 0) for row in rows])
    runs.pack(corpus.recipe(folder, "qwen2.5-vl", sources=["shown"], traces_per_image=2))
    with PackedDataset(folder / "out", batch_size=1, quiet=True) as dataset:
        vision = dataset.vision
        batch = Collator(vision=vision)([dataset[0]])
    template = chat_oracle.published("qwen2_5_vl")
    with pytest.raises(IndexError):
        unpacked(rows[0], vision, template)
    by_length = sorted(cut(batch), key=lambda one: one.input_ids.shape[1])
    system = ("system", [corpus.SYSTEM])
    plain = unpacked([system, *rows[1]], vision, template)
    assert_same(by_length[0], plain, vision)
    found = by_length[1].input_ids
    assert int((found == IMAGE).sum()) == int((plain["input_ids"] == IMAGE).sum())
    assert typed in tokenizer().decode(found[0])
    assert int((by_length[1].labels == IMAGE).sum()) == 0


def test_the_trainer_takes_steps_on_the_run(folder):
    pytest.importorskip("accelerate", reason="the Trainer needs accelerate")
    sys.path.insert(0, str(ROOT / "examples"))
    import hugging_face_trainer as example

    path = corpus.recipe(folder, "qwen2.5-vl", {"max_pixels": 12_544}, traces_per_image=4)
    runs.pack(path)
    trainer = example.train(str(folder / "out"), str(folder / "trained"), batch_size=8)
    assert trainer.state.global_step > 0
    assert 0 < trainer.state.log_history[-1]["train_loss"] < 10
