"""Ranges of bytes: half-open, in order, and none that touches another."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Range = tuple[int, int]

GAP_BYTES = 512
"""Ranges that are no farther apart are asked for together: a request costs more than so few bytes."""


class Ranges:
    """A set of bytes of a file.

    Examples
    --------
    >>> held = Ranges()
    >>> held.add(0, 10), held.add(10, 20), held.remove(5, 15)
    (10, 10, 10)
    >>> list(held), held.missing(0, 20)
    ([(0, 5), (15, 20)], [(5, 15)])
    """

    def __init__(self) -> None:
        self._begins: list[int] = []
        self._ends: list[int] = []

    def __iter__(self) -> Iterator[Range]:
        return iter(zip(self._begins, self._ends, strict=True))

    @property
    def size(self) -> int:
        """Bytes in the set."""
        return sum(self._ends) - sum(self._begins)

    def add(self, begin: int, end: int) -> int:
        """Add bytes, and return how many of them are new."""
        if begin >= end:
            return 0
        first, last = bisect_left(self._ends, begin), bisect_right(self._begins, end)
        low = min([begin, *self._begins[first:last]])
        high = max([end, *self._ends[first:last]])
        before = sum(self._ends[first:last]) - sum(self._begins[first:last])
        self._begins[first:last], self._ends[first:last] = [low], [high]
        return high - low - before

    def remove(self, begin: int, end: int) -> int:
        """Take bytes out, and return how many of them were in the set."""
        if begin >= end:
            return 0
        first, last = bisect_right(self._ends, begin), bisect_left(self._begins, end)
        cut = list(zip(self._begins[first:last], self._ends[first:last], strict=True))
        left = [(low, begin) for low, _ in cut[:1] if low < begin]
        left += [(end, high) for _, high in cut[-1:] if high > end]
        self._begins[first:last] = [low for low, _ in left]
        self._ends[first:last] = [high for _, high in left]
        return sum(high - low for low, high in cut) - sum(high - low for low, high in left)

    def within(self, begin: int, end: int) -> list[Range]:
        """Return the parts of a range that are in the set."""
        first, last = bisect_right(self._ends, begin), bisect_left(self._begins, end)
        held = zip(self._begins[first:last], self._ends[first:last], strict=True)
        return [(max(begin, low), min(end, high)) for low, high in held]

    def missing(self, begin: int, end: int) -> list[Range]:
        """Return the parts of a range that are not in the set."""
        found: list[Range] = []
        for low, high in self.within(begin, end):
            if begin < low:
                found.append((begin, low))
            begin = max(begin, high)
        if begin < end:
            found.append((begin, end))
        return found


def coalesced(ranges: Iterable[Range], gap: int = GAP_BYTES) -> list[Range]:
    """Return ranges in order, those joined that lie no farther apart than a gap.

    Examples
    --------
    >>> coalesced([(100, 110), (0, 10), (12, 20)], gap=5)
    [(0, 20), (100, 110)]
    """
    found: list[Range] = []
    for begin, end in sorted(one for one in ranges if one[0] < one[1]):
        if found and begin <= found[-1][1] + gap:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def parts(ranges: Iterable[Range], most: int) -> Iterator[Range]:
    """Cut ranges into parts of no more than so many bytes.

    Examples
    --------
    >>> list(parts([(0, 5)], 2))
    [(0, 2), (2, 4), (4, 5)]
    """
    for begin, end in ranges:
        for at in range(begin, end, most):
            yield at, min(end, at + most)
