"""What travels to nodes and back: small values. A layout's list of blocks is a file that nodes read."""

from __future__ import annotations

import json
import pickle
import traceback
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from octomed.errors import InternalError, OctomedError
from octomed.pipeline.calls.specs import RangeSpec
from octomed.storage import write_json

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """What came of a call on a node.

    Attributes
    ----------
    result
        What it returned.
    error
        What it raised instead.
    told
        All that it told on the way, also what was heard before.
    seconds
        How long it took.
    """

    result: Any = None
    error: BaseException | None = None
    told: tuple[Any, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Layouts:
    """Lists of the blocks of layouts, as files that all nodes see.

    Attributes
    ----------
    folder
        Where they are.
    """

    folder: Path

    def lighter(self, spec: Any) -> Any:  # noqa: ANN401 of any call
        """Return a specification without the list of the layout's blocks, which is in a file then."""
        if not isinstance(spec, RangeSpec):
            return spec
        path = self._path(spec.layout.key)
        if not path.exists():
            write_json(path, spec.layout.blocks)
        return replace(spec, layout=replace(spec.layout, blocks=()))

    def whole(self, spec: Any) -> Any:  # noqa: ANN401 of any call
        """Return the specification as it was; runs on a node."""
        if not isinstance(spec, RangeSpec):
            return spec
        return replace(spec, layout=replace(spec.layout, blocks=_blocks_in(self._path(spec.layout.key))))

    def _path(self, key: str) -> Path:
        return self.folder / f"layout-{key}.json"


@lru_cache(maxsize=1)  # of all ranges of a run; the name has the content's key
def _blocks_in(path: Path) -> tuple[Any, ...]:
    return tuple((block, row) for block, row in json.loads(path.read_bytes()))


def portable(error: BaseException) -> BaseException:
    """Return an error that another machine can read: ours as it is, others as one of ours with their text."""
    if isinstance(error, OctomedError):
        try:
            pickle.loads(pickle.dumps(error))  # noqa: S301 our own bytes
        except Exception:  # noqa: BLE001 whatever its parts raise
            return InternalError(f"{type(error).__name__}: {error}")
        return error
    text = "".join(traceback.format_exception(error)).strip()
    return InternalError(text)


def on_node(error: BaseException, node: str) -> BaseException:
    """Return one of our errors with the node that it came from, for those that one machine alone may have.

    Examples
    --------
    >>> from octomed.errors import StorageError
    >>> print(on_node(StorageError("the disk is full", "free some space", errno=28), "b"))
    the disk is full (on node `b`)
    """
    if not isinstance(error, OctomedError):
        return error
    return error.in_words(f"{error.message} (on node `{node}`)", error.hint)
