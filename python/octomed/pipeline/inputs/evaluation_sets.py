"""Evaluation sets are read: their questions, and what tells their pictures from others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.errors import DataError, StorageError
from octomed.names import shown
from octomed.pipeline.inputs.read import blocks_of
from octomed.pipeline.inputs.scanned import Ahead
from octomed.pipeline.inputs.tasks import tasks_of
from octomed.pipeline.threads.in_order import in_order
from octomed.pipeline.threads.kept import Kept

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from octomed.pipeline.inputs.evaluation_specs import EvaluationFile, EvaluationSetFiles, FoundSets
    from octomed.store import LocalStore

_BLOCK_BYTES = 4 * 2**20
_MOST_WAITING = 32
PICTURES = "evaluation_pictures"
"""A working store's file: what was found out about pictures of evaluation sets, by hashes of their bytes."""
_NOT_FOUND = "what is not read of an evaluation set is not found in the sources"


@dataclass(frozen=True)
class EvaluationSpec:
    """What is read of evaluation sets.

    Attributes
    ----------
    found
        Their files.
    look
        What is found out about pictures: `if_there`, `bytes`, `pixels` or `near`.
    masks
        Kinds of identifying data that sources have masked, one for each way in which one has: an evaluation
        question is compared as such a source would have it.
    """

    found: FoundSets
    look: str
    masks: tuple[tuple[str, ...], ...] = ()

    def read(self, workers: int, store: LocalStore | None = None) -> _octomed.EvaluationSets:
        """Return their questions and pictures; what was read before is kept.

        Parameters
        ----------
        workers
            Threads that decode pictures.
        store
            The working store on this machine, where what decoding finds out is kept for later runs.

        Raises
        ------
        DataError
            When a file is not read whole or has no question, or a picture that is compared does not decode.
        """
        key = f"{self.found.key} {self.look} {self.masks}"
        return _kept.get(key, lambda: _read(self, workers, store))

    def check(self, workers: int) -> None:
        """Read them, but decode no picture: that is left to the run.

        Raises
        ------
        DataError
            As :meth:`read`, but for pictures that do not decode.
        """
        look = "bytes" if self.look in {"pixels", "near"} else self.look
        replace(self, look=look).read(workers)


_kept: Kept[_octomed.EvaluationSets] = Kept(2)


def _read(spec: EvaluationSpec, workers: int, store: LocalStore | None) -> _octomed.EvaluationSets:
    kept = _octomed.KeptPictures(b"" if store is None else _read_pictures(store))
    with _Threads(workers) as threads:
        sets = [
            (one.name, [file.file.relative for file in one.files], _parts(one, spec, kept, threads))
            for one in spec.found.sets
        ]
    pictures = kept.to_bytes()
    if store is not None and pictures is not None:
        store.put(PICTURES, pictures)
    return _octomed.EvaluationSets(sets, spec.found.sets[0].images, spec.masks)


def _read_pictures(store: LocalStore) -> bytes:
    """Return what the store has of pictures; nothing where it cannot be read: they are decoded again."""
    try:
        return store.read(PICTURES)
    except (StorageError, OSError):
        return b""


class _Threads(ThreadPoolExecutor):
    """Threads that are cancelled by an exception, Ctrl-C among them: what is queued is dropped."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        self.cancel = _octomed.Cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what runs, which looks at the flag row by row."""
        if kind is not None:
            self.cancel.set()
        self.shutdown(cancel_futures=kind is not None)


def _parts(
    one: EvaluationSetFiles, spec: EvaluationSpec, kept: _octomed.KeptPictures, threads: _Threads
) -> list[_octomed.EvaluationQuestions]:
    parts: list[_octomed.EvaluationQuestions] = []
    for number, file in enumerate(one.files):
        mapping = _octomed.Mapping.questions_only(file.mapping)
        reader = _octomed.EvaluationReader(mapping, one.images, spec.look, spec.masks, kept)
        place = f"the evaluation file `{shown(file.file.path)}`"
        of_file = list(_read_blocks(reader, number, place, _blocks(file, mapping), threads))
        if not sum(part.questions for part in of_file):
            raise DataError(f"{place} has no question", f"{_NOT_FOUND}: see what it holds, and its `format`")
        parts += of_file
    return parts


def _read_blocks(
    reader: _octomed.EvaluationReader,
    number: int,
    place: str,
    blocks: Iterator[tuple[_octomed.Block, int]],
    threads: _Threads,
) -> Iterator[_octomed.EvaluationQuestions]:
    """Yield what is read of blocks, in order, a few of which are in memory."""
    calls = (
        partial(reader.read, block, number, first_row, place, threads.cancel) for block, first_row in blocks
    )
    return in_order(threads, calls, _MOST_WAITING)


def _blocks(file: EvaluationFile, mapping: _octomed.Mapping) -> Iterator[tuple[_octomed.Block, int]]:
    """Yield the blocks of a file, each with the number of its task's first row in the file."""
    rows = 0
    for task in tasks_of(file.file, mapping, ""):
        ahead = Ahead()
        for block in blocks_of(task, mapping, target=_BLOCK_BYTES, ahead=ahead):
            yield block, rows
        rows += ahead.rows_read
