"""Two rows side by side: a trace that was left out, and the one that its reason names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from octomed.errors import OctomedError
from octomed.view.differences import Pieces, compared, is_longer
from octomed.view.source_row import fields_of, text_of

if TYPE_CHECKING:
    from octomed.view.run import OpenRun

_RESPONSE = re.compile(r"(?P<name>responses?|generations) (?P<number>\d+)")


@dataclass(frozen=True)
class Beside:
    """Two rows side by side.

    Attributes
    ----------
    fields
        Names of columns, and the texts of both in pieces; those marked that the other does not have.
    is_longer
        Whether a text is compared only in part.
    fault
        Why they are not shown.
    """

    fields: tuple[tuple[str, Pieces, Pieces], ...] = ()
    is_longer: bool = False
    fault: OctomedError | None = None


def beside(run: OpenRun, left: dict[str, Any], right: dict[str, Any]) -> Beside:
    """Read two rows again, and compare them column by column; of many responses only those that are meant."""
    try:
        mine, theirs = (
            dict(_of_sample(fields_of(text_of(run, one["source"], one["file"], one["row"])), one["sample"]))
            for one in (left, right)
        )
    except OctomedError as error:
        return Beside(fault=error)
    names = dict.fromkeys((*mine, *theirs))
    pairs = [(mine.get(name, ""), theirs.get(name, "")) for name in names]
    fields = tuple((name, *compared(*pair)) for name, pair in zip(names, pairs, strict=True))
    return Beside(fields, any(is_longer(text) for pair in pairs for text in pair))


def _of_sample(fields: list[tuple[str, str]], sample: int | None) -> list[tuple[str, str]]:
    """Return the columns of a row without the responses that are not meant."""
    chosen = []
    for name, text in fields:
        found = _RESPONSE.fullmatch(name)
        if found is None or sample is None:
            chosen.append((name, text))
        elif int(found["number"]) == sample:
            chosen.append((found["name"], text))
    return chosen
