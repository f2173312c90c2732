"""What contestants share: rows in, packs of ids and images out through `MDSWriter`."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
from bench.compare.contestants.common import CAPACITY, corpus_files, finish, timed

Ids = npt.NDArray[np.uint32]

MOST_PIXELS, FEWEST_PIXELS = 262_144, 3_136
PROCESSES = 2
IM_START = 151_644
AFTER_START = 3  # `<|im_start|>assistant` and a line break stand before the response
COLUMNS = {
    "input_ids": "ndarray:uint32", "lengths": "ndarray:uint32", "loss_spans": "ndarray:uint32",
    "images": "bytes", "image_offsets": "bytes", "image_grid_thw": "bytes", "image_refs": "bytes",
}  # fmt: skip


@dataclass(frozen=True)
class Trace:
    """Ids of a trace, where its response begins, and the image that it shows."""

    ids: Ids
    response: int
    image: bytes | None
    grid: tuple[int, int, int] | None


def prompt(question: str, options: list[str]) -> str:
    """The user's turn, each option behind its letter as octomed writes it."""
    return "\n".join([question, *(f"{option[0]}. {option[3:].strip()}" for option in options)])


def load_processor(tokenizer: str) -> Any:
    """The processor of Qwen2.5-VL with the fast image processor, from a vocabulary in a folder."""
    from transformers import (
        Qwen2_5_VLProcessor,
        Qwen2TokenizerFast,
        Qwen2VLImageProcessorFast,
        Qwen2VLVideoProcessor,
    )

    template = (files("trl") / "chat_templates" / "qwen2_5_vl.jinja").read_text()
    images = Qwen2VLImageProcessorFast(min_pixels=FEWEST_PIXELS, max_pixels=MOST_PIXELS)
    return Qwen2_5_VLProcessor(
        images, Qwen2TokenizerFast.from_pretrained(tokenizer), Qwen2VLVideoProcessor(), chat_template=template
    )


def load_rows(corpus: str, cache: str) -> Any:
    """The rows as `datasets` reads them, images as they are stored."""
    from datasets import Image, load_dataset

    rows = load_dataset("parquet", data_files=corpus_files(corpus), split="train", cache_dir=cache)
    return rows.cast_column("image", Image(decode=False))


def packed(lengths: list[int]) -> list[list[int]]:
    """Best fit decreasing; what is longer than the capacity is left out."""
    room: list[tuple[int, int]] = []
    packs: list[list[int]] = []
    for trace in sorted(range(len(lengths)), key=lambda one: -lengths[one]):
        if lengths[trace] > CAPACITY:
            continue
        place = bisect.bisect_left(room, (lengths[trace], -1))
        left, pack = room.pop(place) if place < len(room) else (CAPACITY, len(packs))
        if pack == len(packs):
            packs.append([])
        packs[pack].append(trace)
        bisect.insort(room, (left - lengths[trace], pack))
    return packs


def pack_row(traces: list[Trace]) -> dict[str, Any]:
    """The columns of a pack; an image that several of its traces show stands once."""
    places: dict[bytes, int] = {}
    grids, refs = [], []
    for trace in traces:
        if trace.image is not None:
            if trace.image not in places:
                places[trace.image] = len(places)
                grids.append(trace.grid)
            refs.append(places[trace.image])
    lengths = np.array([len(trace.ids) for trace in traces], dtype=np.uint32)
    ends = np.cumsum(lengths)
    begins = ends - lengths + np.array([trace.response for trace in traces])
    return {
        "input_ids": np.concatenate([trace.ids for trace in traces]),
        "lengths": lengths,
        "loss_spans": np.stack([begins, ends - 1], axis=1).astype(np.uint32),
        "images": b"".join(places),
        "image_offsets": np.cumsum([0, *map(len, places)]).astype(np.uint32).tobytes(),
        "image_grid_thw": np.array(grids, dtype=np.uint32).tobytes(),
        "image_refs": np.array(refs, dtype=np.uint32).tobytes(),
    }


def write(out: str, packs: Iterable[list[Trace]]) -> dict[str, int]:
    """Writes packs with `MDSWriter`; returns what was written."""
    from streaming import MDSWriter

    made = dict.fromkeys(("packs", "tokens", "copied_bytes"), 0)
    with MDSWriter(columns=COLUMNS, out=out, compression="zstd:1", hashes=["xxh3_64"],
                   size_limit="128mb") as writer:  # fmt: skip
        for traces in packs:
            row = pack_row(traces)
            writer.write(row)
            made["packs"] += 1
            made["tokens"] += len(row["input_ids"])
            made["copied_bytes"] += len(row["images"])
    return made


def as_trace(row: dict[str, Any]) -> Trace:
    """A mapped row as a trace."""
    ids = np.array(row["input_ids"], dtype=np.uint32)
    response = int(np.flatnonzero(ids == IM_START)[-1]) + AFTER_START
    return Trace(ids, response, row["file"], row["grid"] and tuple(row["grid"]))


def mapped(given: dict[str, Any], encode: Callable[..., Any], extra: dict[str, Any]) -> None:
    """Maps `encode` over batches of rows, packs by best fit, writes; prints the figures.

    `encode` gives `input_ids`, `grid` (null without an image) and `file` of each trace.
    """
    source = load_rows(given["corpus"], given["scratch"])
    encoded, map_seconds = timed(
        lambda: source.map(encode, batched=True, batch_size=16, num_proc=PROCESSES,
                           remove_columns=source.column_names, fn_kwargs=extra)
    )  # fmt: skip
    lengths = [len(ids) for ids in encoded["input_ids"]]
    packs, pack_seconds = timed(lambda: packed(lengths))
    made, write_seconds = timed(
        lambda: write(given["out"], ([as_trace(encoded[one]) for one in pack] for pack in packs))
    )
    stages = {"map": map_seconds, "pack": pack_seconds, "write": write_seconds}
    finish(traces=len(encoded), **made, stages=stages)
