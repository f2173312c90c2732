"""Charts of bars, each of which leads to the rows behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Bar:
    """A line of a chart.

    Attributes
    ----------
    label
        What is counted.
    text
        The value in words.
    link
        Where the rows behind it are listed; empty where no table has them.
    begin, width
        Where the bar begins and how wide it is, in percent of the chart.
    kind
        `lost`, `kept`, or nothing: its colour.
    """

    label: str
    text: str
    link: str = ""
    begin: float = 0.0
    width: float = 0.0
    kind: str = ""


@dataclass(frozen=True)
class Chart:
    """Bars, one below the other.

    Attributes
    ----------
    title
        Heading.
    bars
        From top to bottom.
    note
        What is to be said of it.
    """

    title: str
    bars: tuple[Bar, ...]
    note: str = ""


def link_to(page: str, **words: object) -> str:
    """Return an address of a page of a run, relative to the run's; words that are None are left out.

    Examples
    --------
    >>> link_to("traces", source="films", length=None)
    'traces?source=films'
    """
    given = {name: value for name, value in words.items() if value is not None}
    return f"{page}?{urlencode(given)}" if given else page


def scaled(
    values: Sequence[tuple[str, float, str, str]], kind: str = "", whole: float = 0
) -> tuple[Bar, ...]:
    """Return bars in proportion to the largest, or to a whole: of label, value, value in words and link each.

    Examples
    --------
    >>> [bar.width for bar in scaled([("a", 2, "2", ""), ("b", 1, "1", "")])]
    [100.0, 50.0]
    """
    most = whole or max((value for _, value, *_ in values), default=0) or 1
    return tuple(
        Bar(label, text, link, 0.0, _percent(value, most), kind) for label, value, text, link in values
    )


def _percent(value: float, most: float) -> float:
    return round(100 * value / most, 2)


class Flow:
    """Bars of a flow: what is lost stands where it left, right of what stays.

    Parameters
    ----------
    whole
        How much comes in.
    """

    def __init__(self, whole: int) -> None:
        self._whole, self._left = max(whole, 1), whole
        self.bars: list[Bar] = []

    def whole(self, label: str, number: int, link: str) -> None:
        """Add a bar from the left edge."""
        self._add(label, number, link, 0, "")

    def part(self, label: str, number: int, link: str, kind: str) -> None:
        """Add what leaves here, or stays in one of several places."""
        self._left -= number
        self._add(label, number, link, max(self._left, 0), kind)

    def _add(self, label: str, number: int, link: str, begin: int, kind: str) -> None:
        numbers: dict[str, Any] = {
            "begin": _percent(begin, self._whole),
            "width": _percent(number, self._whole),
        }
        self.bars.append(Bar(label, f"{number:,}", link, kind=kind, **numbers))
