"""Text to ids by one tokenizer: set-up apart, then a first and a second pass over the same documents.

Imports and set-up stand outside the clock and are reported. Each contestant gets the documents in the form
that is fastest for it, and its results are taken as the buffers that it makes.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from bench.compare.contestants.common import arguments, documents, finish, timed

CHECKED = 200  # documents whose ids go into the digest
THREADS = 2


def flat(texts: pa.ChunkedArray) -> pa.LargeStringArray:
    """One array of large strings with offsets from 0."""
    joined = texts.combine_chunks()
    return joined if isinstance(joined, pa.Array) else joined.chunk(0)


def digest(lists: list[Any]) -> str:
    """Digest of the ids of the first documents."""
    ids = [np.asarray(one, dtype=np.uint32).tobytes() for one in lists]
    return hashlib.sha256(b"|".join(ids)).hexdigest()[:16]


Encode = Callable[[Any], Any]
Contestant = tuple[Encode, Any, Callable[[Any], list[Any]]]
"""What encodes, the documents in its form, and how to see the ids of the first documents."""


def tokenizers(texts: pa.LargeStringArray, folder: str) -> tuple[Contestant, float]:
    """`tokenizers` with its fastest batch call."""
    from tokenizers import Tokenizer

    made, seconds = timed(lambda: Tokenizer.from_file(f"{folder}/tokenizer.json"))
    made.encode_special_tokens = True
    return (
        made.encode_batch_fast,
        texts.to_pylist(),
        lambda out: [one.ids for one in out[:CHECKED]],
    ), seconds


def tiktoken(texts: pa.LargeStringArray, _folder: str) -> tuple[Contestant, float]:
    """`tiktoken` on all cores."""
    import tiktoken as library
    from bench.compare.vocabulary import PATTERN, ranks

    vocabulary = ranks()
    made, seconds = timed(
        lambda: library.Encoding("qwen", pat_str=PATTERN, mergeable_ranks=vocabulary, special_tokens={})
    )
    encode = lambda given: made.encode_ordinary_batch(given, num_threads=THREADS)  # noqa: E731
    return (encode, texts.to_pylist(), lambda out: out[:CHECKED]), seconds


def gigatoken(texts: pa.LargeStringArray, folder: str) -> tuple[Contestant, float]:
    """`gigatoken` over Arrow's buffers, which of its in-memory inputs is the fastest one here."""
    import awkward as ak
    import gigatoken as library

    made, seconds = timed(lambda: library.Tokenizer(f"{folder}/tokenizer.json"))
    given = ak.from_arrow(texts)  # wraps the buffers, copies nothing

    def encode(strings: Any) -> tuple[Any, Any]:
        layout = made.encode_batch(strings).layout
        return layout.content.data, layout.offsets.data

    return (encode, given, first_of_flat), seconds


def octomed(texts: pa.LargeStringArray, folder: str) -> tuple[Contestant, float]:
    """`octomed.Tokenizer` over the same Arrow array."""
    from octomed import Tokenizer

    made, seconds = timed(lambda: Tokenizer.from_file(f"{folder}/tokenizer.json"))
    return (
        made.encode_batch,
        texts,
        lambda out: first_of_flat((out.ids, out.offsets)),
    ), seconds


def first_of_flat(out: tuple[Any, Any]) -> list[Any]:
    """Ids of the first documents of flat buffers."""
    ids, offsets = out
    return [ids[offsets[index] : offsets[index + 1]] for index in range(min(CHECKED, len(offsets) - 1))]


def main() -> None:
    """Runs one tokenizer."""
    given = arguments()
    texts = flat(documents(given["corpus"], int(given["bytes"])))
    size = len(texts.buffers()[2])
    imported = time.perf_counter()
    prepare = {"tokenizers": tokenizers, "tiktoken": tiktoken, "gigatoken": gigatoken, "octomed": octomed}
    (encode, form, first), set_up = prepare[given["contestant"]](texts, given["tokenizer"])
    whole = time.perf_counter() - imported
    passes = []
    for _ in range(2):
        out, seconds = timed(lambda: encode(form))
        passes.append(size / 1e6 / seconds)
        seen = digest(first(out))
        del out
    finish(
        megabytes=size / 1e6, documents=len(texts), set_up_seconds=set_up, import_seconds=whole - set_up,
        first_pass_mb_s=passes[0], second_pass_mb_s=passes[1], digest=seen,
    )  # fmt: skip


if __name__ == "__main__":
    main()
