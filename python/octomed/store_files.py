"""State files of the working store: what a task's blocks are, and which outputs use them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from octomed.plain_names import check_basename
from octomed.state import Damaged, NotThere, StateFile, there
from octomed.storage import make_folder_inside, storage_error

if TYPE_CHECKING:
    from pathlib import Path

    from octomed.storage import Mode

TASK_FILE = "task.json"
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


_TASK = StateFile(TaskRecord, _AGAIN, oldest=2)
_RUN = StateFile(RegisteredRun, _AGAIN)
_WITHOUT = StateFile(WithoutImages, _AGAIN)
WITHOUT_IMAGES = "without_images"
"""Folder of the store with an entry for each task without images, by its key without what is said of them."""


def load_task(folder: Path) -> TaskRecord | NotThere | Damaged:
    """Read what the store says of a task whose blocks all stand; one without a digest is none of ours."""
    return _TASK.load(folder / TASK_FILE)


def write_task(folder: Path, task: TaskRecord, mode: Mode) -> None:
    """Note that a task stands, whose blocks are on the disk."""
    _TASK.write(folder / TASK_FILE, task, mode)


def forget_task(folder: Path) -> None:
    """Forget that a task stands; its blocks stay, and are used again as far as they are sound.

    Raises
    ------
    StorageError
        When the note cannot be removed.
    """
    try:
        (folder / TASK_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise storage_error("delete", folder / TASK_FILE, error) from error


def load_registered_run(path: Path) -> RegisteredRun | NotThere | Damaged:
    """Read an output's entry in the store."""
    return _RUN.load(path)


def write_registered_run(path: Path, run: RegisteredRun, mode: Mode) -> None:
    """Note which tasks an output uses."""
    _RUN.write(path, run, mode)


def task_without_images(store: Path, key: str) -> str | None:
    """Return the key under which the blocks of a task without images lie, if one is known to have none.

    Parameters
    ----------
    store
        The working store.
    key
        The key that the task has whatever is said of images.
    """
    found = there(_WITHOUT.load(store / WITHOUT_IMAGES / f"{key}.json"))
    return None if found is None else found.task


def write_task_without_images(store: Path, key: str, task: str, mode: Mode) -> None:
    """Note that no row of a task has an image."""
    make_folder_inside(store, WITHOUT_IMAGES, mode)
    _WITHOUT.write(store / WITHOUT_IMAGES / f"{key}.json", WithoutImages(task), mode)


def finished_task(folder: Path) -> TaskRecord | None:
    """Return what the store says of a task whose blocks are all there, as far as names and sizes tell."""
    found = there(load_task(folder))
    if found is None or not all(_is_there(folder, header) for header in found.blocks):
        return None
    return found


def _is_there(folder: Path, header: BlockHeader) -> bool:
    """Tell whether a block's files are there: a power cut empties or takes what no version before synced."""
    try:
        sizes = {name: (folder / name).stat().st_size for name in header.files}
    except OSError:
        return False
    expected = {f"{header.name}.ids": header.stored_bytes, f"{header.name}.images": header.image_bytes}
    return all(size == expected[name] if name in expected else size > 0 for name, size in sizes.items())
