"""The layout of a run's packs: made of plain values, and kept by their content key where it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.pipeline.kept import Kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from octomed.pipeline.executor_protocol import Workers
    from octomed.pipeline.specs import LayoutSpec, ScannerSpec

    ScannerOf = Callable[[ScannerSpec], _octomed.Scanner]

layouts: Kept[_octomed.Layout] = Kept(1)


def layout_named(spec: LayoutSpec, threads: Workers, scanner_of: ScannerOf) -> _octomed.Layout:
    """Return the layout that a specification names, made again where this process has none."""
    return layouts.get(spec.key, lambda: made_layout(spec, threads, scanner_of))


def made_layout(spec: LayoutSpec, threads: Workers, scanner_of: ScannerOf) -> _octomed.Layout:
    """Decide which traces stay, which share a pack, and which packs a shard.

    Parameters
    ----------
    spec
        What the layout follows from.
    threads
        Where it is made.
    scanner_of
        Finds or makes the scanner of a specification, whose tokenizer reads the texts of traces.

    Raises
    ------
    DataError
        When a trace is too long, and such traces are an error; when a source loses much to evaluation sets.
    DamagedBlock
        When a block cannot be read.
    """
    evaluation = None if spec.evaluation is None else spec.evaluation.read(threads.workers)
    return _octomed.Layout(
        list(spec.blocks),
        spec.settings,
        threads=threads.workers,
        cancel=threads.cancel,
        scanner=None if spec.scanner is None else scanner_of(spec.scanner),
        evaluation=evaluation,
    )
