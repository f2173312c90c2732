"""The answers of an evaluation, a line a sample: written once, found again by question."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from octomed.distill.sample_file import SampleFile, entry_of
from octomed.storage import storage_error

if TYPE_CHECKING:
    from pathlib import Path

    from octomed.storage import Mode

ANSWERS = "answers.jsonl"
"""What the model answered, a line each."""


class AnswerFile:
    """Answers by question and sample; each is on the disk before it counts.

    Parameters
    ----------
    path
        The file.
    mode
        Who may read it.

    Attributes
    ----------
    cut
        Bytes of an unfinished last line, which were cut off.
    models
        What servers called the models that answered.
    """

    def __init__(self, path: Path, mode: Mode) -> None:
        self._path = path
        self._file = SampleFile(path, mode)
        self.cut = self._file.cut_unfinished()
        self._places: dict[str, dict[int, int]] = {}
        self.models: set[str] = set()
        self._read()

    def has(self, key: str, sample: int) -> bool:
        """Tell whether a sample of a question is there."""
        return sample in self._places.get(key, ())

    async def add(self, lines: list[dict[str, Any]]) -> None:
        """Append lines with `key` and `sample`, and return once they are on the disk."""
        await self._file.add(lines)

    async def close(self) -> None:
        """Write what waits, and close the file."""
        await self._file.close()

    def look_again(self) -> None:
        """Find what was added."""
        self._places = {}
        self._read()

    def line(self, key: str, sample: int) -> dict[str, Any]:
        """Return a sample that is there."""
        with self._path.open("rb") as file:
            return _line_at(file, self._places[key][sample])

    def lines_of(self, key: str, samples: int) -> list[dict[str, Any]]:
        """Return the first samples of a question, in their order."""
        places = self._places.get(key, {})
        with self._path.open("rb") as file:
            return [_line_at(file, places[number]) for number in range(samples) if number in places]

    def _read(self) -> None:
        place = 0
        try:
            with self._path.open("rb") as lines:
                for number, line in enumerate(lines, start=1):
                    entry = entry_of(self._path, number, line)
                    self._places.setdefault(entry["key"], {}).setdefault(entry["sample"], place)
                    place += len(line)
                    model = entry.get("model")
                    self.models |= {model} if isinstance(model, str) else set()
        except OSError as error:
            raise storage_error("read", self._path, error) from error


def _line_at(file: Any, place: int) -> dict[str, Any]:  # noqa: ANN401 an open file
    file.seek(place)
    return dict(json.loads(file.readline()))
