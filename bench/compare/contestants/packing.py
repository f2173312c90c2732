"""Lengths to packs by one packer: seconds, packs, and the bound that no packing goes below."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from bench.compare.contestants.common import CAPACITY, arguments, finish, timed
from bench.corpus import lengths as corpus_lengths


def sample(count: int) -> npt.NDArray[np.int64]:
    """Lengths of `count` traces of the corpus's distribution, over-long ones drawn again as short ones."""
    bits = np.random.PCG64(17)
    responses = corpus_lengths.responses(bits, corpus_lengths.uniforms(bits, count))
    made = np.round(responses + corpus_lengths.questions(bits, count)).astype(np.int64)
    return np.where(made > CAPACITY, made % 1_000 + 200, made)


def seqpacker(lengths: npt.NDArray[np.int64]) -> tuple[int, float]:
    """`seqpacker` with its fastest good strategy and flat arrays."""
    from seqpacker import Packer

    (_, offsets), seconds = timed(lambda: Packer(CAPACITY, "obfd").pack_flat(lengths))
    return len(offsets) + 1, seconds


def trl(lengths: npt.NDArray[np.int64]) -> tuple[int, float]:
    """TRL packs rows, not lengths, a thousand at a time: it gets rows of zeros of these lengths."""
    import pyarrow as pa
    from datasets import Dataset
    from trl import pack_dataset

    starts = np.concatenate([[0], np.cumsum(lengths)])
    values = pa.array(np.zeros(starts[-1], dtype=np.int32))
    rows = pa.LargeListArray.from_arrays(pa.array(starts), values)
    dataset = Dataset(pa.table({"input_ids": rows}))
    packed, seconds = timed(lambda: pack_dataset(dataset, CAPACITY, strategy="bfd"))
    return len(packed), seconds


def octomed(lengths: npt.NDArray[np.int64]) -> tuple[int, float]:
    """`octomed.pack_lengths`."""
    from octomed.packing import pack_lengths

    packing, seconds = timed(lambda: pack_lengths(lengths, CAPACITY))
    return len(packing), seconds


def main() -> None:
    """Runs one packer."""
    given: dict[str, Any] = arguments()
    lengths = sample(int(given["count"]))
    packs, seconds = {"seqpacker": seqpacker, "trl": trl, "octomed": octomed}[given["contestant"]](lengths)
    bound = max(-(-int(lengths.sum()) // CAPACITY), int((lengths > CAPACITY // 2).sum()))
    finish(lengths=len(lengths), seconds=seconds, lengths_a_second=len(lengths) / seconds, packs=packs,
           lower_bound=bound, fill=float(lengths.sum()) / (packs * CAPACITY))  # fmt: skip


if __name__ == "__main__":
    main()
