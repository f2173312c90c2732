"""The best existing parts put together: pyarrow → Pillow's headers → gigatoken → seqpacker → `MDSWriter`.

It does as little as it can: sizes come from headers, ids of an image are placed without tokenizing them, each
question is tokenized once, nothing is checked, nothing can be resumed. With `verify: decode` torchvision
decodes each distinct image on all cores, which headers say nothing of.
"""

from __future__ import annotations

import io
import itertools
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import awkward as ak
import gigatoken
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from bench.compare.contestants.assembled import AFTER, BETWEEN
from bench.compare.contestants.common import CAPACITY, arguments, corpus_files, finish
from bench.images.contestants import common
from PIL import Image
from seqpacker import Packer
from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

BEFORE = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
PATCH, MERGE = 14, 2
VISION_START, VISION_END, IMAGE_PAD = 151_652, 151_653, 151_655
CHUNK_GROUPS = 100
"""Row groups at once, which is about 20,000 traces."""


def encode(tokenizer: Any, texts: list[str]) -> list[common.Ids]:
    """Ids of each text."""
    layout = tokenizer.encode_batch(ak.from_arrow(pa.array(texts, pa.large_string()))).layout
    ids, starts = layout.content.data, layout.offsets.data.tolist()
    return [ids[begin:end] for begin, end in itertools.pairwise(starts)]


def grid_of(file: bytes) -> tuple[int, int, int]:
    """Patches of an image, from its header."""
    width, height = Image.open(io.BytesIO(file)).size
    high, wide = smart_resize(height, width, PATCH * MERGE, common.FEWEST_PIXELS, common.MOST_PIXELS)
    return 1, high // PATCH, wide // PATCH


def check(files: list[bytes]) -> None:
    """Decodes files on all cores."""
    import torch
    from torchvision.io import ImageReadMode, decode_image

    torch.set_num_threads(1)

    def decode(file: bytes) -> None:
        decode_image(torch.frombuffer(bytearray(file), dtype=torch.uint8), ImageReadMode.RGB)

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(decode, files))


def shown_ids(grid: tuple[int, int, int]) -> common.Ids:
    """Ids that stand for an image."""
    pads = grid[1] * grid[2] // MERGE**2
    return np.array([VISION_START, *[IMAGE_PAD] * pads, VISION_END], dtype=np.uint32)


def traces(table: pa.Table, tokenizer: Any, clock: dict[str, float], *, decoded: bool) -> list[common.Trace]:
    """All traces of some rows."""
    started = time.perf_counter()
    rows = table.to_pylist()
    files = [row["image"]["bytes"] if row["image"] else None for row in rows]
    clock["read"] += time.perf_counter() - started
    started = time.perf_counter()
    if decoded:
        check(list({file for file in files if file is not None}))
    grids = [grid_of(file) if file is not None else None for file in files]
    clock["images"] += time.perf_counter() - started
    started = time.perf_counter()
    before = encode(tokenizer, [BEFORE])[0]
    asked = encode(tokenizer, [common.prompt(row["question"], row["options"]) + BETWEEN for row in rows])
    answered = iter(encode(tokenizer, [response + AFTER for row in rows for response in row["responses"]]))
    made = []
    for row, file, grid, question in zip(rows, files, grids, asked, strict=True):
        head = np.concatenate([before, shown_ids(grid), question] if grid else [before, question])
        made += [
            common.Trace(np.concatenate([head, next(answered)]), len(head), file, grid)
            for _ in row["responses"]
        ]
    clock["tokenize"] += time.perf_counter() - started
    return made


def tables(files: list[str]) -> Any:
    """The rows, some groups at a time."""
    held = []
    for path in files:
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            held.append(file.read_row_group(group))
            if len(held) == CHUNK_GROUPS:
                yield pa.concat_tables(held)
                held = []
    if held:
        yield pa.concat_tables(held)


def main() -> None:
    """Runs all chunks with one set-up."""
    started = time.perf_counter()
    given = arguments()
    tokenizer = gigatoken.Tokenizer(given["tokenizer"] + "/tokenizer.json")
    clock = dict.fromkeys(["set_up", "read", "images", "tokenize"], 0.0)
    clock["set_up"] = time.perf_counter() - started
    seen = 0

    def packs() -> Any:
        nonlocal seen
        for table in tables(corpus_files(given["corpus"])):
            found = traces(table, tokenizer, clock, decoded=given["verify"] == "decode")
            seen += len(found)
            fitting = [one for one in found if len(one.ids) <= CAPACITY]
            lengths = np.array([len(one.ids) for one in fitting], np.int64)
            items, offsets = Packer(CAPACITY).pack_flat(lengths)
            for pack in np.split(items, offsets):
                yield [fitting[one] for one in pack.tolist()]

    made = common.write(given["out"], packs())
    clock["pack_and_write"] = time.perf_counter() - started - sum(clock.values())
    finish(traces=seen, **made, stages=clock)


if __name__ == "__main__":
    main()
