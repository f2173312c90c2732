"""Memory that the child writes batches into and the run reads: only their places go through the pipe."""

from __future__ import annotations

import mmap
import os

import pyarrow as pa

SLOT_BYTES = 12 * 2**20
"""A batch has about 8 MiB; a larger one goes through the pipe."""

SLOTS = 32
"""More batches than a reader has cut and not yet handed on; beyond that they go through the pipe."""

ALIGNMENT = 64
"""Where Arrow expects buffers to begin."""


def places(sizes: list[int]) -> list[int]:
    """Return where parts of these sizes begin in a slot, and where the last one ends."""
    found = [0]
    for size in sizes:
        found.append(-(-(found[-1] + size) // ALIGNMENT) * ALIGNMENT)
    return found


class Slots:
    """Shared memory in equal pieces, of the run's side.

    Attributes
    ----------
    file : int
        Its descriptor, for the child.
    """

    def __init__(self) -> None:
        self.file = os.memfd_create("octomed-batches")
        os.ftruncate(self.file, SLOTS * SLOT_BYTES)  # a page takes memory once it is written
        self._memory = pa.py_buffer(mmap.mmap(self.file, SLOTS * SLOT_BYTES))
        self._free = list(range(SLOTS))

    def take(self) -> int | None:
        """Return a slot that nobody reads, the last one used before all others; none when all are read."""
        try:
            return self._free.pop()
        except IndexError:
            return None

    def give_back(self, slot: int) -> None:
        """Let a slot be written again."""
        self._free.append(slot)

    def parts(self, slot: int, sizes: list[int]) -> list[pa.Buffer]:
        """Return what the child wrote into a slot; it is free when the last reader of a part is gone."""
        begins = places(sizes)
        begin = self._memory.address + slot * SLOT_BYTES
        whole = pa.foreign_buffer(begin, begins[-1], base=_Lease(self, slot))
        return [whole.slice(at, size) for at, size in zip(begins, sizes, strict=False)]

    def close(self) -> None:
        """Close the descriptor; the memory stays as long as somebody reads it."""
        os.close(self.file)


class _Lease:
    """Kept by the buffers of a slot."""

    def __init__(self, slots: Slots, slot: int) -> None:
        self._slots, self._slot = slots, slot

    def __del__(self) -> None:
        """Give the slot back: the last buffer is gone, in whichever thread."""
        self._slots.give_back(self._slot)
