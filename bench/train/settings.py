"""What is measured: the settings that every way reads, handed to its process as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

WAYS = ("packed", "padded", "trl")
LEARNING_RATE = 1e-12
"""So small that the weights stay: all ways then have the same mean loss over the same traces."""


class NotHereError(Exception):
    """A way cannot run here, and the message says why."""


@dataclass(frozen=True)
class Settings:
    """One model, one run, one device.

    Attributes
    ----------
    model
        A name of `bench.train.shapes`.
    layers
        Decoder layers instead of the shape's own.
    run
        Output of `octomed pack`.
    cache
        Folder for its shards.
    capacity
        Tokens a step at most.
    warm_up, steps
        Packs before the clock counts, and packs that are timed, one a step.
    device
        `cuda` or `cpu`.
    dtype
        Of weights and optimizer state.
    recompute
        Share of the decoder's layers that are computed again in the backward pass; Hugging Face's `Trainer`
        knows all or none.
    compile
        Compile the decoder's layers; Hugging Face's `Trainer` takes Liger's kernels instead.
    workers
        Processes of the loader.
    seed
        Of weights, of the packs' order, and of the order of traces.
    liger
        Use Liger's kernels where they are installed.
    """

    model: str
    layers: int | None
    run: str
    cache: str
    capacity: int
    warm_up: int
    steps: int
    device: str
    dtype: str
    recompute: float
    compile: bool
    workers: int = 2
    seed: int = 17
    liger: bool = True

    def write(self, path: Path) -> None:
        """Writes them for a process to read."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Settings:
        """The settings of a file."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))
