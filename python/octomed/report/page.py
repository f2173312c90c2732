"""Pieces of an HTML page that needs no network and no script, for screens, phones and print."""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

from octomed.names import printable_line, safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

STYLE = """
:root { color-scheme: light dark;
  --ink: #1d2733; --page: #fff; --soft: #566270; --box: #f1f4f7; --line: #0b62b0;
  --lost: #b4532a; --kept: #2b7a4b }
@media (prefers-color-scheme: dark) {
  :root { --ink: #dde4ea; --page: #14181d; --soft: #9fadba; --box: #1f262d; --line: #6cb4f5;
    --lost: #e59a73; --kept: #7fca9c } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 1.5rem auto; padding: 0 1rem;
  color: var(--ink); background: var(--page); overflow-wrap: anywhere }
h1 { font-size: 1.4rem; margin: 0 } h2 { font-size: 1.15rem; margin: 2rem 0 .4rem }
h3 { font-size: 1rem; margin: 1rem 0 .2rem } p { margin: .4rem 0 }
.warning { border-left: 4px solid var(--lost); padding-left: .6rem }
.soft, dt, .figures span { color: var(--soft); font-weight: normal }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .6rem;
  margin: 1rem 0 }
.figures div { background: var(--box); border-radius: 6px; padding: .5rem .8rem }
.figures b { display: block; font-size: 1.3rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem } dd { margin: 0 }
.wide { overflow-x: auto } table { border-collapse: collapse; font-size: .9rem }
th { text-align: left; font-weight: 600; vertical-align: bottom }
td, th { padding: .2rem .8rem .2rem 0; overflow-wrap: normal }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
tbody tr:nth-child(odd) { background: var(--box) }
.bars { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr max-content; gap: .15rem .8rem;
  align-items: center; font-size: .9rem }
.bars div { background: var(--line); height: .9rem; border-radius: 2px }
.bars div.lost { background: var(--lost) } .bars div.kept { background: var(--kept) }
.bars i { font-style: normal; font-variant-numeric: tabular-nums; text-align: right }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 1.4rem }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 18rem), 1fr)); gap: 1rem }
figure { margin: 0 } figcaption { font-size: .85rem; color: var(--soft) }
figure img { width: calc(50% - .2rem); margin-right: .2rem; image-rendering: pixelated; border-radius: 4px }
svg { width: 100%; max-width: 30rem; height: auto; color: var(--ink) }
svg text { fill: currentColor; font-size: 11px }
svg rect { fill: var(--line) }
pre { background: var(--box); border-radius: 6px; padding: .8rem; overflow-x: auto; font-size: .85rem;
  white-space: pre-wrap }
details { margin: .4rem 0 } summary { cursor: pointer }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr } dd { margin-bottom: .4rem }
  .bars { grid-template-columns: 1fr max-content } .bars span { grid-column: 1 / -1 } }
@media print { body { max-width: none } details > * { display: block } pre { white-space: pre-wrap } }
"""
"""Of every page; colours follow the reader's light or dark room."""

_DIGITS_OF_A_SHARE = 4


@dataclass(frozen=True)
class Bar:
    """A line of a chart of bars.

    Attributes
    ----------
    label
        What is counted.
    value
        How much; bars are drawn in proportion to the largest.
    text
        The value in words.
    kind
        `lost`, `kept`, or nothing: its colour.
    start
        Where the bar begins, in the same units: in a flow each begins where the one before ends.
    """

    label: str
    value: float
    text: str
    kind: str = ""
    start: float = 0.0


def text(value: object) -> str:
    """Return a value as text of a page, on one line, whatever characters it has.

    Examples
    --------
    >>> text("<b>")
    '&lt;b&gt;'
    """
    return html.escape(printable_line(str(value)))


def page(title: str, body: str) -> str:
    """Return a whole page.

    Parameters
    ----------
    title
        Of the page, as plain text.
    body
        HTML.
    """
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{text(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style>\n'
        f"{body}\n</html>\n"
    )


def section(heading: str, *parts: str) -> str:
    """Return a section under its heading; nothing where there is nothing in it."""
    inside = "\n".join(part for part in parts if part)
    return f"<section><h2>{text(heading)}</h2>\n{inside}\n</section>" if inside else ""


def figures(boxes: Iterable[tuple[str, str, str]]) -> str:
    """Return figures in boxes: a label, the figure and a note each."""
    inside = "".join(
        f"<div><span>{text(label)}</span><b>{text(figure)}</b><span>{text(note)}</span></div>"
        for label, figure, note in boxes
    )
    return f'<div class="figures">{inside}</div>' if inside else ""


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return names and what they are."""
    inside = "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in pairs)
    return f"<dl>{inside}</dl>" if inside else ""


def paragraph(words: str) -> str:
    """Return a sentence or more."""
    return f"<p>{text(words)}</p>"


def warning(words: str) -> str:
    """Return a paragraph that stands out."""
    return f'<p class="warning">Warning: {text(words)}</p>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, names: int = 1) -> str:
    """Return a table.

    Parameters
    ----------
    head
        Of the columns.
    rows
        Cells as text, as many as there are columns.
    names
        How many columns, from the left, hold words; the others hold numbers, to the right.
    """
    kinds = ["" if number < names else ' class="number"' for number in range(len(head))]

    def line(cells: Sequence[str], tag: str) -> str:
        return "".join(f"<{tag}{kind}>{text(cell)}</{tag}>" for cell, kind in zip(cells, kinds, strict=True))

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    if not body:
        return ""
    top = f"<thead><tr>{line(head, 'th')}</tr></thead>"
    return f'<div class="wide"><table>{top}<tbody>{body}</tbody></table></div>'


def bars(lines: Sequence[Bar]) -> str:
    """Return a chart of bars, one below the other.

    Parameters
    ----------
    lines
        From top to bottom.
    """
    most = max((line.start + line.value for line in lines), default=0.0)
    if most <= 0:
        return ""

    def drawn(line: Bar) -> str:
        width, left = (round(100 * part / most, _DIGITS_OF_A_SHARE) for part in (line.value, line.start))
        shape = (
            f'style="margin-left: {left}%; width: max({width}%, 1px)"' if line.value else 'style="width: 0"'
        )
        return (
            f'<span>{text(line.label)}</span><div class="{line.kind}" {shape}></div><i>{text(line.text)}</i>'
        )

    return f'<div class="bars">{"".join(map(drawn, lines))}</div>'


def histogram(title: str, edges: Sequence[str], counts: Sequence[int], unit: str) -> str:
    """Return columns over classes of one kind of value.

    Parameters
    ----------
    title
        Of the drawing.
    edges
        Names of the lower edges of the classes.
    counts
        How many are in each.
    unit
        What is counted along the axis.
    """
    most = max(counts, default=0)
    if not most:
        return ""
    width, height, foot = 330, 120, 28
    step = width / len(counts)
    every = max(1, len(counts) // 6)
    shapes = [
        f'<rect x="{place * step + 1:.1f}" y="{height - height * count / most:.1f}" width="{step - 2:.1f}" '
        f'height="{height * count / most:.1f}"><title>from {text(edge)}: {count:,}</title></rect>'
        for place, (edge, count) in enumerate(zip(edges, counts, strict=True))
    ]
    labels = [
        f'<text x="{place * step + 1:.1f}" y="{height + 13}">{text(edge)}</text>'
        for place, edge in enumerate(edges)
        if place % every == 0
    ]
    label = f"{title}: {sum(counts):,}, by {unit}"
    drawing = (
        f'<svg viewBox="0 0 {width} {height + foot}" role="img" aria-label="{text(label)}">'
        f"{''.join(shapes)}{''.join(labels)}</svg>"
    )
    return f'<section><h3>{text(title)} <span class="soft">{text(unit)}</span></h3>{drawing}</section>'


def grid(parts: Iterable[str]) -> str:
    """Return pieces side by side, as many as the screen is wide."""
    inside = "".join(parts)
    return f'<div class="grid">{inside}</div>' if inside else ""


def gallery(groups: Iterable[tuple[str, Sequence[tuple[str, bytes]]]]) -> str:
    """Return pictures that belong together side by side, with words below.

    Parameters
    ----------
    groups
        The words, and for each picture what it is and its file, a PNG.
    """

    def shown(words: str, pictures: Sequence[tuple[str, bytes]]) -> str:
        images = "".join(
            f'<img alt="{text(name)}" src="data:image/png;base64,{base64.b64encode(file).decode()}">'
            for name, file in pictures
        )
        return f"<figure>{images}<figcaption>{text(words)}</figcaption></figure>"

    inside = "".join(shown(*group) for group in groups)
    return f'<div class="gallery">{inside}</div>' if inside else ""


def folded(summary: str, content: str) -> str:
    """Return text of several lines under a line that opens it."""
    return f"<details><summary>{text(summary)}</summary><pre>{html.escape(safe(content))}</pre></details>"
