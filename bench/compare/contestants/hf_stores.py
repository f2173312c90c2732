"""The path that users have today, from a store and to one: `datasets` streaming, template, `MDSWriter` to S3.

Rows are streamed, rendered and masked by `transformers`, put together in the order in which they come until a
pack is full, and written by `MDSWriter`, which uploads its shards. One process, as a streamed dataset has it.
"""

from __future__ import annotations

import os
import time
from importlib.resources import files
from typing import Any

import numpy as np
from bench.compare.contestants.common import CAPACITY, arguments, finish
from bench.compare.contestants.hf_path import conversations
from datasets import load_dataset
from streaming import MDSWriter
from transformers import AutoTokenizer

COLUMNS = {"input_ids": "ndarray:uint32", "assistant_masks": "ndarray:uint8", "lengths": "ndarray:uint32"}
BATCH = 256


def written(writer: MDSWriter, traces: list[tuple[list[int], list[int]]]) -> int:
    """Write a pack; return its tokens."""
    lengths = [len(ids) for ids, _ in traces]
    writer.write({
        "input_ids": np.concatenate([np.asarray(ids, np.uint32) for ids, _ in traces]),
        "assistant_masks": np.concatenate([np.asarray(mask, np.uint8) for _, mask in traces]),
        "lengths": np.asarray(lengths, np.uint32),
    })  # fmt: skip
    return sum(lengths)


def main() -> None:
    """Streams, renders, packs and writes in one loop."""
    started = time.perf_counter()
    given = arguments()
    os.environ["S3_ENDPOINT_URL"] = given["endpoint"]
    tokenizer = AutoTokenizer.from_pretrained(given["tokenizer"])
    tokenizer.chat_template = (files("trl") / "chat_templates" / "qwen2_5_training.jinja").read_text()
    access: dict[str, Any] = {"key": given["key"], "secret": given["secret"],
                              "client_kwargs": {"endpoint_url": given["endpoint"]}}  # fmt: skip
    rows = load_dataset("parquet", data_files=given["files"], split="train", streaming=True,
                        storage_options=access)  # fmt: skip
    traces = packs = tokens = held = 0
    waiting: list[tuple[list[int], list[int]]] = []
    with MDSWriter(columns=COLUMNS, out=(given["out"], given["to"]), compression="zstd:1",
                   hashes=["xxh3_64"], size_limit="128mb") as writer:  # fmt: skip
        for batch in rows.iter(BATCH):
            made = tokenizer.apply_chat_template(
                conversations(batch), tokenize=True, return_dict=True, return_assistant_tokens_mask=True
            )
            for ids, mask in zip(made["input_ids"], made["assistant_masks"], strict=True):
                traces += 1
                if len(ids) > CAPACITY:
                    continue
                if held + len(ids) > CAPACITY:
                    tokens += written(writer, waiting)
                    packs, held, waiting = packs + 1, 0, []
                waiting.append((ids, mask))
                held += len(ids)
        if waiting:
            tokens += written(writer, waiting)
            packs += 1
    finish(traces=traces, packs=packs, tokens=tokens, fill=tokens / (packs * CAPACITY),
           stages={"all": time.perf_counter() - started})  # fmt: skip


if __name__ == "__main__":
    main()
