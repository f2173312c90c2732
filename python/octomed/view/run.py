"""A run that pages are made of: opened once, and opened again when it was packed again."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from octomed.pipeline.finished.finished_run import read_run
from octomed.pipeline.finished.hidden_places import NEVER_SHOWN, hidden_places, place_of_row
from octomed.pipeline.finished.inspect_packs import tokenizer_of
from octomed.pipeline.finished.run_places import far_run, place_of
from octomed.report.identifying import searches_for_identifying
from octomed.run_file import RUN_FILE
from octomed.view.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from pathlib import Path

    from octomed import _octomed
    from octomed.pipeline.finished.row_text import SourceRows
    from octomed.run_file import RunFile

    Place = tuple[str, str, int]

_T = TypeVar("_T")
_KEPT = 8


class OpenRun:
    """A finished run, with what several pages need of it; what costs time is made when it is asked for.

    Parameters
    ----------
    folder
        Of the run.

    Raises
    ------
    RecipeError
        When the folder holds no finished run.
    StorageError
        When its run file is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file: RunFile = read_run(folder)
        self.tables = Tables(folder, self.file)
        self._texts: dict[int, bytes] = {}
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.RLock()

    @property
    def place(self) -> str:
        """Folder or address."""
        return place_of(self.folder)

    @cached_property
    def _tokenizer(self) -> _octomed.Tokenizer:
        return tokenizer_of(self.file)

    @cached_property
    def control_ids(self) -> frozenset[int]:
        """Ids of the tokens that a template writes, and no text has."""
        with self._lock:
            return frozenset(number for _, number in self._tokenizer.special_tokens())

    def texts(self, ids: list[int]) -> list[bytes]:
        """Return the bytes of each token.

        Raises
        ------
        RecipeError
            When the tokenizer is not there, or not the run's.
        """
        with self._lock:
            for one in set(ids) - self._texts.keys():
                self._texts[one] = self._tokenizer.decode(pa.array([one], pa.uint32()))
            return [self._texts[one] for one in ids]

    def text(self, ids: Any) -> str:  # noqa: ANN401 an array
        """Return what tokens say together."""
        with self._lock:
            return self._tokenizer.decode(pa.array(ids, pa.uint32())).decode("utf-8", "replace")

    @cached_property
    def hidden(self) -> frozenset[Place]:
        """Rows that were flagged for identifying data: source, file and row."""
        return hidden_places(self.folder, self.file)

    @cached_property
    def _searched_alone(self) -> bool:
        return searches_for_identifying(self.file)

    def hides(self, row: dict[str, Any]) -> bool:
        """Tell whether a row, or a line of a table about one, is shown only when that is asked for.

        So are rows that were refused whole in a run that looks for identifying data: nobody searched them.
        """
        refused = "reason" in row and row.get("sample") is None and self._searched_alone
        return refused or row.get("reason") in NEVER_SHOWN or place_of_row(row) in self.hidden

    def source_rows(self) -> SourceRows:
        """Return the sources, to read rows of them again; files are looked up anew each minute.

        Raises
        ------
        RecipeError
            When a path of the recipe is gone.
        """
        from octomed.pipeline.finished.row_text import SourceRows  # noqa: PLC0415 where a row is read again

        return self.kept("source rows", lambda: SourceRows(self.folder))

    def kept(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """Return what was made lately, or make it."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                made: _T = self._kept[key]
                return made
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return made

    def alone(self) -> contextlib.AbstractContextManager[object]:
        """Have the shards that are fetched of a run at an address to oneself, while a block reads them."""
        return contextlib.nullcontext() if far_run(self.folder) is None else self._lock

    @property
    def sources(self) -> list[dict[str, Any]]:
        """The recipe's sources, as it has them."""
        listed = self.file.recipe.get("sources")
        return [one for one in listed or () if isinstance(one, dict) and one.get("name")]

    def sources_of(self, group: str) -> list[str]:
        """Return the names of a group's sources."""
        return [str(one["name"]) for one in self.sources if one.get("group") == group]


class ViewedRun:
    """A run, finished or not yet.

    Parameters
    ----------
    folder
        Of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: tuple[object, OpenRun] | None = None
        self._lock = threading.Lock()

    @property
    def place(self) -> str:
        """Folder or address."""
        return place_of(self.folder)

    def finished(self) -> OpenRun | None:
        """Return the run as it is now; None while it is packed.

        Raises
        ------
        RecipeError, StorageError
            When its run file is of a newer format, or damaged.
        """
        state = self._state()
        with self._lock:
            if state is None:
                self._open = None
                return None
            if self._open is None or self._open[0] != state:
                self._open = (state, OpenRun(self.folder))
            return self._open[1]

    def _state(self) -> object:
        """Return what tells the run file from one that was written in its place."""
        far = far_run(self.folder)
        if far is not None and not (self.folder / RUN_FILE).exists():
            with contextlib.suppress(FileNotFoundError):
                far.fetch(RUN_FILE)
        try:
            found = (self.folder / RUN_FILE).stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
