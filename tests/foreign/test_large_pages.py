"""Pages of row groups of large images, which pyarrow makes as long as a row group."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from octomed.foreign import columnar
from octomed.foreign.columnar import LARGEST_PAGES
from octomed.foreign.table import ForeignTable


@pytest.mark.parametrize("compression", ["none", pytest.param("snappy", marks=pytest.mark.long)])
def test_a_page_of_300_megabytes_is_read(tmp_path, compression):
    """101 rows of 3 MB: pyarrow looks at the size of a page once in 1,024 rows."""
    size = 3_000_000
    noise = np.random.default_rng(5).bytes(2 * size)
    rows = [noise[at * 1000 : at * 1000 + size] for at in range(101)]
    schema = pa.schema([("image", pa.binary()), ("question", pa.string())])
    path = tmp_path / "large.parquet"
    with pq.ParquetWriter(path, schema, compression=compression, use_dictionary=False) as writer:
        writer.write_table(pa.table([rows, [f"{at}?" for at in range(101)]], schema=schema))
    expected = [hashlib.sha256(row).digest() for row in rows]
    del rows
    assert 256 * 2**20 < 101 * size < LARGEST_PAGES
    found = []
    with ForeignTable(str(path), "parquet") as table:
        for batch in table.batches(["image", "question"], ["image", "question"], [0]):
            assert batch.nbytes < 80 * 2**20
            images = batch.column(batch.schema.names.index("image"))
            found += [hashlib.sha256(image.as_buffer()).digest() for image in images]
    assert found == expected


def test_a_larger_page_is_refused_on_every_machine_alike():
    columnar._refuse_large(0, LARGEST_PAGES)
    with pytest.raises(columnar.BrokenFileError, match="402,653,184 are read at most: write the file again"):
        columnar._refuse_large(0, LARGEST_PAGES + 1)
