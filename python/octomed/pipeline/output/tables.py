"""Tables beside the shards: where each trace is from, and what was left out."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from octomed.storage import make_folder_inside

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from octomed import _octomed
    from octomed.pipeline.output.manifest import Manifest
    from octomed.store import Store


def provenance_name(stream: str, number: int) -> str:
    """Path of the table of a range's traces in a stream, below the output folder."""
    return f"provenance/{stream}-{number:05}.parquet"


def rejects_name(source: str) -> str:
    """Path of the table of what was left out of a source, below the output folder."""
    return f"rejects/{source}.parquet"


def write_parquet(
    store: Store, name: str, first: pa.RecordBatch, others: Iterable[pa.RecordBatch] = ()
) -> None:
    """Write a table batch by batch as they come; it is there with the last.

    Raises
    ------
    StorageError
        When the file cannot be written; no half file is left.
    """
    with (
        store.writing(name) as file,
        pq.ParquetWriter(file, first.schema, compression="zstd") as writer,
    ):
        for batch in itertools.chain([first], others):
            if batch.num_rows:
                writer.write_batch(batch)


def write_rejects(layout: _octomed.Layout, sources: Sequence[str], manifest: Manifest) -> None:
    """Write one table per source that has rejects, in source order."""
    by_source: dict[str, list[int]] = {source: [] for source in sources}
    for number, source in enumerate(layout.block_sources):
        by_source[source].append(number)
    for source, numbers in by_source.items():
        name = rejects_name(source)
        if name in manifest.files or not numbers:
            continue
        batches = (batch for number in numbers if (batch := layout.rejects(number)).num_rows)
        first = next(batches, None)
        if first is not None:
            write_parquet(manifest.store, name, first, batches)
            manifest.add_file(name)


NEAR_DUPLICATES = "reports/near_duplicates.parquet"
"""Clusters of near duplicates, the largest first."""


def write_near_duplicates(layout: _octomed.Layout, manifest: Manifest) -> None:
    """List the clusters of near duplicates, a row a trace; there is no table where there is no cluster."""
    near = layout.near_summary()
    if near is not None and near["clusters"] and NEAR_DUPLICATES not in manifest.files:
        make_folder_inside(manifest.folder, "reports", manifest.mode)
        write_parquet(manifest.store, NEAR_DUPLICATES, layout.near_duplicates())
        manifest.add_file(NEAR_DUPLICATES)


IDENTIFYING = "reports/identifying.parquet"
"""Where traces have data that tell who somebody is, never the data."""


def write_identifying(layout: _octomed.Layout, manifest: Manifest) -> None:
    """List where traces have identifying data; there is no table where none was found."""
    if IDENTIFYING in manifest.files:
        return
    numbers = range(len(layout.block_sources))
    batches = (batch for number in numbers if (batch := layout.identifying(number)).num_rows)
    first = next(batches, None)
    if first is not None:
        make_folder_inside(manifest.folder, "reports", manifest.mode)
        write_parquet(manifest.store, IDENTIFYING, first, batches)
        manifest.add_file(IDENTIFYING)


SHARED_IMAGES = "reports/shared_images.parquet"
"""Images that several sources show, or that are stored in several ways."""
_MOST_SHARED = 100_000
_PLACE = pa.struct(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("file", pa.string(), nullable=False),
        pa.field("row", pa.uint64(), nullable=False),
        pa.field("bytes", pa.uint64(), nullable=False),
        pa.field("name", pa.string()),
    ]
)
"""A row that shows an image: the hash of the image's bytes there, and the path of its file, if it has one."""
_SHARED = pa.schema(
    [
        pa.field("hash", pa.uint64(), nullable=False),
        pa.field("of", pa.string(), nullable=False),
        pa.field("files", pa.uint32(), nullable=False),
        pa.field("traces", pa.uint64(), nullable=False),
        pa.field("sources", pa.map_(pa.string(), pa.uint64()), nullable=False),
        pa.field("places", pa.list_(_PLACE), nullable=False),
    ]
)


def write_shared_images(layout: _octomed.Layout, manifest: Manifest) -> int:
    """List the images that several sources show, or several files of other bytes; return how many there are.

    The table has those that most traces show, the most first; there is none where there are no such images.
    """
    images, largest = layout.shared_images(_MOST_SHARED)
    if images and SHARED_IMAGES not in manifest.files:
        rows = [
            {
                "hash": image.hash,
                "of": "pixels" if image.of_pixels else "bytes",
                "files": image.files,
                "traces": image.traces,
                "sources": image.sources,
                "places": [
                    dict(zip(("source", "file", "row", "bytes", "name"), place, strict=True))
                    for place in image.places
                ],
            }
            for image in largest
        ]
        make_folder_inside(manifest.folder, "reports", manifest.mode)
        write_parquet(manifest.store, SHARED_IMAGES, pa.RecordBatch.from_pylist(rows, _SHARED))
        manifest.add_file(SHARED_IMAGES)
    return images
