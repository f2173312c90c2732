"""The images that the traces of a training step show, out of the packs that it learned from."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.errors import OctomedError, StorageError
from octomed.mds_index import INDEX, read_index
from octomed.pipeline.finished.inspect_images import PackImages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from octomed.report.views import ImageView
    from octomed.stream import Run


def images_of_traces(run: Run, places: Iterable[dict[str, Any]]) -> dict[int, tuple[ImageView, ...]]:
    """Return the images of some traces of a run, by the traces' ids.

    Only packs of traces that show an image are read. Of a run in an object store their shards are fetched,
    each once.

    Parameters
    ----------
    run
        The packed run.
    places
        Rows of its provenance.

    Raises
    ------
    DataError, StorageError
        When a pack cannot be read, with the command that writes it again.
    """
    vision = run.content.vision
    if vision is None:
        return {}
    packs: defaultdict[str, defaultdict[int, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in places:
        if row.get("images"):
            packs[row["stream"]][row["pack"]].append(row)
    found: dict[int, tuple[ImageView, ...]] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="octomed-") as folder:
            for stream, rows in packs.items():
                for number, content in _contents(run, stream, sorted(rows), Path(folder)):
                    found |= _of_pack(content, rows[number], vision.image_token_id)
    except OctomedError as error:
        hint = error.hint or f"`{run.rebuild}` writes it again, if it is deleted"
        raise error.with_hint(hint) from None
    return found


def _contents(
    run: Run, stream: str, packs: list[int], folder: Path
) -> Iterator[tuple[int, _octomed.PackContent]]:
    """Yield packs of a stream, each after its number."""
    if not run.source.remote:
        for number in packs:
            yield number, _octomed.read_pack(str(Path(run.location, stream)), number)
        return
    local = folder / stream
    local.mkdir()
    _fetch(run, stream, local / INDEX)
    first = 0
    for shard in read_index((local / INDEX).read_bytes()).shards:
        wanted = [number for number in packs if first <= number < first + shard.samples]
        first += shard.samples
        if wanted:
            file = local / shard.file.basename
            _fetch(run, stream, file)
            for number in wanted:
                yield number, _octomed.read_pack(str(local), number)
            file.unlink()  # a step may be of many shards


def _fetch(run: Run, stream: str, target: Path) -> None:
    """Bring a file of a stream."""
    name = f"{stream}/{target.name}"
    try:
        run.source.fetch(name, target)
    except FileNotFoundError:
        raise StorageError(f"`{run.source.address(name)}` is missing") from None


def _of_pack(
    content: _octomed.PackContent, rows: list[dict[str, Any]], token: int
) -> dict[int, tuple[ImageView, ...]]:
    """Return the images of some documents of a pack, by their traces."""
    images = PackImages(content, token)
    found = {}
    for row in rows:
        offset = sum(content.lengths[: row["document"]])
        found[row["trace_id"]] = tuple(images.of_document(offset, row["length"], row["images"]))
    return found
