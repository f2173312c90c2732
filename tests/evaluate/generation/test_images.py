"""Vision-language models: the oracles are transformers' own generation, and training's network."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("transformers")

import torch
from octomed import vision
from octomed.errors import DataError
from octomed.evaluate.generation import Generator, Request
from octomed.stream import Collator

from tests.stream import image_packs as by_hand
from tests.stream.image_packs import IMAGE, Document
from tests.train import image_tiny

from .models import END, greedy, with_tokenizer

MOST = 8


def folder_of(folder, family):
    """A model of random weights that looks: wide initial values make the next token differ by the picture."""
    from octomed.train.build import build_model, read_configuration

    values = image_tiny.configuration(family, initializer_range=0.2)
    values["vision_config"] = values["vision_config"] | {"initializer_range": 0.2}
    build_model(read_configuration(None, values)).save_pretrained(folder)
    record = image_tiny.RECORDS[family]
    processor = {name: record[name] for name in ("patch_size", "merge_size", "temporal_patch_size")}
    bounds = {"shortest_edge": record["min_pixels"], "longest_edge": record["max_pixels"]}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor | {"size": bounds}))
    return with_tokenizer(folder)


@pytest.fixture(scope="module", params=image_tiny.FAMILIES)
def made(request, tmp_path_factory):
    from transformers import AutoModelForImageTextToText

    family = request.param
    folder = folder_of(tmp_path_factory.mktemp(family) / "model", family)
    theirs = AutoModelForImageTextToText.from_pretrained(folder, attn_implementation="sdpa").eval()
    return family, folder, theirs


def documents():
    """Of two pictures, the same ones in another order, text between, one alone, none, one shown twice."""
    draw = np.random.default_rng(3)

    def text(count):
        return draw.integers(0, 4000, count).tolist(), False

    one, two = image_tiny.picture(1), image_tiny.picture(3)
    parts = [
        [text(3), one, text(2), two, text(5)],
        [text(3), two, text(2), one, text(5)],
        [one, text(1)],
        [text(9)],
        [text(2), one, one, text(1)],
        [text(4), image_tiny.picture(2), text(6)],
    ]
    return [Document(each, number) for number, each in enumerate(parts)]


def requests(family, **settings):
    record = image_tiny.RECORDS[family]
    values = {"temperature": 0.0, "max_tokens": MOST} | settings
    return [Request(one.trace, one.ids(record), tuple(one.images), **values) for one in documents()]


def answers(generator, asked):
    return {one.key: one.ids for one in generator.generate(asked)}


def stock_inputs(family, document):
    batch = Collator(vision=image_tiny.RECORDS[family], pixel_values=True)(
        [by_hand.pack_of([document], image_tiny.RECORDS[family])]
    )
    if "pixel_values" not in batch:
        return {}
    return {"pixel_values": batch["pixel_values"], "image_grid_thw": batch["image_grid_thw"]}


def test_greedy_equals_transformers_token_for_token(made):
    family, folder, theirs = made
    expected = {}
    for one in documents():
        ids = one.ids(image_tiny.RECORDS[family])
        theirs.model.rope_deltas = None
        expected[one.trace] = tuple(greedy(theirs, ids, MOST, **stock_inputs(family, one)))
    assert answers(Generator(folder, device="cpu"), requests(family)) == expected
    assert len(set(expected.values())) == len(expected)


@pytest.mark.parametrize("batch_tokens", [1, 400])
def test_any_room_and_order_give_the_same(made, batch_tokens):
    family, folder, _ = made
    asked = requests(family, temperature=1.0, top_p=0.9, seed=4)
    together = answers(Generator(folder, device="cpu", dtype="float64"), asked)
    some = answers(Generator(folder, device="cpu", dtype="float64", batch_tokens=batch_tokens), asked[::-1])
    assert some == together


def test_first_logits_are_those_that_training_computes(made):
    family, folder, _ = made
    generator = Generator(folder, device="cpu")
    decoder = generator._decoder
    slots = decoder.slots()
    slots.reserve(6, 400)
    found = decoder.prompts(slots, [[one] for one in requests(family)])
    from octomed.stream.images import Vision
    from octomed.train.build import build_model, read_configuration
    from octomed.train.network import PackedNetwork

    stored = Vision.of(image_tiny.RECORDS[family])
    trained = PackedNetwork(build_model(read_configuration(str(folder)), str(folder)), vision=stored)
    batch = image_tiny.batch_of(family, [documents()])
    with torch.no_grad():
        expected = trained(batch, want="logits", positions=batch["cu_seqlens"][1:].long() - 1)
    torch.testing.assert_close(found.values, expected, rtol=0, atol=0)


def test_pixels_are_taken_as_files_are(made):
    family, folder, _ = made
    generator, asked = Generator(folder, device="cpu"), requests(family)
    pixels = [
        Request(
            one.key, one.prompt_ids, tuple(vision.decode(file) for file in one.images), 0.0, max_tokens=MOST
        )
        for one in asked
    ]
    assert answers(generator, pixels) == answers(generator, asked)


def test_a_run_s_record_wins_over_the_folder_s_processor(made):
    family, folder, _ = made
    record = image_tiny.RECORDS[family] | {"max_pixels": 12_544, "min_pixels": 3136}
    asked = [Request(one.trace, one.ids(record), tuple(one.images), 0.0, max_tokens=2) for one in documents()]
    assert len(answers(Generator(folder, device="cpu", vision=record), asked)) == len(asked)
    with pytest.raises(DataError, match="places for images"):
        Generator(folder, device="cpu").generate(asked)


@pytest.mark.parametrize("change", ["one more", "one less", "another size", "no image", "no place"])
def test_images_that_do_not_fit_the_prompt_are_refused(made, change):
    family, folder, _ = made
    asked = requests(family)[0]
    ids, images = list(asked.prompt_ids), asked.images
    place = ids.index(IMAGE)
    ids, images = {
        "one more": (ids, (*images, images[0])),
        "one less": (ids, images[:1]),
        "another size": (ids[:place] + ids[place + 1 :], images),
        "no image": (ids, (b"\x89PNG nothing", images[1])),
        "no place": ([7, END], images),
    }[change]
    with pytest.raises(DataError, match="`0`"):
        Generator(folder, device="cpu").generate([Request(0, ids, images, max_tokens=2)])


def test_a_record_of_another_model_is_refused(made):
    family, folder, _ = made
    other = next(record for name, record in image_tiny.RECORDS.items() if name != family)
    with pytest.raises(DataError, match="prepared for"):
        Generator(folder, device="cpu", vision=other)


def test_images_to_a_text_model_are_refused(tmp_path):
    from .models import text_folder

    generator = Generator(text_folder(tmp_path / "model", "qwen2"), device="cpu")
    with pytest.raises(DataError, match="takes none"):
        generator.generate([Request("q", (1,), (b"x",), max_tokens=2)])
