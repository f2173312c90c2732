"""What a corpus consists of, and how it is cut into chunks that do not depend on one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CHUNK_TRACES = 10_000  # one Parquet row group, about 42 MB of text
FILE_CHUNKS = 5
WORDS_A_CHUNK = 1 << 17  # numbers of the never-seen words that a chunk may use


@dataclass(frozen=True)
class Plan:
    """A corpus is a function of this value; a smaller one is the beginning of a larger one."""

    traces: int
    seed: int = 17
    duplicates: float = 0.01
    mixed: float = 0.0
    layout: str = "questions"
    format: str = "parquet"

    @property
    def chunks(self) -> int:
        """Number of chunks; the last may be smaller than the others."""
        return -(-self.traces // CHUNK_TRACES)

    @property
    def files(self) -> int:
        """Number of files."""
        return -(-self.chunks // FILE_CHUNKS)

    def chunk_traces(self, chunk: int) -> int:
        """Traces of one chunk, planted duplicates included."""
        return min(CHUNK_TRACES, self.traces - chunk * CHUNK_TRACES)

    def file_name(self, file: int) -> str:
        """Name of one file, relative to the corpus."""
        return f"part-{file:05d}.{'parquet' if self.format == 'parquet' else 'jsonl'}"

    def head_traces(self, chunk: int) -> int:
        """Traces at a chunk's beginning that later chunks may copy."""
        return round(self.duplicates * self.chunk_traces(chunk) * 0.4)

    def bits(self, chunk: int, part: int) -> np.random.PCG64:
        """The random bits of one part of one chunk."""
        return np.random.PCG64(np.random.SeedSequence([self.seed, chunk, part]))
