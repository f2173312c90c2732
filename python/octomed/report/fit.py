"""What is said of a sample of rows: that they fit the recipe, or what they lack."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from octomed.names import shown
from octomed.report import units

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from octomed.report.samples import FileSample, NearFormat

_MOST_COLUMNS = 12
_LONGEST_NAME = 60
_SIMILAR = 0.75


def listed(names: Sequence[str], *, most: int = _MOST_COLUMNS) -> str:
    """Return names, those that are no plain word in quotes, and an ellipsis beyond `most`."""
    words = ", ".join(name if name.isidentifier() else f"`{_printable(name)}`" for name in names[:most])
    return f"{words}… ({units.count(len(names))} in all)" if len(names) > most else words


def names_in_words(shown: Sequence[str], hidden: int) -> str:
    """Return names that may be shown, and how many others there are."""
    if not hidden:
        return listed(shown) or "none"
    more = f"{units.count(hidden)} whose names are not shown: they may be values of a row"
    return f"{listed(shown)} and {more}" if shown else more


def _printable(name: str) -> str:
    """Return a name that cannot steer a terminal, and does not fill it."""
    safe = shown(name[:_LONGEST_NAME])
    return f"{safe}…" if len(name) > _LONGEST_NAME else safe


def misfit_line(sample: FileSample) -> str | None:
    """Return a line on the rows that do not fit, or `None` where all do."""
    if sample.rows and sample.fitting == sample.rows:
        return None
    place = f"source `{sample.source}`, `{shown(sample.file)}`"
    if not sample.rows:
        return f"{place}: no rows"
    if sample.fitting:
        rows = f"{sample.rows - sample.fitting} of {sample.rows} rows do not fit"
        return f"{place}: {rows}: {_reasons(sample)}"
    if sample.looks is not None:
        rows = f"0 of {sample.rows} rows fit: {_reasons(sample)}"
        return f"{place}: {rows}; it looks like {sample.looks.what}"
    parts = [_why_none_fits(sample)]
    if sample.columns or sample.not_shown:
        parts.append(f"columns here: {names_in_words(sample.columns, sample.not_shown)}")
    parts += (
        [formats_in_words(sample.formats)]
        if sample.missing or any(one.fits for one in sample.formats)
        else []
    )
    return f"{place}: 0 of {sample.rows} rows fit: {'; '.join(parts)}"


def _why_none_fits(sample: FileSample) -> str:
    if sample.missing:
        return "no column " + ", ".join(_missing(name, sample.columns) for name in sample.missing)
    return _reasons(sample)


def _missing(name: str, columns: Sequence[str]) -> str:
    """Return the name of a column that is not there, with one that is and looks like it."""
    there = {column.lower(): column for column in columns}
    similar = difflib.get_close_matches(name.lower(), there, n=1, cutoff=_SIMILAR)
    return f"`{name}` (there is {listed([there[similar[0]]])})" if similar else f"`{name}`"


def _reasons(sample: FileSample) -> str:
    counted = ", ".join(f"{number} {reason}" for reason, number in sample.reasons)
    if sample.first is None:
        return counted
    detail = f" ({sample.first.detail})" if sample.first.detail else ""
    return f"{counted}; the first is row {sample.first.row}: {sample.first.reason}{detail}"


def formats_in_words(formats: Sequence[NearFormat]) -> str:
    """Return the built-in formats that are nearest to some columns, or that none is near."""
    if not formats:
        return "nearest format: none of the built-in ones; write a mapping of these columns"
    return f"nearest format: {', '.join(map(str, formats))}"


def column_notes(samples: Sequence[FileSample]) -> Iterator[str]:
    """Yield a line per source on columns that are not read, and one on those that suggest pictures."""
    of_source: dict[str, list[FileSample]] = {}
    for sample in samples:
        of_source.setdefault(sample.source, []).append(sample)
    for source, mine in of_source.items():
        unread = list(dict.fromkeys(name for sample in mine for name in sample.unread))
        pictures = list(dict.fromkeys(name for sample in mine for name in sample.pictures))
        if unread:
            yield f"source `{source}`: columns that this format does not read: {listed(unread)}"
        if pictures:
            yield (
                f"source `{source}`: columns whose names suggest pictures: {listed(pictures)}; a row with a "
                "picture that `images` does not map is a reject, or packed without it where "
                "`image_columns: []` asks for it"
            )


def image_notes(samples: Sequence[FileSample]) -> Iterator[str]:
    """Yield what was seen of images: how many, which rows are refused for one, and who they may tell of."""
    for sample in samples:
        place = f"source `{sample.source}`, `{shown(sample.file)}`"
        if sample.images:
            yield f"{place}: {units.count(sample.images)} images in the first {sample.rows} rows"
        for fault in sample.image_faults:
            detail = f" ({fault.detail})" if fault.detail else ""
            yield f"{place}: row {fault.row}: {fault.reason}{detail}"
        if (left := sample.refused_for_images - len(sample.image_faults)) > 0:
            yield (
                f"{place}: {units.count(left)} more of these rows are refused for an image: after a run "
                "`octomed rejects OUTPUT` lists all"
            )
        if sample.not_fetched:
            yield (
                f"{place}: {units.count(sample.not_fetched)} of the first {sample.rows} rows show images by "
                "their addresses, which are fetched when the run is packed: what they take is not counted"
            )
        if sample.images_with_metadata:
            yield (
                f"{place}: {units.count(sample.images_with_metadata)} of {units.count(sample.images)} images "
                "hold metadata that may identify (EXIF, XMP, texts): `images.metadata: strip` removes it"
            )


def sample_values(sample: FileSample) -> dict[str, Any]:
    """Return a sample as plain values."""
    first = sample.first
    return {
        "source": sample.source,
        "file": sample.file,
        "kind": sample.kind,
        "rows": sample.rows,
        "rows_fitting": sample.fitting,
        "traces": sample.traces,
        "reasons": dict(sample.reasons),
        "first": first and {"row": first.row, "reason": first.reason, "detail": first.detail},
        "columns": list(sample.columns),
        **({"columns_not_shown": sample.not_shown} if sample.not_shown else {}),
        "columns_missing": list(sample.missing),
        "columns_unread": list(sample.unread),
        "columns_of_pictures": list(sample.pictures),
        "images": sample.images,
        **({"rows_not_fetched": sample.not_fetched} if sample.not_fetched else {}),
        "images_with_metadata": sample.images_with_metadata,
        "image_faults": [
            {"row": fault.row, "reason": fault.reason, "detail": fault.detail}
            for fault in sample.image_faults
        ],
        **(
            {"rows_refused_for_images": sample.refused_for_images}
            if sample.refused_for_images > len(sample.image_faults)
            else {}
        ),
        "nearest_formats": [{"name": one.name, "missing": list(one.missing)} for one in sample.formats],
    }
