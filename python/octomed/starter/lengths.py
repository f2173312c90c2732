"""How long the first traces of a recipe are, and which capacity and buckets follow from that."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.pipeline.inputs.files import file_errors
from octomed.pipeline.inputs.read import blocks_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from octomed.pipeline.planning.plan import Plan, SourcePlan

_ROWS = 300
_SECONDS = 3.0
_BLOCK_BYTES = 2**18
_LEAST_CAPACITY = 4096
_MOST_CAPACITY = 32768
"""Beyond that a model's memory is the question, which a user answers."""
_LEAST_EDGE = 128
_EDGES = (0.5, 0.95)
"""Shares of the traces that are no longer than an inner edge: buckets that each hold much and fill alike."""


@dataclass(frozen=True)
class Lengths:
    """Tokens of traces.

    Attributes
    ----------
    tokens
        Of each trace that was looked at, ascending.
    rows
        Rows of each source that were looked at.
    """

    tokens: tuple[int, ...] = ()
    rows: dict[str, int] = field(default_factory=dict)

    def at(self, share: float) -> int:
        """Return the length that this share of the traces does not pass."""
        return self.tokens[min(len(self.tokens) - 1, int(share * len(self.tokens)))]


def lengths_of(plan: Plan) -> Lengths:
    """Tokenize the first rows of each source."""
    tokens: list[int] = []
    rows: dict[str, int] = {}
    for source in plan.sources:
        found, rows[source.source.name] = _of_source(source)
        tokens += found
    return Lengths(tuple(sorted(tokens)), rows)


def _of_source(source: SourcePlan) -> tuple[list[int], int]:
    tokens: list[int] = []
    rows = 0
    end = time.monotonic() + _SECONDS
    for task in source.tasks:
        for block in blocks_of(task, source.scanner.mapping, target=_BLOCK_BYTES):
            with file_errors(task.file):
                left = max(end - time.monotonic(), 0.0)
                for _, _, _, traces, _ in _octomed.row_outcomes(source.scanner, block, _ROWS - rows, left):
                    rows += 1
                    tokens += [length for _, verdict, length in traces if verdict == "kept"]
            if rows >= _ROWS or time.monotonic() >= end:
                return tokens, rows
    return tokens, rows


def capacity_for(lengths: Lengths) -> int:
    """Return a power of two that takes every trace that was looked at, as far as that is sensible."""
    longest = lengths.tokens[-1] if lengths.tokens else _LEAST_CAPACITY
    return min(max(_power(longest), _LEAST_CAPACITY), _MOST_CAPACITY)


def buckets_for(lengths: Lengths, capacity: int) -> list[int]:
    """Return inner edges below a capacity: at half of the traces, and at nearly all of them.

    Examples
    --------
    >>> buckets_for(Lengths(tuple(range(100, 1100))), 4096)
    [1024, 2048]
    >>> buckets_for(Lengths((40, 50)), 4096)
    [128]
    """
    if not lengths.tokens:
        return [edge for edge in (1024, 4096) if edge < capacity]
    edges = {max(_power(lengths.at(share)), _LEAST_EDGE) for share in _EDGES}
    return sorted(edge for edge in edges if edge < capacity)


def _power(number: int) -> int:
    """Return the least power of two that is no less."""
    return 1 << max(number - 1, 1).bit_length()


def spread_in_words(lengths: Lengths) -> str:
    """Return what was seen of lengths, for a comment.

    Examples
    --------
    >>> spread_in_words(Lengths((40, 50, 900)))
    'of 3 traces looked at half have at most 50 tokens, the longest 900'
    """
    if not lengths.tokens:
        return "no trace was looked at"
    number, half, longest = len(lengths.tokens), lengths.at(0.5), lengths.tokens[-1]
    return f"of {number:,} traces looked at half have at most {half:,} tokens, the longest {longest:,}"


def beyond(lengths: Sequence[int], capacity: int) -> int:
    """Return how many lengths pass a capacity."""
    return sum(length > capacity for length in lengths)
