"""How much of everything is compared: in minutes, or as the published figures are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Amounts of one comparison."""

    traces: int
    """Corpus of the assembled parts and of `octomed pack`."""
    hf_traces: int
    """Corpus of the HF path: the beginning of the other one."""
    tokenize_mb: int
    """Text that the fast tokenizers pass over; tiktoken gets a fifth, tokenizers a twenty-fifth."""
    lengths: int
    """Lengths to pack; TRL, which packs rows, gets an eightieth."""
    write_mb: int
    """Token ids to write."""


FULL = Sizes(traces=200_000, hf_traces=20_000, tokenize_mb=500, lengths=8_095_571, write_mb=1_000)
SMALL = Sizes(traces=20_000, hf_traces=2_000, tokenize_mb=50, lengths=800_000, write_mb=200)
BY_NAME = {"full": FULL, "small": SMALL}
WARM_TRACES = 300
"""Corpus of the untimed run that leaves compiled modules and libraries in the page cache."""
