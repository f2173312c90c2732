"""A run put to a dataset of the hub, piece by piece: what stands there is not sent again."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from octomed.errors import RecipeError
from octomed.file_names import CARD, REPORT, is_name_of_run
from octomed.pipeline.output.manifest_file import MANIFEST, NAME
from octomed.run_file import RUN_FILE
from octomed.state import Damaged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from octomed.publish.contents import Contents, PublishedFile
    from octomed.publish.hub import HubDataset, RemoteFile
    from octomed.report.progress import Progress

MOST_FILES, MOST_BYTES = 64, 2**31
"""Of a commit: a push that fails loses no more than one."""
_LAST = (CARD, REPORT, RUN_FILE)
"""Go together, when all else is there: whoever sees `octomed.json` sees a whole run."""
_ALWAYS_THERE = frozenset({".gitattributes", CARD})
"""What the hub makes by itself, or a user with a new dataset."""


@dataclass(frozen=True)
class Pushed:
    """What was done.

    Attributes
    ----------
    files, bytes
        Sent.
    stood
        Files that were there already.
    removed
        Files of another run that are gone.
    """

    files: int = 0
    bytes: int = 0
    stood: int = 0
    removed: int = 0


def push(
    contents: Contents, dataset: HubDataset, progress: Progress, *, public: bool, replace: bool
) -> Pushed:
    """Put a run to a dataset of the hub; the same call goes on with one that was interrupted.

    Parameters
    ----------
    contents
        What goes.
    dataset
        Where it goes; it is made where there is none.
    progress
        Told of what is sent.
    public
        Whether everybody may see it; a dataset that is there stays as visible as it is.
    replace
        Whether another run there goes.

    Raises
    ------
    RecipeError
        When the dataset is visible otherwise, holds another run, or files that no run wrote.
    StorageError
        When the hub cannot be reached, or refuses.
    """
    _prepare(dataset, public=public)
    there = dataset.files()
    gone = _obsolete(contents, dataset, there, replace=replace)
    progress.stage("upload", contents.size, len(contents.files))
    if RUN_FILE in gone:  # first: what is left of another run is no run
        dataset.commit({}, [RUN_FILE], "Remove another run's octomed.json")
        gone = [name for name in gone if name != RUN_FILE]
    first = [file for file in contents.files if file.name not in _LAST]
    last = [file for file in contents.files if file.name in _LAST]
    sent = [0, 0, 0]
    for batch in _batches(first):
        _send(contents, dataset, batch, there, progress, sent, [], f"Add {len(batch)} files of a packed run")
    _send(contents, dataset, last, there, progress, sent, gone, "Finish a packed run")
    return Pushed(sent[0], sent[1], sent[2], len(gone))


def _prepare(dataset: HubDataset, *, public: bool) -> None:
    private = dataset.is_private()
    if private is None:
        dataset.create(private=not public)
    elif not private and not public:
        message = f"`{dataset.repository}` is public already: everybody would see the run"
        raise RecipeError(message, "say `--public`, or choose another name")
    elif private and public:
        message = f"`{dataset.repository}` is there already, and private"
        raise RecipeError(message, f"leave `--public` out; `{dataset.page}/settings` makes it public")


def _obsolete(
    contents: Contents, dataset: HubDataset, there: dict[str, RemoteFile], *, replace: bool
) -> list[str]:
    """Return the files that go, those of another run; refuse what no run wrote, and runs that may not go."""
    ours = {file.name for file in contents.files}
    held = MANIFEST.read(data, NAME) if NAME in there and (data := dataset.read(NAME)) is not None else None
    others = sorted(there.keys() - ours - _ALWAYS_THERE)
    if held is None:
        if foreign := sorted(there.keys() - _ALWAYS_THERE):
            message = (
                f"`{dataset.repository}` holds `{foreign[0]}`, and nothing says that a run was put there"
            )
            raise RecipeError(message, "choose another name: a run is a dataset of its own")
        return []
    if isinstance(held, Damaged) or held.key != contents.key:
        if not replace:
            message = f"`{dataset.repository}` holds another run, or the same one published otherwise"
            raise RecipeError(
                message, "`--replace` removes its files and puts this one there; or choose another name"
            )
        others = sorted({*others, *(there.keys() & {RUN_FILE})})
    return [name for name in others if is_name_of_run(name) or name in {NAME, REPORT}]


def _batches(files: Sequence[PublishedFile]) -> Iterator[list[PublishedFile]]:
    batch: list[PublishedFile] = []
    for file in files:
        if batch and (len(batch) == MOST_FILES or sum(one.size for one in batch) + file.size > MOST_BYTES):
            yield batch
            batch = []
        batch.append(file)
    if batch:
        yield batch


def _send(  # noqa: PLR0913, PLR0917 a batch, where it goes, and what is told of it
    contents: Contents,
    dataset: HubDataset,
    batch: Sequence[PublishedFile],
    there: dict[str, RemoteFile],
    progress: Progress,
    sent: list[int],
    gone: Sequence[str],
    message: str,
) -> None:
    """Send the files of a batch that are not there yet."""
    with contextlib.ExitStack() as held:
        files: dict[str, Path] = {}
        for file in batch:
            path = held.enter_context(contents.here(file))
            found = there.get(file.name)
            if found is None or not found.is_same(path):
                files[file.name] = path
        if files or gone:
            dataset.commit(files, gone, message)
    for file in batch:
        is_new = file.name in files
        sent[0] += is_new
        sent[1] += file.size if is_new else 0
        sent[2] += not is_new
    progress.advance(rows=len(batch), bytes=sum(file.size for file in batch), tokens=0, rejects=0)
