"""The path that users have today: `datasets.map` (processor of the model) → best fit → `MDSWriter`.

It is let off lightly: pixel values, which the processor makes to count tokens, are thrown away, and the packs
hold the files as they came.
"""

from __future__ import annotations

import io
from typing import Any

from bench.compare.contestants.common import arguments
from bench.images.contestants import common
from PIL import Image


def conversation(question: str, response: str, *, shown: bool) -> list[dict[str, Any]]:
    """A question, about an image or not, and its answer."""
    asked: list[dict[str, str]] = [{"type": "image"}] if shown else []
    return [
        {"role": "user", "content": [*asked, {"type": "text", "text": question}]},
        {"role": "assistant", "content": [{"type": "text", "text": response}]},
    ]


def encode(rows: dict[str, list[Any]], processor: Any) -> dict[str, list[Any]]:
    """Ids and the grid of each trace of some rows."""
    made: dict[str, list[Any]] = {"input_ids": [], "grid": [], "file": []}
    for question, options, responses, image in zip(
        rows["question"], rows["options"], rows["responses"], rows["image"], strict=True
    ):
        user = common.prompt(question, options)
        talks = [conversation(user, response, shown=image is not None) for response in responses]
        texts = processor.apply_chat_template(talks, tokenize=False)
        shown = [Image.open(io.BytesIO(image["bytes"])).convert("RGB")] * len(texts) if image else None
        encoded = processor(text=texts, images=shown)
        made["input_ids"] += encoded["input_ids"]
        made["grid"] += encoded["image_grid_thw"].tolist() if shown else [None] * len(texts)
        made["file"] += [image["bytes"] if image else None] * len(texts)
    return made


def main() -> None:
    """Runs the three stages."""
    given = arguments()
    common.mapped(given, encode, {"processor": common.load_processor(given["tokenizer"])})


if __name__ == "__main__":
    main()
