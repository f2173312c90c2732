"""What a notebook shows of runs, packs and traces: HTML in which every text is escaped."""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING, Any

from octomed.names import safe
from octomed.report import units

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from octomed.report.views import ImageView

_LONGEST_CELL = 300
_MOST_CHARACTERS = 20_000
_MOST_IMAGES = 8
_LARGEST_IMAGE = 4 * 2**20
_SHOWN_BY_BROWSERS = frozenset({"jpeg", "png", "webp", "gif", "bmp"})

_SUPERVISED = "background:rgba(60,160,90,.28);border-bottom:1px dotted"
"""Of text that is learned from: an underline as well, for colour alone says nothing to some."""
_TEXT = "white-space:pre-wrap;overflow-wrap:anywhere;font-family:monospace;text-align:left;margin:.3em 0"

MASKED = "(masked: the row was flagged for data that says whom it is about)"


def escaped(value: object) -> str:
    r"""Return a value as text of HTML; nothing in it can be markup or steer the order of a line.

    Examples
    --------
    >>> escaped("<script>")
    '&lt;script&gt;'
    """
    return html.escape(safe(str(value)))


def table_html(names: Sequence[str], rows: Iterable[Mapping[str, Any]], *, more: bool) -> str:
    """Return a table of rows; long values are cut.

    Examples
    --------
    >>> "<td>&lt;b&gt;</td>" in table_html(["name"], [{"name": "<b>"}], more=False)
    True
    """
    head = "".join(f"<th>{escaped(name)}</th>" for name in names)
    body = "".join(
        f"<tr>{''.join(f'<td>{_cell(row.get(name))}</td>' for name in names)}</tr>" for row in rows
    )
    rest = "<p>… more rows: <code>.to_arrow()</code>, <code>.batches()</code></p>" if more else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}"


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = str(value)
    return escaped(text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]} …")


def facts_html(facts: Iterable[tuple[str, object]]) -> str:
    """Return a list of names and values, one a line.

    Examples
    --------
    >>> facts_html([("packs", "3")])
    '<table><tr><th>packs</th><td>3</td></tr></table>'
    """
    rows = "".join(f"<tr><th>{escaped(name)}</th><td>{escaped(value)}</td></tr>" for name, value in facts)
    return f"<table>{rows}</table>"


def text_html(pieces: Iterable[tuple[str, bool]]) -> str:
    """Return pieces of text, supervised ones green and underlined; a long one is cut."""
    spans, left = [], _MOST_CHARACTERS
    for text, is_supervised in pieces:
        shown = escaped(text[:left])
        spans.append(
            f'<span style="{_SUPERVISED}" title="supervised">{shown}</span>' if is_supervised else shown
        )
        left -= len(text)
        if left <= 0:
            spans.append(" …")
            break
    return f'<div style="{_TEXT}">{"".join(spans)}</div>'


def images_html(images: Sequence[ImageView]) -> str:
    """Return the pictures of a trace, a few of many; what no browser shows is described."""
    shown = "".join(_image(number, image) for number, image in enumerate(images[:_MOST_IMAGES], 1))
    rest = len(images) - _MOST_IMAGES
    return shown + (f"<p>… and {rest} more images</p>" if rest > 0 else "")


def _image(number: int, image: ImageView) -> str:
    grid = f"{image.grid[0]} x {image.grid[1]} patches, {units.count(image.tokens)} tokens"
    words = f"image {number}: {image.width} x {image.height} {image.format}, {grid}"
    if image.format not in _SHOWN_BY_BROWSERS or len(image.data) > _LARGEST_IMAGE:
        return f"<p>{escaped(words)}</p>"
    data = base64.b64encode(image.data).decode("ascii")
    source = f"data:image/{image.format};base64,{data}"
    return (
        f'<figure style="display:inline-block;margin:.3em"><img src="{source}" alt="{escaped(words)}" '
        f'style="max-width:16rem;max-height:16rem"><figcaption>{escaped(words)}</figcaption></figure>'
    )
