"""Packs of token ids to shards by one writer, or to plain zstd frames: what the codec alone can do."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from bench.compare.contestants.common import CAPACITY, arguments, finish, timed

COLUMNS = {"input_ids": "ndarray:uint32", "lengths": "ndarray:uint32", "loss_spans": "ndarray:uint32"}
SHARD_BYTES = 128 << 20
THREADS = 2
Rows = list[dict[str, npt.NDArray[np.uint32]]]


def rows(file: str, repeats: int) -> Rows:
    """Packs cut from a file of ids, `repeats` times over."""
    ids = np.fromfile(file, dtype=np.uint32)
    packs = [ids[start : start + CAPACITY] for start in range(0, len(ids) - CAPACITY + 1, CAPACITY)]
    lengths = np.full(16, CAPACITY // 16, dtype=np.uint32)
    ends = np.cumsum(lengths, dtype=np.uint32)
    spans = np.stack([ends - lengths + 90, ends - 1], axis=1).astype(np.uint32)
    return [{"input_ids": pack, "lengths": lengths, "loss_spans": spans} for pack in packs] * repeats


def mdswriter(packs: Rows, out: str, compression: str | None) -> float:
    """`MDSWriter` of mosaicml-streaming."""
    from streaming import MDSWriter

    def write() -> None:
        with MDSWriter(columns=COLUMNS, out=out, compression=compression, hashes=["xxh3_64"],
                       size_limit=SHARD_BYTES) as writer:  # fmt: skip
            for pack in packs:
                writer.write(pack)

    return timed(write)[1]


def octomed(packs: Rows, out: str, compression: str | None) -> float:
    """`octomed.MDSWriter`, all cores."""
    from octomed.mds import MDSWriter

    def write() -> None:
        with MDSWriter(columns=COLUMNS, out=out, compression=compression, hashes=["xxh3_64"],
                       size_limit=SHARD_BYTES) as writer:  # fmt: skip
            for pack in packs:
                writer.write(pack)

    return timed(write)[1]


def codec(packs: Rows, _out: str, _compression: str | None) -> float:
    """Plain zstd-1 over the same bytes, shard-sized pieces, one thread a core, nothing written."""
    import zstandard

    joined = np.concatenate([pack["input_ids"] for pack in packs]).view(np.uint8)
    pieces = [joined[start : start + SHARD_BYTES] for start in range(0, len(joined), SHARD_BYTES)]

    def compress() -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda piece: len(zstandard.ZstdCompressor(level=1).compress(piece)), pieces))

    return timed(compress)[1]


def main() -> None:
    """Runs one writer."""
    given: dict[str, Any] = arguments()
    packs = rows(given["ids"], int(given["repeats"]))
    size = sum(value.nbytes for pack in packs for value in pack.values())
    work = {"mdswriter": mdswriter, "octomed": octomed, "codec": codec}[given["contestant"]]
    seconds = work(packs, given["out"], given["compression"])
    index = Path(given["out"]) / "index.json"
    shards = json.loads(index.read_text())["shards"] if index.exists() else []
    finish(
        megabytes=size / 1e6, packs=len(packs), seconds=seconds, mb_s=size / 1e6 / seconds, shards=len(shards)
    )


if __name__ == "__main__":
    main()
