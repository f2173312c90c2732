"""Packs read one after another: shards where they lie, places from the provenance beside them."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from octomed import _octomed
from octomed.errors import DataError, OctomedError
from octomed.library.packs import Document, Pack
from octomed.pipeline.finished.inspect_images import PackImages
from octomed.pipeline.finished.inspect_packs import refuse_links, verify_hint
from octomed.pipeline.finished.reconcile import table_names
from octomed.pipeline.finished.run_places import pack_here, store_of
from octomed.pipeline.finished.run_tables import batches_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from octomed.library.packs import Words
    from octomed.run_file import RunFile

_COLUMNS = ("trace_id", "source", "file", "row", "sample", "shard", "pack", "document", "offset", "length")


@dataclass(frozen=True)
class PackReader:
    """Reads packs of a finished run.

    Attributes
    ----------
    folder, run
        The run.
    words
        What turns its ids into text.
    """

    folder: Path
    run: RunFile
    words: Words

    def packs(self, stream: str, *, first: int = 0, source: str | None = None) -> Iterator[Pack]:
        """Yield the packs of a stream in their order, or those that have a trace of `source`.

        Of a run at an address one shard is here at a time.
        """
        refuse_links(self.folder, stream)
        with contextlib.ExitStack() as shard:
            here = None
            for rows in self._places(stream, first):
                if source is not None and source not in rows.column("source").to_pylist():
                    continue
                places = rows.to_pylist()
                number = int(places[0]["pack"])
                if here != places[0]["shard"]:
                    shard.close()
                    shard.enter_context(pack_here(self.folder, stream, number))
                    here = places[0]["shard"]
                yield self._pack(stream, number, places)

    def _places(self, stream: str, first: int) -> Iterator[pa.RecordBatch]:
        """Yield the provenance of each pack, from number `first` on."""
        names = table_names(store_of(self.folder), self.run, f"provenance/{stream}-")
        columns = [*_COLUMNS, *(["images"] if self.run.vision is not None else [])]
        waiting: list[pa.RecordBatch] = []
        for name in sorted(names):
            for batch in batches_of(self.folder, name, columns):
                wanted = batch.filter(pc.greater_equal(batch.column("pack"), first)) if first else batch
                if not wanted.num_rows:
                    continue
                numbers = wanted.column("pack").to_numpy()
                edges = [0, *(np.flatnonzero(numbers[1:] != numbers[:-1]) + 1).tolist(), len(numbers)]
                for begin, end in itertools.pairwise(edges):
                    piece = wanted.slice(begin, end - begin)
                    if waiting and waiting[-1].column("pack")[0] != piece.column("pack")[0]:
                        yield _joined(waiting)
                        waiting = []
                    waiting.append(piece)
        if waiting:
            yield _joined(waiting)

    def _pack(self, stream: str, number: int, places: list[dict[str, Any]]) -> Pack:
        hint = verify_hint(self.folder)
        try:
            content = _octomed.read_pack(str(self.folder / stream), number)
            token = self.words.image_token
            images = None if token is None else PackImages(content, token)
        except OctomedError as error:
            raise error.with_hint(hint) from None
        if [int(row["trace_id"]) for row in places] != list(content.trace_ids):
            message = f"the provenance of `{stream}` pack {number} names other traces than its shard"
            raise DataError(message, hint)
        ids = np.asarray(content.input_ids, np.uint32)
        documents = []
        for row in places:
            begin, length = int(row["offset"]), int(row["length"])
            spans = (
                (start - begin, end - begin)
                for start, end in content.loss_spans
                if begin <= start < begin + length
            )
            hashes = list(row.get("images") or ())
            documents.append(
                Document(
                    trace_id=int(row["trace_id"]),
                    source=str(row["source"]),
                    file=str(row["file"]),
                    row=int(row["row"]),
                    sample=int(row["sample"]),
                    stream=stream,
                    pack=number,
                    number=int(row["document"]),
                    offset=begin,
                    input_ids=ids[begin : begin + length],
                    loss_spans=tuple(spans),
                    images=() if images is None else tuple(images.of_document(begin, length, hashes)),
                    _words=self.words,
                )
            )
        return Pack(stream, number, self.run.capacity, tuple(documents))


def _joined(pieces: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Return rows of one pack that lie in two batches as one batch."""
    if len(pieces) == 1:
        return pieces[0]
    return pa.Table.from_batches(pieces).unify_dictionaries().combine_chunks().to_batches()[0]
