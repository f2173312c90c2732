"""A plan of memory as plain values: what a GPU is given, and what it then holds, moment by moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

USABLE = 0.95
"""Share of a GPU's memory that tensors get; the rest is CUDA's own, and what lies between tensors."""
Parts = dict[str, float]
"""Bytes by what they are for."""


@dataclass(frozen=True)
class Load:
    """What a GPU is given.

    Attributes
    ----------
    tokens
        Of a microbatch: packs that go through the model at once, times their capacity.
    patches
        Of a microbatch's images; 0 for text.
    microbatches
        A step, on each rank.
    learned
        Share of the tokens that are supervised.
    documents
        Lengths of a microbatch's documents; one of all tokens if left out. They matter where attention has no
        fused kernel, without bfloat16.
    """

    tokens: int
    patches: int = 0
    microbatches: int = 1
    learned: float = 1.0
    documents: tuple[int, ...] = ()


@dataclass(frozen=True)
class Hardware:
    """Where it is to run.

    Attributes
    ----------
    gpus
        Over all machines.
    device
        `cuda`, or `cpu` for comparisons with what torch counts there.
    liger
        Liger's kernels are installed.
    """

    gpus: int = 1
    device: Literal["cuda", "cpu"] = "cuda"
    liger: bool = True


@dataclass(frozen=True)
class Moment:
    """A moment of a step.

    Attributes
    ----------
    name
        When.
    parts
        Bytes that live then, by what they are for.
    """

    name: str
    parts: Parts

    @property
    def total(self) -> float:
        """All of them."""
        return sum(self.parts.values())


@dataclass(frozen=True)
class Weights:
    """Parameters that FSDP2 gathers together: those of a layer, or all that are in none.

    Attributes
    ----------
    shapes
        Rows and values a row of each, whether it is trained, and bytes a value.
    """

    shapes: tuple[tuple[int, int, bool, float], ...]

    def bytes(self, size: float | None = None, *, ranks: int = 1, trained: bool = False) -> float:
        """Return their bytes.

        Parameters
        ----------
        size
            Bytes a value; their own if left out.
        ranks
            That share their rows; one that gets fewer is filled up.
        trained
            Those that are trained alone.
        """
        return sum(
            -(-rows // ranks) * others * (own if size is None else size)
            for rows, others, learns, own in self.shapes
            if learns or not trained
        )


@dataclass(frozen=True)
class Planned:
    """What a step takes on each GPU.

    Attributes
    ----------
    moments
        Of a step.
    parameters, trained
        Of the model.
    """

    moments: tuple[Moment, ...]
    parameters: int
    trained: int
    most: Moment = field(init=False)

    def __post_init__(self) -> None:
        """Find the moment that decides."""
        object.__setattr__(self, "most", max(self.moments, key=lambda one: one.total))


def fits(planned: Planned, memory: float) -> bool:
    """Tell whether a plan fits into a GPU of so many bytes."""
    return planned.most.total <= USABLE * memory
