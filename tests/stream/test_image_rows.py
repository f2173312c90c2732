"""Rows with images, unpacked by transformers' processors, against the same rows cut out of their packs."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from octomed.stream import Collator
from PIL import Image

from .image_packs import RECORDS, Document, encoded, pack_of
from .image_rows import Row, assert_same, cut, tokenizer, unpacked

EXAMPLES = Path(__file__).parents[2] / "examples"


def rotated() -> bytes:
    """A photograph that lies on its side, as its EXIF says."""
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.open(io.BytesIO(encoded(90, 160, 5))).save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()


def corpus() -> list[Row]:
    """Rows with an image, several, one in a later turn, one turned, one of a slice too small, and none."""
    chest, smear, slice_, small = (
        encoded(700, 900),
        encoded(333, 257, kind="PNG"),
        encoded(512, 512, 2),
        encoded(9, 31),
    )
    return [
        [("user", [chest, "What does the film show?"]), ("assistant", ["A normal heart."])],
        [
            ("system", ["Answer in one word."]),
            ("user", ["First ", smear, " and then ", slice_, smear, "?"]),
            ("assistant", ["Anaemia."]),
        ],
        [("user", ["Is rest enough?"]), ("assistant", ["Yes, and water."])],
        [
            ("user", [chest, "Which view?"]),
            ("assistant", ["Frontal."]),
            ("user", ["And here?", rotated()]),
            ("assistant", ["Lateral."]),
        ],
        [("user", [small, small]), ("assistant", ["Two stripes."])],
    ]


def document(row: Row, trace: int) -> Document:
    """The row as a document: every answer is learned, with the token that ends it."""
    parts: list[tuple[list[int], bool] | bytes] = []
    text = ""
    for role, content in row:
        text += f"<|im_start|>{role}\n"
        for part in content:
            if isinstance(part, bytes):
                parts += [(tokenizer().encode(text), False), part]
                text = ""
            elif role == "assistant":
                parts += [
                    (tokenizer().encode(text), False),
                    (tokenizer().encode(f"{part}<|im_end|>"), True),
                ]
                text = "\n"
            else:
                text += part
        text += "" if role == "assistant" else "<|im_end|>\n"
    return Document([*parts, (tokenizer().encode(text), False)], trace)


def packs(family: str) -> list[dict[str, Any]]:
    """The corpus in two packs."""
    documents = [document(row, number) for number, row in enumerate(corpus())]
    return [pack_of(some, RECORDS[family]) for some in (documents[:3], documents[3:])]


@pytest.mark.parametrize("family", RECORDS)
def test_a_row_cut_out_of_its_pack_is_what_the_processor_makes_of_it(family):
    batch = Collator(vision=RECORDS[family])(packs(family))
    rows = cut(batch)
    assert len(rows) == len(corpus())
    for row, found in zip(corpus(), rows, strict=True):
        assert_same(found, unpacked(row, RECORDS[family]), RECORDS[family])


def tiny_vision_model() -> Any:
    """The example's model, in float32."""
    sys.path.insert(0, str(EXAMPLES))
    import hugging_face_trainer as example

    torch.manual_seed(0)
    return example.tiny_vision_model(len(tokenizer()), RECORDS["qwen2.5-vl"]).eval()


def test_the_loss_of_a_pack_is_that_of_its_rows_one_by_one():
    sys.path.insert(0, str(EXAMPLES))
    import hugging_face_trainer as example

    family = "qwen2.5-vl"
    model = tiny_vision_model()
    batch = example.Collate(RECORDS[family])(packs(family))
    assert set(batch) == {"input_ids", "labels", "position_ids", "pixel_values", "image_grid_thw"}
    found = model(**batch)
    found.loss.backward()
    gradients = {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}
    model.zero_grad()
    labels = int((batch["labels"] != -100).sum())
    total = torch.zeros(())
    for row in corpus():
        alone = unpacked(row, RECORDS[family])
        alone.pop("attention_mask")
        counted = int((alone["labels"][:, 1:] != -100).sum())
        total = total + model(**alone, use_cache=False).loss * counted / labels
    total.backward()
    assert torch.allclose(found.loss, total, rtol=1e-5, atol=1e-6)
    for name, parameter in model.named_parameters():
        if name in gradients:
            assert torch.allclose(gradients[name], parameter.grad, rtol=1e-3, atol=1e-6), name
    assert any(".visual." in name and bool(one.abs().max() > 0) for name, one in gradients.items())
