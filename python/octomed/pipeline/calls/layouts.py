"""The layout of a run's packs: made of plain values, and kept by their content key where it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.pipeline.threads.kept import Kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from octomed.pipeline.calls.scanners import ScannerSpec
    from octomed.pipeline.calls.specs import LayoutSpec
    from octomed.pipeline.threads.executor_protocol import Workers

    FindScanner = Callable[[ScannerSpec], _octomed.Scanner]

layouts: Kept[_octomed.Layout] = Kept(1)


def layout_named(spec: LayoutSpec, threads: Workers, find: FindScanner) -> _octomed.Layout:
    """Return the layout that a specification names, made again where this process has none."""
    return layouts.get(spec.key, lambda: made_layout(spec, threads, find))


def made_layout(spec: LayoutSpec, threads: Workers, find: FindScanner) -> _octomed.Layout:
    """Decide which traces stay, which share a pack, and which packs a shard.

    Parameters
    ----------
    spec
        What it follows from.
    threads
        Threads that work on it, until they are cancelled.
    find
        Finds or makes a scanner: asked where rules compare texts.

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
        scanner=None if spec.scanner is None else find(spec.scanner),
        evaluation=evaluation,
    )
