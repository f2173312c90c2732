"""A stopwatch for training steps."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch


@dataclass(frozen=True)
class Content:
    """What a step was made of."""

    lengths: Sequence[int]
    supervised: Sequence[int]
    numbers: Sequence[int]
    """Ids of the traces."""
    positions: int
    """Tokens of its tensors, padding included."""


@dataclass(frozen=True)
class Step:
    """One timed step."""

    seconds: float
    waited: float
    """Seconds until loader and collator had made the batch."""
    loss: float
    traces: int
    tokens: int
    supervised: int
    squares: int
    positions: int


@dataclass
class Stopwatch:
    """Times steps from the end of one to the end of the next, the device being done."""

    warm_up: int
    """Steps that are not kept."""
    device: str
    steps: list[Step] = field(default_factory=list)
    _numbers: list[int] = field(default_factory=list)
    _began: float = 0.0
    _asked: float = 0.0
    _waited: float = 0.0

    def begin(self) -> None:
        """Start the clock of a step."""
        self._settle()
        self._waited, self._began = 0.0, time.perf_counter()

    def ask(self) -> None:
        """The loader is asked for a batch."""
        self._asked = time.perf_counter()

    def arrive(self) -> None:
        """The batch is there."""
        self._waited += time.perf_counter() - self._asked

    def end(self, content: Content, loss: torch.Tensor) -> None:
        """Keep the step, and begin the next."""
        self._settle()
        seconds = time.perf_counter() - self._began
        if self.warm_up:
            self.warm_up -= 1
            self._forget_memory()
        else:
            self._keep(seconds, content, float(loss))
        self.begin()

    def result(self) -> dict[str, Any]:
        """All steps, and what tells that other ways saw the same traces."""
        text = ",".join(map(str, sorted(self._numbers)))
        return {
            "traces_digest": hashlib.sha256(text.encode()).hexdigest()[:16],
            "steps": [asdict(step) for step in self.steps],
        }

    def _keep(self, seconds: float, content: Content, loss: float) -> None:
        squares = sum(length**2 for length in content.lengths)
        self._numbers += [number % 2**64 for number in content.numbers]
        self.steps.append(
            Step(
                seconds,
                self._waited,
                loss,
                len(content.lengths),
                sum(content.lengths),
                sum(content.supervised),
                squares,
                content.positions,
            )
        )

    def _settle(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()

    def _forget_memory(self) -> None:
        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
