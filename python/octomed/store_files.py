"""State files of the working store: what a task's blocks are, and which outputs use them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from octomed.file_names import task_folder
from octomed.plain_names import check_basename
from octomed.state import Damaged, NotThere, StateFile, there

if TYPE_CHECKING:
    from collections.abc import Callable

    from octomed.store import Files, LocalStore, Store

TASK_FILE = "task.json"
FETCHED_FILE = "fetched.json"
"""Beside blocks that are on their way from a store at an address: what they will be when all are there."""
USAGE_FILE = "usage.json"
"""When the tasks of a store at an address were used last: no object says when it was read."""
_AGAIN = "`octomed pack RECIPE` makes it again"


@dataclass(frozen=True)
class BlockHeader:
    """What a block, or a part of one, says of itself, as the engine writes it into its index."""

    version: int
    source: str
    file: str
    number: int
    first_ordinal: int
    rows: int
    rows_unreadable: int
    rows_without_trace: int
    source_bytes: int
    text_bytes: int
    tokens: int
    stored_bytes: int
    traces: int
    traces_rejected: int
    straddling: int
    rows_without_pictures: int = 0
    rows_with_images: int = 0
    rows_images_refused: int = 0
    images: int = 0
    image_bytes: int = 0
    images_with_metadata: int = 0
    image_placeholders: int = 0
    image_files: int = 0
    part: int = 0
    is_last: bool = True
    measures: bool = False
    bands: int = 0
    questions: int | None = None
    limits: str = ""
    dhashes: bool = False
    answers: dict[str, int] = field(default_factory=dict)
    filtered: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the block's files in its task's folder, without extension."""
        return f"{self.number}-{self.part}" if self.part else str(self.number)

    @property
    def may_have_images(self) -> bool:
        """Whether another setting of images could change the block."""
        return self.rows_with_images + self.rows_images_refused + self.image_files > 0

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the block's files: those of images only where it has some."""
        extensions = {
            "ids": True,
            "index": True,
            "images": self.images > 0,
            "image_files": self.image_files > 0,
            "measures": self.measures,
            "bands": self.bands > 0,
            "questions": self.questions is not None,
            "dhashes": self.dhashes,
        }
        return tuple(f"{self.name}.{extension}" for extension, is_there in extensions.items() if is_there)


@dataclass(frozen=True)
class TaskRecord:
    """A task whose blocks stand.

    Attributes
    ----------
    blocks
        Their headers, in order.
    rows
        Rows read, blank lines counted.
    """

    blocks: tuple[BlockHeader, ...]
    rows: int

    def __post_init__(self) -> None:
        """Refuse blocks that do not follow one another."""
        place = (0, 0)
        for block in self.blocks:
            if (block.number, block.part) != place:
                raise ValueError("its blocks are not numbered one after the other")
            place = (block.number + 1, 0) if block.is_last else (block.number, block.part + 1)
        if place[1]:
            raise ValueError("its last block is incomplete")


@dataclass(frozen=True)
class RegisteredRun:
    """An output, and the keys of the tasks whose blocks it uses."""

    output: str
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class WithoutImages:
    """A task without images: its blocks are the same whatever a recipe says of images.

    Attributes
    ----------
    task
        Key under which they lie.
    """

    task: str

    def __post_init__(self) -> None:
        """Refuse names that lead out of the store."""
        check_basename(self.task)


@dataclass(frozen=True)
class Usage:
    """When tasks were used last.

    Attributes
    ----------
    tasks
        Seconds since 1970 by the tasks' keys.
    """

    tasks: dict[str, int] = field(default_factory=dict)


_TASK = StateFile(TaskRecord, _AGAIN, oldest=2)
_RUN = StateFile(RegisteredRun, _AGAIN)
_WITHOUT = StateFile(WithoutImages, _AGAIN)
_USAGE = StateFile(Usage, _AGAIN)
WITHOUT_IMAGES = "without_images"
"""Folder of the store with an entry for each task without images, by its key without what is said of them."""


def load_task(store: Files, key: str) -> TaskRecord | NotThere | Damaged:
    """Read what a store says of a task whose blocks all stand; one without a digest is none of ours."""
    return _TASK.load_from(store, f"{task_folder(key)}/{TASK_FILE}")


def write_task(store: Files, key: str, task: TaskRecord) -> None:
    """Note that a task stands, whose blocks are in the store."""
    _TASK.put_to(store, f"{task_folder(key)}/{TASK_FILE}", task)


def forget_task(store: Store, key: str) -> None:
    """Forget that a task stands; its blocks stay, and are used again as far as they are sound.

    Raises
    ------
    StorageError
        When the note cannot be removed.
    """
    store.delete(f"{task_folder(key)}/{TASK_FILE}")


def load_fetched(store: Files, key: str) -> TaskRecord | NotThere | Damaged:
    """Read which task's blocks are being fetched into a folder: those that are there are of no other one."""
    return _TASK.load_from(store, f"{task_folder(key)}/{FETCHED_FILE}")


def write_fetched(store: Files, key: str, task: TaskRecord) -> None:
    """Note which task's blocks are being fetched into its folder, which holds no others."""
    _TASK.put_to(store, f"{task_folder(key)}/{FETCHED_FILE}", task)


def load_registered_run(store: Files, name: str) -> RegisteredRun | NotThere | Damaged:
    """Read an output's entry in a store."""
    return _RUN.load_from(store, name)


def write_registered_run(store: Files, name: str, run: RegisteredRun) -> None:
    """Note which tasks an output uses."""
    _RUN.put_to(store, name, run)


def load_usage(store: Files) -> Usage | NotThere | Damaged:
    """Read when tasks were used last."""
    return _USAGE.load_from(store, USAGE_FILE)


def write_usage(store: Files, usage: Usage) -> None:
    """Note when tasks were used last."""
    _USAGE.put_to(store, USAGE_FILE, usage)


def task_without_images(store: Files, key: str) -> str | None:
    """Return the key under which the blocks of a task without images lie, if one is known to have none.

    Parameters
    ----------
    store
        The working store.
    key
        The key that the task has whatever is said of images.
    """
    found = there(_WITHOUT.load_from(store, name_without_images(key)))
    return None if found is None else found.task


def write_task_without_images(store: Files, key: str, task: str) -> None:
    """Note that no row of a task has an image."""
    _WITHOUT.put_to(store, name_without_images(key), WithoutImages(task))


def name_without_images(key: str) -> str:
    """Return the name of the entry of a task without images."""
    return f"{WITHOUT_IMAGES}/{key}.json"


def finished_task(store: LocalStore, key: str) -> TaskRecord | None:
    """Return what a folder says of a task whose blocks are all there, as far as names and sizes tell."""
    found = there(load_task(store, key))
    if found is None:
        return None
    folder = store.folder / task_folder(key)

    def size(name: str) -> int | None:
        try:
            return (folder / name).stat().st_size
        except OSError:
            return None

    return found if is_whole(found, size) else None


def is_whole(task: TaskRecord, size: Callable[[str], int | None]) -> bool:
    """Tell whether a task's files are all there, as far as sizes tell.

    A power cut empties or takes what no version before synced.

    Parameters
    ----------
    task
        What was noted of it.
    size
        Returns the bytes of a file in its folder, None where there is none.
    """
    return all(_is_there(header, size) for header in task.blocks)


def _is_there(header: BlockHeader, size: Callable[[str], int | None]) -> bool:
    sizes = {name: size(name) for name in header.files}
    expected = {f"{header.name}.ids": header.stored_bytes, f"{header.name}.images": header.image_bytes}
    return all(
        found is not None and (found == expected[name] if name in expected else found > 0)
        for name, found in sizes.items()
    )
