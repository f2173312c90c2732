"""What a training's folder says of it: `train.json`, which leads from its steps back to the packed run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from octomed.errors import RecipeError
from octomed.state import Damaged, NotThere, StateFile
from octomed.strict_json import read_as

TRAINING_FILE = "train.json"


@dataclass(frozen=True)
class About:
    """What a training's report says besides its measurements.

    Attributes
    ----------
    began
        When it began, or resumed: date and time of UTC.
    model
        Its type, and where its weights are from.
    trained, frozen
        Numbers of parameters.
    run
        Name of the packed run.
    packs, traces, tokens, images
        Of the streams that are trained on.
    device
        What each rank computes on.
    ranks, threads
        How many ranks there are, and threads in each.
    cores, memory
        Cores of one machine, and bytes.
    versions
        Of the packages, by name.
    """

    began: str
    model: str
    trained: int
    frozen: int
    run: str
    packs: int
    traces: int
    tokens: int
    images: int
    device: str
    ranks: int
    threads: int
    cores: int
    memory: int
    versions: dict[str, str]


@dataclass(frozen=True)
class TrainingFacts:
    """A training.

    Attributes
    ----------
    data
        Folder or address of the packed run; the first of several.
    recipe
        Its recipe, all keys.
    runs
        Those of all packed runs, where several are mixed.
    about
        What its report says; None of a training that an older octomed made.
    """

    data: str
    recipe: dict[str, Any]
    runs: tuple[str, ...] = ()
    about: About | None = None

    def __post_init__(self) -> None:
        """Refuse a recipe that does not say where the logs are."""
        read_as(_Recipe, self.recipe)

    @property
    def folder_of_traces(self) -> Path | None:
        """Where its log of traces is, if not in its own folder."""
        recipe = read_as(_Recipe, self.recipe)
        log = recipe.callbacks.trace_log
        folder = log.folder if log is not None else None
        return Path(folder.replace("{run_name}", recipe.run_name)) if folder else None


@dataclass(frozen=True)
class _Log:
    folder: str | None = None


@dataclass(frozen=True)
class _Callbacks:
    trace_log: _Log | None = None


@dataclass(frozen=True)
class _Recipe:
    run_name: str = ""
    callbacks: _Callbacks = field(default_factory=_Callbacks)


_STATE = StateFile(TrainingFacts, "it is written when a training in this folder starts or resumes")


def write_facts(folder: Path, facts: TrainingFacts) -> None:
    """Put it into the training's folder."""
    _STATE.write(folder / TRAINING_FILE, facts)


def read_facts(folder: Path) -> TrainingFacts:
    """Read it.

    Raises
    ------
    RecipeError
        When the folder is of no training run.
    StorageError
        When the file is damaged.
    """
    found = _STATE.load(folder / TRAINING_FILE)
    if isinstance(found, NotThere):
        raise RecipeError(
            f"`{folder}` is not the folder of a training run",
            f"it has no `{TRAINING_FILE}`; see `run_folder` of the recipe",
        )
    if isinstance(found, Damaged):
        raise found.error()
    return found
