"""What a finished run holds, as its ``octomed.json`` says."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from octomed.errors import RecipeError
from octomed.origin import rebuild_command
from octomed.run_file import RUN_FILE, parse_run_file
from octomed.storage import content_key
from octomed.stream.source import Source
from octomed.strict_json import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from octomed.run_file import RunFile

VALIDATION = "validation"
"""The stream that is evaluated on, and never trained on."""


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes
    ----------
    source
        Where its files are.
    content
        Its ``octomed.json``.

    Examples
    --------
    >>> from octomed import pack
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "rows.jsonl").write_text('{"q": "Fever?", "a": "Rest, and water."}')
    >>> recipe = {
    ...     "name": "example",
    ...     "model": "Qwen/Qwen2.5-7B-Instruct",
    ...     "sources": [
    ...         {"name": "rows", "path": f"{folder}/*.jsonl", "format": {"question": "q", "response": "a"}}
    ...     ],
    ...     "pack": {"capacity": 512, "buckets": []},
    ...     "output": {"path": f"{folder}/run"},
    ...     "work": {"path": f"{folder}/work"},
    ... }
    >>> _ = pack(recipe)
    >>> run = open_run(folder / "run")
    >>> run.choose(None, "train")
    ['len-00512']
    """

    source: Source
    content: RunFile

    @property
    def location(self) -> str:
        """Folder or address, as the user wrote it."""
        return self.source.location

    @property
    def key(self) -> str:
        """What a cache of its shards is called by: another run at the same address has another key."""
        content = self.content
        return content_key(plain([content.run.write_key, content.streams, content.versions]))

    @property
    def streams(self) -> dict[str, dict[str, Any]]:
        """Packs, traces and tokens of each stream, by name, as plain values."""
        return {name: plain(stream) for name, stream in self.content.streams.items()}

    @property
    def vision(self) -> dict[str, Any] | None:
        """How its images are prepared, as plain values; ``None`` for a run of text."""
        record: dict[str, Any] | None = plain(self.content.vision)
        return record

    @property
    def rebuild(self) -> str:
        """The command that writes missing shards again."""
        return rebuild_command(self.content.run)

    def choose(self, names: Sequence[str] | None, split: str) -> list[str]:
        """Return the names of a split's streams, or of those among them that are asked for.

        Raises
        ------
        RecipeError
            When a stream or the split does not exist, or a stream is empty.
        """
        if split not in {"train", VALIDATION}:
            raise RecipeError(f"unknown split `{split}`", "choose `train` or `validation`")
        offered = [name for name in self.content.streams if (name == VALIDATION) == (split == VALIDATION)]
        if not offered:
            hint = "pack with `validation:` in the recipe" if split == VALIDATION else None
            raise RecipeError(f"the run `{self.location}` has no {split} stream", hint)
        chosen = offered if names is None else list(names)
        for name in chosen:
            if name not in offered:
                listed = ", ".join(f"`{one}`" for one in offered)
                raise RecipeError(
                    f"the run `{self.location}` has no {split} stream `{name}`", f"it has {listed}"
                )
            if not self.content.streams[name].packs:
                raise empty_stream(name, self.location)
        if not chosen or len(set(chosen)) < len(chosen):
            raise RecipeError("`streams` names no stream, or one twice", "leave it out for all of them")
        return chosen


def empty_stream(name: str, location: str) -> RecipeError:
    """Return the error for a stream without packs."""
    return RecipeError(f"stream `{name}` of `{location}` holds no pack", "leave it out of `streams`")


def open_run(location: str | os.PathLike[str], *, attempts: int = 5, timeout: float = 60.0) -> Run:
    """Read what a run holds.

    Parameters
    ----------
    location
        The output of ``octomed pack``: a folder, or ``s3://``, ``gs://``, ``az://account/container/path``,
        ``hf://datasets/owner/name[@revision]/path``.
    attempts, timeout
        How often an object store is asked, and seconds that one answer may take.

    Raises
    ------
    RecipeError
        When there is no finished run, or one of a newer format.
    StorageError
        When the store does not answer, or `octomed.json` is damaged.

    Examples
    --------
    >>> from octomed import pack
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "rows.jsonl").write_text('{"q": "Fever?", "a": "Rest, and water."}')
    >>> recipe = {
    ...     "name": "example",
    ...     "model": "Qwen/Qwen2.5-7B-Instruct",
    ...     "sources": [
    ...         {"name": "rows", "path": f"{folder}/*.jsonl", "format": {"question": "q", "response": "a"}}
    ...     ],
    ...     "pack": {"capacity": 512, "buckets": []},
    ...     "output": {"path": f"{folder}/run"},
    ...     "work": {"path": f"{folder}/work"},
    ... }
    >>> _ = pack(recipe)
    >>> run = open_run(folder / "run")
    >>> run.streams["len-00512"]["packs"]
    1
    """
    source = Source(os.fspath(location), attempts, timeout)
    try:
        address = source.address(RUN_FILE)
        data = source.read(RUN_FILE, lambda found: parse_run_file(found, address))
    except FileNotFoundError as error:
        message = f"`{source.location}` holds no finished run: it has no `{RUN_FILE}`"
        raise RecipeError(message, "`octomed pack RECIPE` makes or resumes one") from error
    return Run(source, parse_run_file(data, address))
