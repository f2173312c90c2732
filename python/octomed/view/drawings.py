"""Curves of a training as parts of a page: without styles of their own, which its policy refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from markupsafe import Markup

from octomed.train.curves import drawing_of
from octomed.train.report import CURVES

if TYPE_CHECKING:
    from collections.abc import Sequence

_SVG, _XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
_NO_ATTRIBUTES = frozenset({"font-family", "font"})
"""Of a style: the page's own letters are used."""


def curves_of(entries: Sequence[dict[str, Any]], points: Sequence[tuple[int, float]]) -> Markup:
    """Return the curves of a training as HTML; points of the first lead to their steps.

    Parameters
    ----------
    entries
        Lines of `metrics.jsonl`.
    points
        Steps that can be followed, with their losses.
    """
    links = {step: f"/training/steps/{step}" for step, _ in points}
    names = {links[step]: f"step {step}, loss {loss:.4g}" for step, loss in points}
    drawn = [drawing_of(curve, entries, None if number else links) for number, curve in enumerate(CURVES)]
    return Markup("\n").join(Markup(_without_styles(one, names)) for one in drawn if one)  # noqa: S704 ours


def _without_styles(drawing: str, names: dict[str, str]) -> str:
    """Return a section with its drawing's styles as attributes, and a name for each of its links."""
    begin = drawing.find("<svg")
    if begin < 0:
        return drawing
    end = drawing.index("</svg>") + len("</svg>")
    ET.register_namespace("", _SVG.strip("{}"))
    ET.register_namespace("xlink", _XLINK.strip("{}"))
    root = ET.fromstring(drawing[begin:end])  # noqa: S314 it was drawn a line above
    for one in root.iter():
        _as_attributes(one)
        for style in one.findall(f"{_SVG}style"):
            one.remove(style)
    for link in root.iter(f"{_SVG}a"):
        _name(link, names)
        root.set("role", "group")  # what is inside of a picture (`img`) cannot be reached
    return drawing[:begin] + ET.tostring(root, encoding="unicode") + drawing[end:]


def _as_attributes(one: ET.Element) -> None:
    for part in one.attrib.pop("style", "").split(";"):
        name, colon, value = (word.strip() for word in part.partition(":"))
        if colon and name not in _NO_ATTRIBUTES:
            one.set(name, value)


def _name(link: ET.Element, names: dict[str, str]) -> None:
    """Say where a link leads: in a tip; who uses a keyboard has the list of steps below the drawing."""
    address = link.attrib.pop(f"{_XLINK}href")
    link.attrib.pop("target", None)
    link.attrib |= {"href": address, "tabindex": "-1", "aria-label": names[address]}
    tip = ET.Element(f"{_SVG}title")
    tip.text = names[address]
    link.insert(0, tip)
