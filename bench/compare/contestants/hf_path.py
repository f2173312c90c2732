"""The path that users have today: `datasets.map` (template, tokenize, mask) → TRL `bfd` → `MDSWriter`."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np
from bench.compare.contestants.common import CAPACITY, arguments, corpus_files, finish, timed
from datasets import load_dataset
from streaming import MDSWriter
from transformers import AutoTokenizer
from trl import pack_dataset

PROCESSES = 2
COLUMNS = {"input_ids": "ndarray:uint32", "assistant_masks": "ndarray:uint8", "lengths": "ndarray:uint32"}


def conversations(rows: dict[str, list[Any]]) -> list[list[dict[str, str]]]:
    """One conversation a response."""
    made = []
    for question, options, responses in zip(
        rows["question"], rows["options"], rows["responses"], strict=True
    ):
        prompt = "\n".join([question, *options])
        made += [
            [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
            for response in responses
        ]
    return made


def main() -> None:
    """Runs the three stages."""
    given = arguments()
    tokenizer = AutoTokenizer.from_pretrained(given["tokenizer"])
    tokenizer.chat_template = (files("trl") / "chat_templates" / "qwen2_5_training.jinja").read_text()

    def encode(rows: dict[str, list[Any]]) -> dict[str, Any]:
        encoded = tokenizer.apply_chat_template(
            conversations(rows), tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        return {"input_ids": encoded["input_ids"], "assistant_masks": encoded["assistant_masks"]}

    cache = given["scratch"]
    source = load_dataset("parquet", data_files=corpus_files(given["corpus"]), split="train", cache_dir=cache)
    encoded, map_seconds = timed(
        lambda: source.map(encode, batched=True, num_proc=PROCESSES, remove_columns=source.column_names)
    )
    packed, pack_seconds = timed(lambda: pack_dataset(encoded, CAPACITY, strategy="bfd"))

    def write() -> int:
        tokens = 0
        with MDSWriter(columns=COLUMNS, out=given["out"], compression="zstd:1", hashes=["xxh3_64"],
                       size_limit="128mb") as writer:  # fmt: skip
            for row in packed.with_format("numpy"):
                tokens += len(row["input_ids"])
                writer.write({
                    "input_ids": row["input_ids"].astype(np.uint32),
                    "assistant_masks": row["assistant_masks"].astype(np.uint8),
                    "lengths": row["seq_lengths"].astype(np.uint32),
                })  # fmt: skip
        return tokens

    tokens, write_seconds = timed(write)
    finish(
        traces=len(encoded),
        packs=len(packed),
        tokens=tokens,
        fill=tokens / (len(packed) * CAPACITY),
        stages={"map": map_seconds, "pack": pack_seconds, "write": write_seconds},
    )


if __name__ == "__main__":
    main()
