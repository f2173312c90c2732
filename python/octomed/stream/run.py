"""What a finished run holds, as its ``octomed.json`` says."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from octomed.errors import RecipeError, StorageError
from octomed.pipeline.rebuild import rebuild_command
from octomed.storage import content_key
from octomed.stream.source import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

RUN_FILE = "octomed.json"
FORMAT = 1
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
    """

    source: Source
    content: dict[str, Any]

    @property
    def location(self) -> str:
        """Folder or address, as the user wrote it."""
        return self.source.location

    @property
    def key(self) -> str:
        """What a cache of its shards is called by: another run at the same address has another key."""
        content = self.content
        parts = [content["run"].get("write_key"), content["streams"], content.get("versions")]
        return content_key(parts)

    @property
    def streams(self) -> dict[str, dict[str, Any]]:
        """Packs, traces and tokens of each stream, by name."""
        streams: dict[str, dict[str, Any]] = self.content["streams"]
        return streams

    @property
    def rebuild(self) -> str:
        """The command that writes missing shards again."""
        return rebuild_command(self.content["run"])

    def choose(self, names: Sequence[str] | None, split: str) -> list[str]:
        """Return the names of a split's streams, or of those among them that are asked for.

        Raises
        ------
        RecipeError
            When a stream or the split does not exist, or a stream is empty.
        """
        if split not in {"train", VALIDATION}:
            raise RecipeError(f"split `{split}` is none", "choose `train` or `validation`")
        offered = [name for name in self.streams if (name == VALIDATION) == (split == VALIDATION)]
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
            if not self.streams[name]["packs"]:
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
        The output of ``octomed pack``: a folder, or ``s3://``, ``gs://``, ``az://account/container/path``.
    attempts, timeout
        How often an object store is asked, and seconds that one answer may take.

    Raises
    ------
    RecipeError
        When there is no finished run, or one of a newer format.
    StorageError
        When the store does not answer.
    """
    source = Source(os.fspath(location), attempts, timeout)
    try:
        content = json.loads(source.read(RUN_FILE))
    except FileNotFoundError as error:
        message = f"`{source.location}` holds no finished run: it has no `{RUN_FILE}`"
        raise RecipeError(message, "`octomed pack RECIPE` makes or resumes one") from error
    except ValueError as error:
        message = f"`{source.address(RUN_FILE)}` is damaged: {error}"
        raise StorageError(message, "`octomed pack RECIPE` writes it again") from error
    return Run(source, _checked(content, source))


def _checked(content: object, source: Source) -> dict[str, Any]:
    found = content.get("format") if isinstance(content, dict) else None
    if isinstance(found, int) and found > FORMAT:
        message = f"`{source.location}` has format {found}, and this version of octomed reads {FORMAT}"
        raise RecipeError(message, "install the octomed that packed it, or a newer one")
    if not isinstance(content, dict) or found != FORMAT or not isinstance(content.get("streams"), dict):
        message = f"`{source.address(RUN_FILE)}` is not what `octomed pack` writes"
        raise RecipeError(message, "`octomed pack RECIPE` writes it again")
    return {"run": {}} | content
