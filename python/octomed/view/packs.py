"""A packed row as the model sees it: its documents token by token, images at their places, positions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow.compute as pc

from octomed import _octomed
from octomed.commands import as_argument, shell_words
from octomed.errors import DataError, OctomedError, RecipeError
from octomed.names import safe, shown
from octomed.pipeline.finished.inspect_images import PackImages
from octomed.pipeline.finished.run_places import pack_here
from octomed.plain_names import path_below

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from octomed.report.views import ImageView
    from octomed.run_file import Vision
    from octomed.view.run import OpenRun

TOKENS_OF_A_PAGE = 32_768
"""After which a page of a pack ends with a document, and a link goes on."""


@dataclass(frozen=True)
class Piece:
    """Tokens that are shown together: a token, those that share a character, or those of an image.

    Attributes
    ----------
    text
        What they say.
    tokens
        How many they are.
    kind
        `text`, `control` or `image`.
    supervised
        Whether they are learned.
    image
        Which of the document's images they stand for.
    """

    text: str
    tokens: int
    kind: str = "text"
    supervised: bool = False
    image: int | None = None


@dataclass(frozen=True)
class Document:
    """A trace inside a pack.

    Attributes
    ----------
    number
        In the pack.
    offset, length
        Its first token in the pack, and how many it has.
    row
        Its line of provenance.
    hidden
        Whether its text is only shown when that is asked for.
    supervised
        Tokens that are learned.
    pieces
        What it says; none where it is hidden.
    images
        Those that it shows, placeholder by placeholder.
    stretches
        Tokens of one kind in a row: kind, first token, one more than the last, first and last position.
    """

    number: int
    offset: int
    length: int
    row: dict[str, Any]
    hidden: bool
    supervised: int
    pieces: tuple[Piece, ...]
    images: tuple[ImageView, ...]
    stretches: tuple[tuple[str, int, int, str, str], ...]


@dataclass(frozen=True)
class Pack:
    """A packed row, with the numbers that a training makes of it.

    Attributes
    ----------
    stream, number
        Where it is.
    content
        As it was read.
    labels
        Of each token: its id where it is learned, -100 elsewhere.
    positions
        Of each token: the plain position in its document, [1, tokens]; for a model with images those along
        time, height and width as well, [4, tokens].
    rows
        Lines of provenance, document by document.
    """

    stream: str
    number: int
    content: _octomed.PackContent
    labels: NDArray[np.int64]
    positions: NDArray[np.int64]
    rows: list[dict[str, Any]]


def read_pack(run: OpenRun, stream: str, number: int) -> Pack:
    """Read a pack of a run.

    Raises
    ------
    RecipeError
        When there is no such stream or pack.
    DataError
        When its shard or its provenance is damaged.
    StorageError
        When its shard is missing.
    """
    if stream not in run.file.streams:
        names = ", ".join(f"`{name}`" for name in run.file.streams)
        raise RecipeError(f"no stream `{shown(stream)}`", f"the run has {names}")
    packs = run.file.streams[stream].packs
    if not 0 <= number < packs:
        raise RecipeError(f"stream `{stream}` has no pack {number}", f"its packs are 0 to {packs - 1}")
    return run.kept(("pack", stream, number), lambda: _read(run, stream, number))


def _read(run: OpenRun, stream: str, number: int) -> Pack:
    path_below(run.folder, stream)
    for path in (run.folder / stream).glob("*"):
        path_below(run.folder, f"{stream}/{path.name}")  # no link leads out of the run
    hint = f"`{shell_words(['octomed', 'verify', as_argument(run.place)])}` says what is wrong"
    try:
        with run.alone(), pack_here(run.folder, stream, number):
            content = _octomed.read_pack(str(run.folder / stream), number)
        labels, positions = _as_in_a_batch(content, run.file.vision)
    except OctomedError as error:
        raise error.with_hint(hint) from None
    rows = provenance_of(run, stream, number)
    if [row["document"] for row in rows] != list(range(len(content.lengths))):
        message = f"the provenance of `{stream}` has {len(rows)} traces of pack {number}"
        raise DataError(f"{message}, and its shard has {len(content.lengths)}", hint)
    return Pack(stream, number, content, labels, positions, rows)


def _as_in_a_batch(
    content: _octomed.PackContent, vision: Vision | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the labels and positions that a training gets, from the function that makes them for it."""
    spans = np.asarray(content.loss_spans, np.uint32).reshape(-1, 2)
    ids, lengths = np.asarray(content.input_ids, np.uint32), np.asarray(content.lengths, np.uint32)
    images = _image_columns(content) if vision else None
    row = (ids, lengths, spans, np.asarray(content.trace_ids, np.uint64), images)
    tokens, documents = len(ids), len(lengths)
    labels = np.empty(tokens, np.int64)
    positions = np.empty((4 if vision else 1, tokens), np.int64)
    buffers = (
        np.empty((1, 4 if vision else 2), np.int64),
        np.empty(tokens, np.int64),
        labels,
        positions.reshape(-1),
        np.empty(documents + 1, np.int32),
        np.empty(documents, np.int64),
        np.empty(documents, np.int64),
    )
    rules = (vision.image_token_id, vision.merge_size) if vision else None
    of_images = (
        (np.empty((len(content.images), 3), np.int64), np.empty(len(content.image_refs), np.int64))
        if vision
        else None
    )
    _octomed.fill_batch([row], buffers, None, rules, cast("Any", of_images))
    return labels, positions


def _image_columns(
    content: _octomed.PackContent,
) -> tuple[int, NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]] | None:
    """Return the columns of images as a shard stores them."""
    if not content.images:
        return None
    offsets = np.cumsum([0, *map(len, content.images)]).astype("<u4")
    grids = np.asarray([(1, *grid) for grid in content.image_grids], "<u4")
    refs = np.asarray(content.image_refs, "<u4")
    size = int(offsets[-1])
    as_bytes = [one.reshape(-1).view(np.uint8) for one in (offsets, grids, refs)]
    return size, as_bytes[0], as_bytes[1], as_bytes[2]


def provenance_of(run: OpenRun, stream: str, number: int) -> list[dict[str, Any]]:
    """Return the lines of provenance of a pack, document by document.

    Tables and their row groups are in the order of packs, so that one or two are read.

    Raises
    ------
    DataError
        When a table is missing or damaged.
    """
    tables, found = run.tables, []
    names = tables.names(f"provenance/{stream}-")
    low, high = 0, len(names)
    while low < high:  # the first table that does not end before the pack
        middle = (low + high) // 2
        low, high = (middle + 1, high) if _last_pack(run, names[middle]) < number else (low, middle)
    for name in names[low : low + 1]:
        footer = tables.footer(name)
        for group in range(footer.num_row_groups):
            bounds = _packs_of(footer.row_group(group))
            if bounds is None or bounds[0] <= number <= bounds[1]:
                rows = tables.group(name, group)
                found += rows.filter(pc.equal(rows["pack"], number)).to_pylist()
    return sorted(found, key=lambda row: row["document"])


def _packs_of(group: Any) -> tuple[int, int] | None:  # noqa: ANN401 pyarrow's metadata of a row group
    for number in range(group.num_columns):
        column = group.column(number)
        if column.path_in_schema == "pack" and column.statistics is not None:
            return column.statistics.min, column.statistics.max
    return None


def _last_pack(run: OpenRun, name: str) -> int:
    footer = run.tables.footer(name)
    bounds = _packs_of(footer.row_group(footer.num_row_groups - 1)) if footer.num_row_groups else (0, -1)
    if bounds is None:  # a table that says nothing of itself is read
        return int(run.tables.whole(name, ["pack"])["pack"].to_numpy().max())
    return bounds[1]


def documents_of(run: OpenRun, pack: Pack, first: int, *, revealed: bool) -> Iterator[Document]:
    """Yield the documents of a page of a pack.

    Parameters
    ----------
    run, pack
        The pack.
    first
        Number of the document to begin with.
    revealed
        Whether texts are shown that are hidden otherwise.
    """
    token = run.file.vision.image_token_id if run.file.vision else None
    images = None if token is None else PackImages(pack.content, token)
    edges = np.cumsum([0, *pack.content.lengths]).tolist()
    for number in range(first, len(pack.content.lengths)):
        begin, end = edges[number], edges[number + 1]
        if number > first and end - edges[first] > TOKENS_OF_A_PAGE:
            return
        row = pack.rows[number]
        shown_images = (
            tuple(images.of_document(begin, end - begin, row.get("images") or ())) if images else ()
        )
        hidden = run.hides(row) and not revealed
        yield Document(
            number,
            begin,
            end - begin,
            row,
            hidden,
            int((pack.labels[begin:end] >= 0).sum()),
            () if hidden else tuple(_pieces(run, pack, begin, end, token)),
            () if hidden else shown_images,
            tuple(_stretches(run, pack, begin, end, token)),
        )


def _kinds(run: OpenRun, ids: NDArray[np.uint32], token: int | None) -> NDArray[np.int64]:
    """Return the kind of each token: 0 text, 1 control, 2 image."""
    kinds = np.isin(ids, list(run.control_ids)).astype(np.int64)
    if token is not None:
        kinds[ids == token] = 2
    return kinds


_KINDS = ("text", "control", "image")


def _pieces(run: OpenRun, pack: Pack, begin: int, end: int, token: int | None) -> Iterator[Piece]:
    ids = np.asarray(pack.content.input_ids[begin:end], np.uint32)
    kinds = _kinds(run, ids, token).tolist()
    learned = (pack.labels[begin:end] >= 0).tolist()
    texts = run.texts(ids.tolist())
    at, image = 0, 0
    while at < len(texts):
        stop = at + 1
        if kinds[at] == _KINDS.index("image"):
            while stop < len(texts) and kinds[stop] == kinds[at]:
                stop += 1
            yield Piece("", stop - at, "image", learned[at], image)
            image += 1
        else:
            while stop < len(texts) and _is_cut(texts[at:stop]) and kinds[stop] == kinds[at]:
                stop += 1
            text = safe(b"".join(texts[at:stop]).decode("utf-8", "replace"))
            yield Piece(text, stop - at, _KINDS[kinds[at]], learned[at])
        at = stop


_MOST_PARTS = 4
"""Bytes of a character, and so tokens that share one."""


def _is_cut(texts: Sequence[bytes]) -> bool:
    """Tell whether the last character of some tokens goes on in the next."""
    if len(texts) >= _MOST_PARTS:
        return False
    try:
        b"".join(texts).decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return False


def _stretches(
    run: OpenRun, pack: Pack, begin: int, end: int, token: int | None
) -> Iterator[tuple[str, int, int, str, str]]:
    """Yield tokens of one kind in a row, for who reads no colours: kind, tokens and positions."""
    ids = np.asarray(pack.content.input_ids[begin:end], np.uint32)
    kinds = _kinds(run, ids, token)
    marks = np.where(kinds == _KINDS.index("image"), 2, (pack.labels[begin:end] >= 0).astype(np.int64))
    edges = [0, *(np.flatnonzero(np.diff(marks)) + 1).tolist(), end - begin]
    for first, stop in pairwise(edges):
        if first < stop:
            name = ("prompt", "supervised", "image")[int(marks[first])]
            yield name, first, stop, position_of(pack, begin + first), position_of(pack, begin + stop - 1)


def position_of(pack: Pack, token: int) -> str:
    """Return the position of a token in words: one number, or those along time, height and width."""
    plain, *axes = (int(one) for one in pack.positions[:, token])
    return f"{plain}" if len(set(axes)) <= 1 and axes[:1] in ([], [plain]) else "/".join(map(str, axes))
