"""Adapters where packs have pictures: a frozen tower keeps no graph, exports answer."""

from __future__ import annotations

import io

import pytest

pytest.importorskip("composer")
pytest.importorskip("peft")

import octomed
import torch
from octomed.run_file import RunFile, Vision
from octomed.train.adapter_state import keep_what_is_trained, merged
from octomed.train.build import part_of
from octomed.train.export import export_model
from octomed.train.freeze import make_trainable
from octomed.train.layers import recompute_layers
from octomed.train.schema_model import Lora, Model
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from tests.stream import image_packs as by_hand

from . import image_tiny
from .test_adapters import shaken

SAMPLE = octomed.__path__[0] + "/sample/tokenizer"


def adapted(family, *, vision, dtype="float32", **settings):
    model = image_tiny.fresh_model(family, dtype)
    values = Model(config={}, lora=Lora(r=4, alpha=6, vision=vision), **settings)
    found = make_trainable(model.language_model, values, vision=True)
    keep_what_is_trained(model, found.adapted.base, "it")
    return shaken(model)


@pytest.mark.parametrize("vision", [False, True], ids=["decoder", "tower too"])
@pytest.mark.parametrize("family", image_tiny.FAMILIES)
def test_gradients_are_those_of_the_sums_and_a_frozen_tower_keeps_no_graph(family, vision):
    model = adapted(family, vision=vision, dtype="float64")
    whole = image_tiny.fresh_model(family, "float64")
    whole.language_model.load_state_dict(merged(model.language_model, model.language_model.state_dict()))
    batch = image_tiny.batch_of(family, [image_tiny.documents(5)])
    assert model.network.tower(batch).merged.requires_grad == vision
    recompute_layers(model, model.language_model, 1.0)
    for one in (model, whole):
        one(batch).backward()
    of_whole = {name: parameter.grad for name, parameter in whole.named_parameters()}
    found = {
        name.replace("_checkpoint_wrapped_module.", ""): parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    assert {part_of(name) for name in found} == {"language", *(["vision"] if vision else [])}
    for name, parameter in found.items():
        layer, _, side = name.removesuffix(".default.weight").rpartition(".lora_")
        other = found[f"{layer}.lora_{'B' if side == 'A' else 'A'}.default.weight"].detach()
        of_sum = of_whole[f"{layer}.weight"] * (6 / 4)
        expected = other.T @ of_sum if side == "A" else of_sum @ other.T
        assert torch.allclose(parameter.grad, expected, rtol=1e-6, atol=1e-12), name


def test_a_projector_is_trained_whole_beside_adapters():
    model = adapted("qwen3_vl", vision=False, freeze_projector=False)
    model(image_tiny.batch_of("qwen3_vl", [image_tiny.documents(4)])).backward()
    moved = {name for name, one in model.named_parameters() if one.grad is not None}
    assert {part_of(name) for name in moved} == {"projector", "language"}
    assert all("merger" in name or "lora_" in name for name in moved)


@pytest.mark.parametrize("family", image_tiny.FAMILIES)
def test_the_export_answers_a_picture_as_the_trained_network_does(tmp_path, family):
    """From the picture's file on: the export's processor and chat template, and transformers' own model."""
    model = adapted(family, vision=True)
    values = image_tiny.RECORDS[family]
    vision = Vision(**values | {name: tuple(values[name]) for name in ("mean", "std")})
    packed = RunFile(streams={}, model={"template": f"built-in {values['family']}"}, vision=vision)
    export_model(model, tmp_path / "model", SAMPLE, packed)
    theirs = AutoModelForImageTextToText.from_pretrained(tmp_path / "model").eval()
    processor = AutoProcessor.from_pretrained(tmp_path / "model")
    picture = by_hand.encoded(400, 300)  # above the limit of the packs
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is it?"}]}]
    text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    asked = processor(text=[text], images=[Image.open(io.BytesIO(picture))], return_tensors="pt")
    before, after = text.split("<|vision_start|><|image_pad|><|vision_end|>")
    encode = processor.tokenizer.encode
    document = by_hand.Document([(encode(before), False), picture, (encode(after), True)])
    batch = image_tiny.batch_of(family, [[document]])
    assert asked["input_ids"].tolist() == batch["input_ids"].tolist()
    assert asked["image_grid_thw"].tolist() == batch["image_grid_thw"].tolist()
    with torch.no_grad():
        expected = model.network.eval()(batch, want="logits")
        found = theirs(**asked).logits[0]
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()
