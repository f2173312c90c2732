"""Tables of what evaluation sets and sources share: which question left for which, and the counts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from octomed.pipeline.output.tables import write_parquet
from octomed.storage import make_folder_inside

if TYPE_CHECKING:
    from octomed import _octomed
    from octomed.pipeline.output.manifest import Manifest

COUNTS = "reports/decontamination.json"
"""What was counted of evaluation sets: by set, by source, and by both."""
CONTAMINATED = "reports/contaminated.parquet"
"""A row for each question that left and each evaluation set that it left for."""
NEAR_PICTURES = "reports/near_pictures.parquet"
"""A row for each picture that is nearly one of an evaluation set, with both in grey, 64 pixels a side."""


def write_decontamination(layout: _octomed.Layout, manifest: Manifest, *, shows_texts: bool) -> None:
    """Write what was found of evaluation sets; nothing where a recipe names none.

    Parameters
    ----------
    layout
        The layout, whose rules have run.
    manifest
        Of the run.
    shows_texts
        Whether words that questions share, and pictures, may be in tables.
    """
    counts = layout.decontamination()
    if counts is None:
        return
    make_folder_inside(manifest.folder, "reports", manifest.mode)
    tables = {
        CONTAMINATED: layout.contaminated(texts=shows_texts),
        NEAR_PICTURES: layout.near_pictures(pictures=shows_texts),
    }
    for name, table in tables.items():
        if table is not None and table.num_rows and name not in manifest.files:
            write_parquet(manifest.store, name, table)
            manifest.add_file(name)
    if COUNTS not in manifest.files:
        values = json.loads(counts)
        if not shows_texts:
            values["templates"]["largest"] = []
        text = json.dumps(values, indent=1, ensure_ascii=False, sort_keys=True)
        manifest.store.put(COUNTS, f"{text}\n".encode())
        manifest.add_file(COUNTS)
