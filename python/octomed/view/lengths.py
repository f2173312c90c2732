"""How long packed traces are and how large their images, by source and group."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from octomed.view.bars import Chart, link_to, scaled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa
    from numpy.typing import NDArray

    from octomed.view.run import OpenRun

Classes = Counter[int]
"""How many values are from each power of two on."""


@dataclass
class Sizes:
    """Classes of the lengths of traces, and of the patches of images, by source."""

    lengths: dict[str, Classes] = field(default_factory=dict)
    patches: dict[str, Classes] = field(default_factory=dict)

    def add(self, table: pa.Table) -> None:
        """Count the rows of a piece of provenance."""
        for batch in table.to_batches():
            sources = batch.column("source").dictionary_encode()
            numbers = sources.indices.to_numpy(zero_copy_only=False)
            names = sources.dictionary.to_pylist()
            _count(self.lengths, names, numbers, batch.column("length").to_numpy())
            if "image_patches" in batch.schema.names:
                lists = batch.column("image_patches")
                counts = lists.value_lengths().to_numpy(zero_copy_only=False)
                _count(self.patches, names, np.repeat(numbers, counts), lists.flatten().to_numpy())


def _count(
    found: dict[str, Classes], names: list[str], numbers: NDArray[np.int64], values: NDArray[np.uint32]
) -> None:
    """Add values to the classes of their sources."""
    powers = np.frexp(np.maximum(values, 1).astype(np.float64))[1] - 1
    pairs, times = np.unique(numbers.astype(np.int64) * 64 + powers, return_counts=True)
    for pair, number in zip(pairs.tolist(), times.tolist(), strict=True):
        found.setdefault(names[pair // 64], Counter())[pair % 64] += number


def sizes_of(run: OpenRun) -> Sizes:
    """Count all of a run's provenance.

    Raises
    ------
    DataError
        When a table is missing or damaged.
    """
    sizes = Sizes()
    for name in run.tables.names("provenance/"):
        columns = [one for one in ("source", "length", "image_patches") if one in run.tables.columns(name)]
        sizes.add(run.tables.whole(name, columns))
    return sizes


def charts_of(run: OpenRun, sizes: Sizes) -> Iterator[Chart]:
    """Yield a chart for each group and source, and of images for each source that shows any."""
    groups = list(dict.fromkeys(str(one["group"]) for one in run.sources if one.get("group")))
    if len(groups) > 1:
        for group in groups:
            members = [sizes.lengths.get(name, Counter()) for name in run.sources_of(group)]
            yield _chart(f"Lengths of group {group}", sum(members, Counter()), "length", group=group)
    for name, classes in _in_order(run, sizes.lengths):
        yield _chart(f"Lengths of {name}", classes, "length", source=name)
    for name, classes in _in_order(run, sizes.patches):
        yield _chart(f"Patches of images of {name}", classes, "patches", source=name)


def _in_order(run: OpenRun, found: dict[str, Classes]) -> Iterable[tuple[str, Classes]]:
    return [(str(one["name"]), found[str(one["name"])]) for one in run.sources if one["name"] in found]


def _chart(title: str, classes: Classes, what: str, **words: str) -> Chart:
    powers = range(min(classes, default=0), max(classes, default=-1) + 1)
    lines = []
    for power in powers:
        least, most = 2**power, 2 ** (power + 1) - 1
        link = link_to("traces", **words, **{what: f"{least}-{most}"}) if classes[power] else ""
        lines.append((f"{least:,} to {most:,}", classes[power], f"{classes[power]:,}", link))
    unit = "tokens" if what == "length" else "patches"
    return Chart(title, scaled(lines), f"Classes of {unit}, by powers of two.")
