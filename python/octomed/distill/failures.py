"""Samples that no attempt gave, in a file of their own: what a server refuses is not asked again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from octomed.errors import StorageError
from octomed.names import shown
from octomed.storage import storage_error, write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from octomed.distill.sample_file import Had
    from octomed.storage import Mode

FAILURES = "failures.jsonl"
"""Why samples did not come, a line each."""


class Failures:
    """What did not come, in this run and, as far as it was refused for good, before.

    Parameters
    ----------
    path
        The file; it is written anew at the end of a run.
    mode
        Who may read it.
    """

    def __init__(self, path: Path, mode: Mode) -> None:
        self._path, self._mode = path, mode
        self._lines = _refused_before(path)
        self._refused = {(one["key"], one["sample"]) for one in self._lines}

    def is_refused(self, key: str, sample: int) -> bool:
        """Tell whether a sample was refused for good."""
        return (key, sample) in self._refused

    def still_missing(self, key: str, most: int, had: Had) -> list[int]:
        """Return the samples of a question that are neither there nor refused for good."""
        numbers = (number for number in range(most) if not had.has(key, number))
        return [number for number in numbers if not self.is_refused(key, number)]

    def add(self, key: str, sample: int, values: dict[str, Any]) -> None:
        """Note a sample that did not come."""
        self._lines.append({"key": key, "sample": sample, **values})

    def write(self) -> None:
        """Write the file, where there is anything to say."""
        if self._lines or self._path.exists():
            lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in self._lines)
            write_atomically(self._path, lines.encode("utf-8", "surrogatepass"), mode=self._mode)


def _refused_before(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise storage_error("read", path, error) from error
    try:
        lines = [json.loads(line) for line in text.splitlines()]
        return [one for one in lines if not one["may_pass"] and (one["key"], one["sample"])]
    except (ValueError, KeyError, TypeError) as error:
        hint = "remove it: what it says is asked again then"
        raise StorageError(f"`{shown(str(path))}` is damaged: {error}", hint) from None
