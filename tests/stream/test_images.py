"""Packs with images to batches: positions, pixels and references beside transformers' own."""

from __future__ import annotations

import inspect
import io
import pickle
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from octomed import _octomed
from octomed import vision as images
from octomed.errors import DataError, RecipeError
from octomed.stream import Collator, pixel_values
from octomed.stream.images import check_model
from torch.utils.data import DataLoader

from .image_packs import END, IMAGE, RECORDS, START, Document, encoded, pack_of, slow_patches, stored
from .reading import drain

FAMILIES = {"qwen2.5-vl": "qwen2_5_vl", "qwen3-vl": "qwen3_vl"}
VL, VL3 = RECORDS.values()


def bare_model(family: str) -> Any:
    """A model without weights, that computes positions."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLModel, Qwen3VLConfig, Qwen3VLModel

    config, model = {
        "qwen2.5-vl": (Qwen2_5_VLConfig, Qwen2_5_VLModel),
        "qwen3-vl": (Qwen3VLConfig, Qwen3VLModel),
    }[family]
    bare = model.__new__(model)
    torch.nn.Module.__init__(bare)
    bare.config = config(image_token_id=IMAGE, vision_start_token_id=START, vision_end_token_id=END)
    return bare


def rope_positions(model: Any, ids: torch.Tensor, grids: torch.Tensor) -> torch.Tensor:
    """Positions of one document by transformers: time, height, width."""
    named: dict[str, Any] = {"attention_mask": torch.ones_like(ids)}
    if "mm_token_type_ids" in inspect.signature(model.get_rope_index).parameters:  # since transformers 5
        named["mm_token_type_ids"] = (ids == IMAGE).to(torch.int64)
    positions: torch.Tensor = model.get_rope_index(ids, grids if len(grids) else None, **named)[0]
    return positions[:, 0]


SIDES = st.one_of(st.integers(1, 5), st.sampled_from([20, 30])).map(lambda side: 2 * side)


@st.composite
def grid_packs(draw: Any) -> dict[str, Any]:
    """A pack of any documents and grids; the files behind are not looked at."""
    grids = draw(st.lists(st.tuples(st.just(1), SIDES, SIDES), min_size=1, max_size=4))
    ids, lengths, refs = [], [], []
    for number in range(draw(st.integers(1, 4))):
        begin = len(ids)
        for kind in draw(st.lists(st.sampled_from(["text", "image"]), min_size=1, max_size=6)):
            if kind == "text":
                ids += draw(st.lists(st.integers(0, 4000), min_size=1, max_size=5))
            else:
                refs.append(draw(st.integers(0, len(grids) - 1)))
                ids += [START, *[IMAGE] * (grids[refs[-1]][1] * grids[refs[-1]][2] // 4), END]
        if number == 0:  # every image is used
            for image in range(len(grids)):
                refs.append(image)
                ids += [START, *[IMAGE] * (grids[image][1] * grids[image][2] // 4), END]
        lengths.append(len(ids) - begin)
    return {
        "images": bytes(len(grids)),
        "image_offsets": np.arange(len(grids) + 1, dtype=np.uint32),
        "image_grid_thw": np.array(grids, np.uint32),
        "image_refs": np.array(refs, np.uint32),
        "input_ids": np.array(ids, np.uint32),
        "lengths": np.array(lengths, np.uint32),
        "loss_spans": np.empty((0, 2), np.uint32),
        "trace_ids": np.arange(len(lengths), dtype=np.uint64),
    }


def no_pixels(packs: Any, vision: str, out: Any, threads: int) -> None:
    """For tests that look at no pixel."""


@pytest.mark.parametrize("family", FAMILIES)
@settings(deadline=None, max_examples=60)
@given(rows=st.lists(grid_packs(), min_size=1, max_size=3))
def test_positions_are_those_of_transformers_for_each_document(family, rows):
    model = bare_model(family)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_octomed, "image_patches", no_pixels, raising=False)
        batch = Collator(vision=RECORDS[family])(rows)
    shown = batch["image_grid_thw"][batch["image_refs"]]
    edges, first = batch["cu_seqlens"].tolist(), 0
    for begin, end in pairwise(edges):
        ids = batch["input_ids"][:, begin:end]
        images = int((ids == START).sum())
        expected = rope_positions(model, ids, shown[first : first + images])
        first += images
        assert torch.equal(batch["position_ids"][1:, 0, begin:end], expected)
        assert torch.equal(batch["position_ids"][0, 0, begin:end], torch.arange(end - begin))
    assert first == len(batch["image_refs"])


def some_packs(vision: dict[str, Any]) -> list[dict[str, Any]]:
    """A pack that shows an image twice, one of text, and one whose only document begins with an image."""
    one, two, three = encoded(150, 90), encoded(64, 200, kind="PNG"), encoded(40, 41)
    words, answer = ([11, 12, 13], False), ([21, 22], True)
    first = [
        Document([words, one, two, words, answer], 1),
        Document([words, answer], 2),
        Document([one, words, answer], 3),
    ]
    third = [Document([two, three, answer], 5)]
    documents = [first, [Document([words, answer], 4)], third]
    return [pack_of(some, vision) for some in documents]


@pytest.mark.parametrize("family", FAMILIES)
def test_types_shapes_and_order_are_those_of_the_contract(family):
    vision = RECORDS[family]
    packs = some_packs(vision)
    batch = Collator(vision=vision)(packs)
    grids = np.concatenate([pack["image_grid_thw"] for pack in packs])
    patches = int(grids.prod(axis=1).sum())
    assert batch["packs"].tolist() == [
        [len(pack["input_ids"]), len(pack["lengths"]), *counts]
        for pack, counts in zip(packs, [(2, 3), (0, 0), (2, 2)], strict=True)
    ]
    assert next(iter(batch)) == "packs"
    assert batch["image_patches"].shape == (patches, 3 * vision["patch_size"] ** 2)
    assert batch["image_patches"].dtype == torch.uint8
    assert batch["image_grid_thw"].tolist() == grids.tolist()
    assert batch["image_refs"].tolist() == [0, 1, 0, 2, 3]
    assert {batch[name].dtype for name in ("image_grid_thw", "image_refs")} == {torch.int64}
    assert "pixel_values" not in batch
    assert int((batch["input_ids"] == IMAGE).sum()) == int(
        batch["image_grid_thw"][batch["image_refs"]].prod(1).sum() // 4
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_patches_are_those_of_a_slow_decoder(family):
    vision = RECORDS[family]
    packs = some_packs(vision)
    for threads in (1, 3):
        found = Collator(vision=vision, threads=threads)(packs)["image_patches"]
        files = [(pack, image) for pack in packs for image in range(len(pack["image_grid_thw"]))]
        slow = [
            slow_patches(
                pack["images"][pack["image_offsets"][image] : pack["image_offsets"][image + 1]],
                tuple(pack["image_grid_thw"][image].tolist()),
                vision,
            )
            for pack, image in files
        ]
        assert np.array_equal(found, np.concatenate(slow))


@pytest.mark.parametrize("family", FAMILIES)
def test_pixel_values_are_those_of_the_image_processor_in_the_order_of_the_placeholders(family):
    from PIL import Image
    from transformers import Qwen2VLImageProcessorFast

    vision = RECORDS[family]
    packs = some_packs(vision)
    batch = Collator(vision=vision, pixel_values=True)(packs)
    processor = Qwen2VLImageProcessorFast(
        patch_size=vision["patch_size"], image_mean=vision["mean"], image_std=vision["std"]
    )
    shown = [encoded(150, 90), encoded(64, 200, kind="PNG"), encoded(150, 90)]
    shown += [encoded(64, 200, kind="PNG"), encoded(40, 41)]
    images = [Image.open(io.BytesIO(data)) for data in shown]
    sizes = {name: vision[name] for name in ("min_pixels", "max_pixels")}
    expected = processor(images, **sizes, return_tensors="pt")
    assert torch.equal(batch["image_grid_thw"], expected["image_grid_thw"])
    assert batch["pixel_values"].dtype == torch.float32
    assert torch.equal(batch["pixel_values"], expected["pixel_values"])
    assert batch["image_refs"].tolist() == [0, 1, 2, 3, 4]
    assert batch["packs"][:, 2].tolist() == batch["packs"][:, 3].tolist() == [3, 0, 2]
    assert "image_patches" not in batch


def test_shared_images_stand_once_or_as_often_as_they_are_shown():
    packs = some_packs(VL)
    once = Collator(vision=VL)(packs)
    shared = Collator(vision=VL, pixel_values=True, share_images=True)(packs)
    repeated = Collator(vision=VL, pixel_values=True)(packs)
    patches = Collator(vision=VL, share_images=False)(packs)
    assert torch.equal(shared["pixel_values"], pixel_values(once["image_patches"], VL))
    assert torch.equal(repeated["pixel_values"], pixel_values(patches["image_patches"], VL))
    assert torch.equal(shared["image_refs"], once["image_refs"])
    assert torch.equal(repeated["image_grid_thw"], once["image_grid_thw"][once["image_refs"]])
    sizes = once["image_grid_thw"].prod(1).tolist()
    images = once["image_patches"].split(sizes)
    assert torch.equal(patches["image_patches"], torch.cat([images[one] for one in once["image_refs"]]))


def test_a_batch_without_an_image_has_empty_patches_and_no_pixel_values():
    text = [some_packs(VL)[1]]
    batch = Collator(vision=VL)(text)
    assert batch["packs"].tolist() == [[5, 1, 0, 0]]
    assert batch["image_patches"].shape == (0, 588)
    assert batch["image_grid_thw"].shape == (0, 3)
    assert batch["image_refs"].shape == (0,)
    finished = Collator(vision=VL, pixel_values=True)(text)
    assert not {"pixel_values", "image_grid_thw", "image_refs"} & finished.keys()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", FAMILIES)
def test_pixel_values_of_every_level_are_normalised_in_float32(family, dtype):
    vision = RECORDS[family]
    side = vision["patch_size"] ** 2
    levels = torch.arange(256, dtype=torch.uint8).repeat(3 * side)[: 3 * side * 256].view(-1, 3 * side)
    found = pixel_values(levels, vision, dtype)
    mean, std = (np.array(vision[name], np.float32) * np.float32(255) for name in ("mean", "std"))
    slow = (levels.numpy().reshape(-1, 3, side).astype(np.float32) - mean[:, None]) / std[:, None]
    twice = np.stack([slow, slow], axis=2).reshape(len(levels), -1)
    assert torch.equal(found, torch.from_numpy(twice).to(dtype))
    assert found.is_contiguous()
    assert pixel_values(levels[:0], vision, dtype).shape == (0, 6 * side)


@pytest.mark.parametrize("family", FAMILIES)
def test_pixel_values_are_bit_for_bit_those_of_the_extension(family):
    levels = np.random.default_rng(1).integers(0, 256, (70, RECORDS[family]["patch_size"] ** 2 * 3), np.uint8)
    found = pixel_values(torch.from_numpy(levels), RECORDS[family])
    assert np.array_equal(found, images.pixel_values(levels, family))


BROKEN = {
    "cut": (lambda file: file[:-20], "image 1 of pack 0"),
    "another_image": (lambda _: encoded(300, 90), "image 1 of pack 0"),
    "no_image": (lambda _: b"<html></html>", "image 1 of pack 0"),
}


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("case", BROKEN)
def test_an_image_that_is_not_what_its_grid_says_is_an_error(case, workers):
    spoil, words = BROKEN[case]
    pack = some_packs(VL)[0]
    files = [encoded(150, 90), spoil(encoded(64, 200, kind="PNG"))]
    pack |= {"images": b"".join(files), "image_offsets": np.cumsum([0, *map(len, files)]).astype(np.uint32)}
    with pytest.raises(DataError, match=words):
        drain(DataLoader([pack], batch_size=1, num_workers=workers, collate_fn=Collator(vision=VL)))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_worker_sends_patches_and_a_plain_dict_arrives(workers):
    packs = some_packs(VL)
    here = Collator(vision=VL)(packs)
    for rows in (packs, [stored(pack) for pack in packs]):
        loader = DataLoader(rows, batch_size=3, num_workers=workers, collate_fn=Collator(vision=VL))
        there = drain(loader)[0]
        assert type(there) is dict
        assert list(there) == list(here)
        assert all(np.array_equal(there[name], here[name]) for name in here)
        assert there["image_patches"].is_shared() == bool(workers)


SPOILED = {
    "no_record": (lambda _: None, "has images, and nothing says how they were prepared"),
    "odd_bytes": (
        lambda pack: pack.update(image_refs=pack["image_refs"].tobytes()[:-1]),
        "its `image_refs` has 11 bytes",
    ),
    "words": (
        lambda pack: pack.update(image_refs=pack["image_refs"].astype(np.int64)),
        "`image_refs` of sample 0 of the batch is not an array of uint32",
    ),
    "a_list": (
        lambda pack: pack.update(image_grid_thw=[[1, 2, 2]]),
        "`image_grid_thw` of sample 0 of the batch is not bytes",
    ),
    "a_text": (
        lambda pack: pack.update(images="images"),
        "`images` of sample 0 of the batch is not bytes",
    ),
    "an_image_less": (
        lambda pack: pack.update(image_grid_thw=pack["image_grid_thw"][:1]),
        r"pack 0 of the batch \(first trace 1\) is damaged: its `image_offsets` do not cut",
    ),
    "cut": (lambda pack: pack.update(images=pack["images"][:-1]), "its `image_offsets` do not cut"),
    "a_grid": (
        lambda pack: pack["image_grid_thw"].__setitem__((0, 1), 2),
        "image tokens at token 4 stand for an image of",
    ),
    "an_odd_grid": (
        lambda pack: pack["image_grid_thw"].__setitem__((0, 1), 3),
        "the first is 1, the others are multiples of 2",
    ),
    "a_reference": (
        lambda pack: pack["image_refs"].__setitem__(1, 7),
        "placeholder 1 shows image 7 of 2",
    ),
    "an_unused_image": (lambda pack: pack["image_refs"].fill(0), "no placeholder shows image 1"),
    "no_columns": (
        lambda pack: [pack.pop(name) for name in ("images", "image_offsets", "image_grid_thw", "image_refs")],
        "it has 3 runs of image tokens for 0 placeholders",
    ),
}


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("case", SPOILED)
def test_what_is_no_pack_of_images_is_refused(case, workers):
    spoil, words = SPOILED[case]
    pack = some_packs(VL)[0]
    spoil(pack)
    collator = Collator(vision=None if case == "no_record" else VL)
    with pytest.raises(DataError, match=words):
        drain(DataLoader([pack], batch_size=1, num_workers=workers, collate_fn=collator))


def test_a_grid_beyond_all_bounds_takes_no_memory():
    pack = some_packs(VL)[0]
    pack["image_grid_thw"][:] = [1, 2**31, 2**31]
    with pytest.raises(DataError, match="stand for an image of"):
        Collator(vision=VL)([pack])


def test_settings_that_do_not_go_together_are_refused():
    with pytest.raises(RecipeError, match="`text` positions know no images"):
        Collator("text", vision=VL)
    with pytest.raises(RecipeError, match="there are no pixels without `vision`"):
        Collator(pixel_values=True)
    with pytest.raises(RecipeError, match="there are no pixels without `vision`"):
        Collator(share_images=True)
    with pytest.raises(RecipeError, match="`vision` has no `patch_size`"):
        Collator(vision={"family": "qwen3-vl"})
    with pytest.raises(RecipeError, match="`vision` is str"):
        Collator(vision="qwen3-vl")  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match="0 threads decode no image"):
        Collator(vision=VL, threads=0)
    collator = Collator(vision=VL, pixel_values=True, threads=2)
    assert pickle.loads(pickle.dumps(collator)) == collator


def test_a_run_of_another_family_than_the_models_is_refused():
    from transformers import Qwen2_5_VLConfig, Qwen2Config, Qwen3VLConfig

    tokens = {"image_token_id": IMAGE}
    check_model(VL, Qwen2_5_VLConfig(**tokens), "run")
    check_model(VL3, Qwen3VLConfig(**tokens), "run")
    check_model(None, Qwen2Config(), "run")
    words = "prepared for qwen2.5-vl, on a grid of 28 pixels; a model of `qwen3_vl` takes a grid of 32"
    with pytest.raises(DataError, match=words):
        check_model(VL, Qwen3VLConfig(**tokens), "run")
    with pytest.raises(DataError, match="on a grid of 32 pixels; a model of `qwen2_5_vl` takes a grid of 28"):
        check_model(VL3, Qwen2_5_VLConfig(**tokens), "run")
    with pytest.raises(DataError, match="a model of `qwen2` has no vision tower"):
        check_model(VL, Qwen2Config(), "run")
    with pytest.raises(DataError, match="the image token: 4094, not 151655"):
        check_model(VL, Qwen2_5_VLConfig(), "run")
