"""Make `qwen.merges.zst` from the rank file that the `dashscope` package publishes (Apache-2.0).

The vocabulary of Qwen 1 to 3 has 151,643 byte strings in rank order. The first 256 are the single bytes;
each later one is the merge of two earlier ones. So the whole vocabulary is written as the 256 bytes,
then the left ids, then the right ids (little-endian u24, one plane a byte, because planes compress better
than records), under zstd.

Usage: python rust/text/data/make_qwen.py [qwen.tiktoken]
"""

from __future__ import annotations

import base64
import importlib.util
import sys
from pathlib import Path

import numpy as np
import zstandard

HERE = Path(__file__).parent


def read_ranks(path: Path) -> dict[bytes, int]:
    """Read a tiktoken rank file: a base64 token and its rank on each line."""
    ranks = {}
    for line in path.read_bytes().splitlines():
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    return ranks


def last_merge(token: bytes, ranks: dict[bytes, int]) -> tuple[bytes, bytes]:
    """Give the two parts that byte pair encoding joins last when only lower ranks may merge."""
    limit = ranks[token]
    parts = [token[i : i + 1] for i in range(len(token))]
    while len(parts) > 2:
        joined = [ranks.get(left + right, limit) for left, right in zip(parts, parts[1:], strict=False)]
        best = min(joined)
        if best == limit:
            raise ValueError(f"{token!r} is not the merge of two lower ranks")
        at = joined.index(best)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts[0], parts[1]


def planes(values: list[int]) -> bytes:
    """Split u24 values into three planes of bytes, low byte first."""
    array = np.array(values, dtype="<u4")
    return b"".join(((array >> shift) & 0xFF).astype("u1").tobytes() for shift in (0, 8, 16))


def main() -> None:
    """Write the file beside this script."""
    if len(sys.argv) > 1:
        source = Path(sys.argv[1])
    else:
        spec = importlib.util.find_spec("dashscope")
        assert spec is not None and spec.origin is not None, "install dashscope, or name its qwen.tiktoken"
        source = Path(spec.origin).parent / "resources" / "qwen.tiktoken"
    ranks = read_ranks(source)
    ordered = sorted(ranks, key=ranks.__getitem__)
    assert [ranks[token] for token in ordered] == list(range(len(ordered)))
    assert all(len(token) == 1 for token in ordered[:256])
    merges = [last_merge(token, ranks) for token in ordered[256:]]
    raw = b"".join(ordered[:256])
    raw += planes([ranks[left] for left, _ in merges]) + planes([ranks[right] for _, right in merges])
    target = HERE / "qwen.merges.zst"
    target.write_bytes(zstandard.ZstdCompressor(level=19).compress(raw))
    print(f"{len(ordered)} tokens, {len(raw)} bytes, {target.stat().st_size} compressed")


if __name__ == "__main__":
    main()
