"""Files of JSON lines that a resumed run continues: what a crash left beyond the checkpoint is cut off."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from octomed.errors import StorageError
from octomed.names import shown
from octomed.storage import write_atomically
from octomed.strict_json import read_as

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

METRICS = "metrics.jsonl"
"""Measurements of a training run, a line a step."""
TRACES = "traces-rank*.jsonl"
"""Trace ids a step, a file a rank."""


class Journal:
    """A file of one JSON object per line, each with its `step`.

    Parameters
    ----------
    path
        The file; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None

    def write(self, entry: dict[str, Any]) -> None:
        """Append a line, and hand it to the operating system: a killed process loses none."""
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a", encoding="utf-8")
        self._file.write(json.dumps(entry, separators=(",", ":")) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; writing opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries; a last line that a crash cut in half is none.

    Raises
    ------
    StorageError
        When another line is damaged.
    """
    if not path.exists():
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.endswith(b"\n"):
                yield _entry(path, number, line)


def _entry(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)  # a loss may be NaN
        read_as(_Step, entry)
    except (ValueError, RecursionError) as error:
        message = f"line {number} of `{shown(str(path))}` is damaged: {error}"
        raise StorageError(message, "move the file away to continue without its records") from error
    return dict(entry)


@dataclass(frozen=True)
class _Step:
    step: int


def rewind(path: Path, step: int) -> None:
    """Keep the entries up to a step, because the run resumes from there."""
    if not path.exists():
        return
    kept = [entry for entry in read_journal(path) if entry["step"] <= step]
    text = "".join(json.dumps(entry, separators=(",", ":")) + "\n" for entry in kept)
    write_atomically(path, text.encode())
