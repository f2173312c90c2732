"""What lies in the packs of a finished run, trace by trace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from octomed import _octomed
from octomed.commands import as_argument, shell_words
from octomed.errors import DataError, OctomedError, RecipeError
from octomed.pipeline.finished.finished_run import read_run
from octomed.pipeline.finished.inspect_images import PackImages, mode_in, texts_of
from octomed.pipeline.finished.reconcile import tables_there
from octomed.pipeline.finished.run_places import pack_here, place_of, store_of
from octomed.pipeline.models.model import BUILTIN_TEMPLATES, resolve_model
from octomed.plain_names import path_below
from octomed.report.views import TraceView
from octomed.store import StoredFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from octomed.run_file import RunFile
    from octomed.storage import Mode


def inspect_pack(folder: Path, stream: str, pack: int) -> list[TraceView]:
    """Show the traces of one pack of a finished run.

    Parameters
    ----------
    folder
        The output of ``octomed pack``.
    stream
        Name of the stream.
    pack
        Number of the pack in it, from 0.

    Raises
    ------
    RecipeError
        When there is no such run, stream or pack.
    DataError
        When the pack's shard or its provenance is damaged.
    StorageError
        When the shard is missing.
    """
    run = read_run(folder)
    if stream not in run.streams:
        names = ", ".join(f"`{name}`" for name in run.streams)
        raise RecipeError(f"no stream `{stream}`", f"the run has {names}")
    packs = run.streams[stream].packs
    if not 0 <= pack < packs:
        raise RecipeError(f"stream `{stream}` has no pack {pack}", f"its packs are 0 to {packs - 1}")
    refuse_links(folder, stream)
    try:
        with pack_here(folder, stream, pack):
            content = _octomed.read_pack(str(folder / stream), pack)
    except OctomedError as error:
        raise error.with_hint(verify_hint(folder)) from None
    tokenizer = tokenizer_of(run)
    places = _places(folder, stream, pack, documents=len(content.lengths))
    input_ids, loss_spans = content.input_ids, content.loss_spans
    token = run.vision.image_token_id if run.vision else None
    try:
        images = None if token is None else PackImages(content, token)
    except DataError as error:
        raise DataError(error.message, verify_hint(folder)) from None
    views = []
    offset = 0
    for document, (length, trace_id) in enumerate(zip(content.lengths, content.trace_ids, strict=True)):
        ids = input_ids[offset : offset + length]
        spans = tuple(
            (begin - offset, end - offset) for begin, end in loss_spans if offset <= begin < offset + length
        )
        at = f"{stream} pack {pack} document {document} offset {offset}"
        place, hashes = places[document]
        shown_images = tuple(images.of_document(offset, length, hashes)) if images else ()
        texts = texts_of(tokenizer, ids, token)
        views.append(TraceView(place, "kept", tuple(ids), texts, spans, trace_id, at, images=shown_images))
        offset += length
    return views


def document_text(run: RunFile, tokenizer: _octomed.Tokenizer, ids: Sequence[int]) -> str:
    """Return the text of a packed trace, an image in short.

    Parameters
    ----------
    run, tokenizer
        As :func:`tokenizer_of` has them.
    ids
        Of the trace.
    """
    token = run.vision.image_token_id if run.vision else None
    return b"".join(texts_of(tokenizer, list(ids), token)).decode("utf-8", "replace")


def mode_of(folder: Path) -> Mode:
    """Return who may read what a finished run writes."""
    return mode_in(read_run(folder).recipe)


def inspect_trace(folder: Path, trace_id: int) -> TraceView:
    """Show one trace of a finished run by its id.

    Raises
    ------
    RecipeError
        When the run has no such trace.
    DataError, StorageError
        As for :func:`inspect_pack`.
    """
    read_run(folder)
    tables = tables_there(store_of(folder), "provenance/") if 0 <= trace_id < 2**64 else []
    for table in tables:
        found = _rows(folder, table, pc.field("trace_id") == pa.scalar(trace_id, pa.uint64()))
        if found:
            views = inspect_pack(folder, found[0]["stream"], found[0]["pack"])
            view: TraceView = views[found[0]["document"]]
            return view
    raise RecipeError(f"no trace {trace_id} in `{place_of(folder)}`", "its provenance tables list the ids")


def refuse_links(folder: Path, stream: str) -> None:
    """Refuse a stream whose index or shards are links out of the run's folder."""
    path_below(folder, stream)
    for path in (folder / stream).glob("*"):
        path_below(folder, f"{stream}/{path.name}")


def tokenizer_of(run: RunFile) -> _octomed.Tokenizer:
    """Load the run's tokenizer again, to turn ids into text; which template it had does not matter here.

    Raises
    ------
    RecipeError
        When it is not there, or not the one that the run was packed with.
    """
    name = run.run.model
    base = Path(run.run.recipe_folder or "")
    tokenizer = resolve_model(name, BUILTIN_TEMPLATES[0], base=base).tokenizer()
    if tokenizer.content_hash != run.tokenizer.content_hash:
        raise RecipeError(
            f"the tokenizer of `{name}` is not the one that this run was packed with",
            "its ids cannot be shown as text; put the old tokenizer back",
        )
    return tokenizer


def _places(folder: Path, stream: str, pack: int, *, documents: int) -> list[tuple[str, list[int]]]:
    """Return where each trace of a pack is from, and the hashes of its images."""
    for table in tables_there(store_of(folder), f"provenance/{stream}-"):
        rows = _rows(folder, table, pc.field("pack") == pack)
        if not rows:
            continue
        rows.sort(key=lambda row: row["document"])
        if [row["document"] for row in rows] != list(range(documents)):
            message = f"`{place_of(folder, table)}` has {len(rows)} traces of pack {pack}"
            raise DataError(f"{message}, and its shard has {documents}", verify_hint(folder))
        return [
            (
                f"{row['source']}/{row['file']} row {row['row']} sample {row['sample']}",
                list(row.get("images") or ()),
            )
            for row in rows
        ]
    raise RecipeError(f"the provenance of `{stream}` pack {pack} is missing", verify_hint(folder))


def _rows(folder: Path, table: str, wanted: pc.Expression) -> list[dict[str, Any]]:
    """Read the rows of a provenance table that are asked for."""
    try:
        with StoredFile(store_of(folder), table) as file:
            rows: list[dict[str, Any]] = pq.read_table(file, filters=wanted).to_pylist()
            return rows
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"`{place_of(folder, table)}` is damaged: {error}", verify_hint(folder)) from error


def verify_hint(folder: Path) -> str:
    """Return what to run where a file of a run does not read."""
    return f"`{shell_words(['octomed', 'verify', as_argument(place_of(folder))])}` says what is wrong"
