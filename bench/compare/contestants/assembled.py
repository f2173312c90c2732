"""The best existing parts put together: pyarrow → gigatoken (flat buffers) → seqpacker → `MDSWriter`.

It does as little as it can: each question's prompt is tokenized once for all its responses, prompt and
response are tokenized apart and joined as ids, the loss span is the response, nothing is checked, nothing can
be resumed, over-long traces are left out. Chunks of 20,000 traces keep its memory in bounds; the set-up
happens once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import awkward as ak
import gigatoken
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from bench.compare.contestants.common import CAPACITY, arguments, corpus_files, finish
from seqpacker import Packer
from streaming import MDSWriter

CHUNK_TRACES = 20_000
COLUMNS = {"input_ids": "ndarray:uint32", "lengths": "ndarray:uint32", "loss_spans": "ndarray:uint32"}
BEFORE = (
    "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n"
    "<|im_start|>user\n"
)
BETWEEN = "<|im_end|>\n<|im_start|>assistant\n"
AFTER = "<|im_end|>\n"
AFTER_TOKENS = 1  # the newline behind the end of turn is not learned

Ids = npt.NDArray[np.uint32]
Offsets = npt.NDArray[np.int64]


def chunks(files: list[str]) -> Iterator[pa.Table]:
    """Tables of about 20,000 traces."""
    held: list[pa.Table] = []
    traces = 0
    for path in files:
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=["question", "options", "responses"])
            held.append(table)
            traces += pc.sum(pc.list_value_length(table["responses"])).as_py()
            if traces >= CHUNK_TRACES:
                yield pa.concat_tables(held).combine_chunks()
                held, traces = [], 0
    if held:
        yield pa.concat_tables(held).combine_chunks()


def encode(tokenizer: Any, texts: pa.Array) -> tuple[Ids, Offsets]:
    """Flat ids and offsets of strings; the buffers are taken as they are."""
    layout = tokenizer.encode_batch(ak.from_arrow(texts)).layout
    return layout.content.data, layout.offsets.data


def whole(column: pa.ChunkedArray) -> pa.Array:
    """A column's only chunk."""
    return column.chunk(0) if isinstance(column, pa.ChunkedArray) else column


def render(table: pa.Table) -> tuple[pa.Array, pa.Array, npt.NDArray[np.int64]]:
    """Prompts a row, responses a trace, and the row of each trace."""
    large = pa.large_string()
    responses = whole(table["responses"])
    options = pc.binary_join(whole(table["options"]).cast(pa.list_(pa.string())), "\n").cast(large)
    question = whole(table["question"]).cast(large)
    prompts = pc.binary_join_element_wise(
        pa.scalar(BEFORE, large), question, pa.scalar("\n", large), options, pa.scalar(BETWEEN, large),
        pa.scalar("", large),
    )  # fmt: skip
    endings = pc.binary_join_element_wise(
        responses.flatten().cast(large), pa.scalar(AFTER, large), pa.scalar("", large)
    )
    return prompts, endings, np.repeat(np.arange(len(table)), pc.list_value_length(responses).to_numpy())


def write_packs(writer: MDSWriter, prompts: tuple[Ids, Offsets], responses: tuple[Ids, Offsets],
                rows: npt.NDArray[np.int64], clock: dict[str, float]) -> tuple[int, int, int]:  # fmt: skip
    """Packs one chunk and writes its packs; returns packs, tokens and over-long traces."""
    started = time.perf_counter()
    (prompt_ids, prompt_starts), (ids, starts) = prompts, responses
    prompt_lengths = np.diff(prompt_starts)[rows]
    lengths = np.diff(starts) + prompt_lengths
    fitting = np.flatnonzero(lengths <= CAPACITY)
    items, offsets = Packer(CAPACITY).pack_flat(np.ascontiguousarray(lengths[fitting], np.int64))
    clock["pack"] += time.perf_counter() - started
    started = time.perf_counter()
    packs = np.split(fitting[items], offsets)
    for pack in packs:
        parts = []
        for trace in pack.tolist():
            row = rows[trace]
            parts.append(prompt_ids[prompt_starts[row] : prompt_starts[row + 1]])
            parts.append(ids[starts[trace] : starts[trace + 1]])
        held = lengths[pack]
        ends = np.cumsum(held)
        spans = np.stack([ends - held + prompt_lengths[pack], ends - AFTER_TOKENS], axis=1)
        writer.write({"input_ids": np.concatenate(parts), "lengths": held.astype(np.uint32),
                      "loss_spans": spans.astype(np.uint32)})  # fmt: skip
    clock["write"] += time.perf_counter() - started
    return len(packs), int(lengths[fitting].sum()), len(lengths) - len(fitting)


def main() -> None:
    """Runs all chunks with one set-up."""
    started = time.perf_counter()
    given = arguments()
    tokenizer = gigatoken.Tokenizer(given["tokenizer"] + "/tokenizer.json")
    clock = dict.fromkeys(["set_up", "read", "render", "tokenize", "pack", "write"], 0.0)
    clock["set_up"] = time.perf_counter() - started
    traces = packs = tokens = over_long = 0
    with MDSWriter(columns=COLUMNS, out=given["out"], compression="zstd:1", hashes=["xxh3_64"],
                   size_limit="128mb") as writer:  # fmt: skip
        pieces = chunks(corpus_files(given["corpus"]))
        while True:
            begun = time.perf_counter()
            table = next(pieces, None)
            read = time.perf_counter()
            clock["read"] += read - begun
            if table is None:
                break
            prompts, responses, rows = render(table)
            rendered = time.perf_counter()
            clock["render"] += rendered - read
            encoded = encode(tokenizer, prompts), encode(tokenizer, responses)
            clock["tokenize"] += time.perf_counter() - rendered
            made = write_packs(writer, *encoded, rows, clock)
            packs, tokens, over_long = packs + made[0], tokens + made[1], over_long + made[2]
            traces += len(rows)
    finish(traces=traces, packs=packs, tokens=tokens, over_long=over_long,
           fill=tokens / (packs * CAPACITY), stages=clock)  # fmt: skip


if __name__ == "__main__":
    main()
