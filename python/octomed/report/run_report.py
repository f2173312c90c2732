"""What the report of a finished run shows, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from octomed.report.near_pictures import NearPictures
    from octomed.report.views import RunView
    from octomed.run_file import RunFile


SAMPLES = 2
"""Texts of each source and reason, and of the packed traces of each source."""


@dataclass(frozen=True)
class Lengths:
    """How long the packed traces of a source or group are: how many from each power of two of tokens on."""

    name: str
    counts: dict[int, int]


@dataclass(frozen=True)
class Sample:
    """A trace or row to look at.

    Attributes
    ----------
    reason
        Why it was left out; `kept` of one that is packed.
    place
        Source, file, row and sample.
    detail
        What else is said of the reason.
    text
        Of the row or trace.
    source
        Name of its source.
    """

    reason: str
    place: str
    detail: str
    text: str
    source: str = ""


@dataclass(frozen=True)
class Cluster:
    """Traces that are nearly equal: how many, and the first of them, each a line about it and its text."""

    size: int
    members: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class RunReport:
    """Everything on the page.

    Attributes
    ----------
    run
        The run file.
    view
        Its streams, with the lengths of their traces.
    by_source, by_group
        Lengths of the packed traces.
    samples
        Traces and rows to look at; none where the recipe or the caller wants no text shown.
    clusters
        The largest clusters of near duplicates.
    clusters_found
        How many there are.
    decontamination
        What `reports/decontamination.json` says.
    contaminated
        Training questions that left: source, evaluation set, and the words that both have.
    near_pictures
        The first of the pictures that are nearly one of an evaluation set.
    texts
        Which texts are on the page, in words for its top; empty where none is.
    recipe
        The recipe as YAML, all keys.
    notes
        Why something is not on the page.
    """

    run: RunFile
    view: RunView
    by_source: tuple[Lengths, ...] = ()
    by_group: tuple[Lengths, ...] = ()
    samples: tuple[Sample, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    clusters_found: int = 0
    decontamination: dict[str, Any] = field(default_factory=dict)
    contaminated: tuple[dict[str, Any], ...] = ()
    near_pictures: tuple[NearPictures, ...] = ()
    texts: str = ""
    recipe: str = ""
    notes: tuple[str, ...] = ()
