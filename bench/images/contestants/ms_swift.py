"""ms-swift's multimodal template in `datasets.map` → best fit → `MDSWriter`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.compare.contestants.common import arguments
from bench.images.contestants import common

LONGEST = 1 << 20  # what is longer than a pack is left out later, as for all contestants


def load(tokenizer: str, scratch: str) -> Any:
    """Its template, from a folder that looks like the model's."""
    from swift import get_processor, get_template
    from transformers import Qwen2_5_VLConfig

    folder = str(Path(scratch) / "model")
    common.load_processor(tokenizer).save_pretrained(folder)
    Qwen2_5_VLConfig(architectures=["Qwen2_5_VLForConditionalGeneration"]).save_pretrained(folder)
    processor = get_processor(folder, model_type="qwen2_5_vl")
    template = get_template(
        processor, template_type="qwen2_5_vl", max_length=LONGEST, max_pixels=common.MOST_PIXELS
    )
    template.set_mode("train")
    return template


def encode(rows: dict[str, list[Any]], template: Any) -> dict[str, list[Any]]:
    """Ids and the grid of each trace of some rows."""
    made: dict[str, list[Any]] = {"input_ids": [], "grid": [], "file": []}
    for question, options, responses, image in zip(
        rows["question"], rows["options"], rows["responses"], rows["image"], strict=True
    ):
        user = "<image>" * (image is not None) + common.prompt(question, options)
        for response in responses:
            messages = [{"role": "user", "content": user}, {"role": "assistant", "content": response}]
            shown = {"images": [{"bytes": image["bytes"], "path": None}]} if image else {}
            encoded = template.encode({"messages": messages, **shown})
            made["input_ids"].append(encoded["input_ids"])
            made["grid"].append(encoded["image_grid_thw"][0].tolist() if image else None)
            made["file"].append(image["bytes"] if image else None)
    return made


def main() -> None:
    """Runs the three stages."""
    given = arguments()
    common.mapped(given, encode, {"template": load(given["tokenizer"], given["scratch"])})


if __name__ == "__main__":
    main()
