"""LLaMA-Factory's multimodal preprocessing in `datasets.map` → best fit → `MDSWriter`.

Its own packing joins ids and keeps images as they came, like here. The ids are those of its template.
"""

from __future__ import annotations

from typing import Any

from bench.compare.contestants.common import CAPACITY, arguments
from bench.images.contestants import common


def settings() -> dict[str, Any]:
    """What LLaMA-Factory sets on a processor."""
    return {
        "image_max_pixels": common.MOST_PIXELS, "image_min_pixels": common.FEWEST_PIXELS,
        "image_do_pan_and_scan": False, "crop_to_patches": False, "video_max_pixels": 65_536,
        "video_min_pixels": 256, "video_fps": 2.0, "video_maxlen": 128, "use_audio_in_video": False,
        "audio_sampling_rate": 16_000,
    }  # fmt: skip


def load(tokenizer: str) -> Any:
    """Its processor of rows."""
    from llamafactory.data.processor.supervised import SupervisedDatasetProcessor
    from llamafactory.data.template import get_template_and_fix_tokenizer
    from llamafactory.hparams import DataArguments

    processor = common.load_processor(tokenizer)
    for name, value in settings().items():
        setattr(processor, name, value)
    told = DataArguments(template="qwen2_vl", cutoff_len=CAPACITY)
    template = get_template_and_fix_tokenizer(processor.tokenizer, told)
    return SupervisedDatasetProcessor(template, processor.tokenizer, processor, told)


def encode(rows: dict[str, list[Any]], loaded: Any) -> dict[str, list[Any]]:
    """Ids of each trace of some rows; the grid comes from the number of pads, as it keeps none."""
    given: dict[str, list[Any]] = {
        name: [] for name in ("_prompt", "_response", "_system", "_tools", "_images", "_videos", "_audios")
    }
    for question, options, responses, image in zip(
        rows["question"], rows["options"], rows["responses"], rows["image"], strict=True
    ):
        user = "<image>" * (image is not None) + common.prompt(question, options)
        for response in responses:
            given["_prompt"].append([{"role": "user", "content": user}])
            given["_response"].append([{"role": "assistant", "content": response}])
            given["_images"].append([{"bytes": image["bytes"], "path": None}] if image else None)
    traces = len(given["_prompt"])
    given |= {"_system": [""] * traces, "_tools": [""] * traces}
    given |= {"_videos": [None] * traces, "_audios": [None] * traces}
    made = loaded.preprocess_dataset(given)
    shown = [images[0]["bytes"] if images else None for images in given["_images"]]
    return {"input_ids": made["input_ids"], "grid": [image and [1, 0, 0] for image in shown], "file": shown}


def main() -> None:
    """Runs the three stages."""
    given = arguments()
    common.mapped(given, encode, {"loaded": load(given["tokenizer"])})


if __name__ == "__main__":
    main()
