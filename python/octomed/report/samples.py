"""What a look at the first rows of a file finds, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from octomed.recipe.sniff import Looks


@dataclass(frozen=True)
class NearFormat:
    """A built-in row format, and what columns lack for it.

    Attributes
    ----------
    name
        Its name.
    missing
        Its required columns that there are none of.
    """

    name: str
    missing: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether all required columns are there."""
        return not self.missing

    def __str__(self) -> str:
        wanted = ", ".join(f"`{column}`" for column in self.missing)
        return f"`{self.name}`" if self.fits else f"`{self.name}` (without {wanted})"


@dataclass(frozen=True)
class Misfit:
    """A row that gives no trace to pack.

    Attributes
    ----------
    row
        Its number in the file, from 0.
    reason, detail
        Why: never a value of the row.
    """

    row: int
    reason: str
    detail: str


@dataclass(frozen=True)
class FileSample:
    """What becomes of the first rows of a file.

    Attributes
    ----------
    source, file, path
        The source's name, the file's path relative to its root, and where it is.
    kind
        The file's kind, with its compression: `jsonl`, `csv.gzip`.
    rows, fitting, traces
        Rows looked at, those with a trace that fits a pack, and such traces.
    reasons
        Of the rows that do not fit, how many for which reason.
    unreadable
        How many of them cannot be read at all.
    first
        The first of them.
    columns
        The file's columns; of JSON rows the keys of those looked at. Those that may be values are left out.
    missing
        Columns that the format requires and that there are none of.
    unread
        Columns that the format does not read.
    pictures
        Columns whose names suggest pictures.
    formats
        Built-in formats that suit the columns, where the recipe's does not.
    looks
        What the file probably is, where none of the rows can be read.
    not_shown
        How many columns are left out of `columns`.
    images, images_with_metadata
        Distinct images of these rows, and those of them whose files say who or what they are of.
    image_faults
        A few of the rows that are refused for an image: missing, damaged, of no kind that is read.
    not_fetched
        Rows that show images by addresses of the web: what becomes of them is not known before a run.
    refused_for_images
        How many rows are refused for an image.
    """

    source: str
    file: str
    path: str
    kind: str
    rows: int = 0
    fitting: int = 0
    traces: int = 0
    reasons: tuple[tuple[str, int], ...] = ()
    unreadable: int = 0
    first: Misfit | None = None
    columns: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    formats: tuple[NearFormat, ...] = ()
    looks: Looks | None = None
    not_shown: int = 0
    images: int = 0
    images_with_metadata: int = 0
    image_faults: tuple[Misfit, ...] = ()
    not_fetched: int = 0
    refused_for_images: int = 0
