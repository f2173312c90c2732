# ruff: noqa: E501 an element of SVG is a line
"""Plots of the page as SVG, drawn from results alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 640, 300, 56, 44, 16
_COLOURS = ("#1f6f8b", "#c8553d", "#6a8d3a", "#7d5ba6")


def bars(means: Mapping[str, float], seeds: Mapping[str, Sequence[float]], title: str) -> str:
    """Return bars of means from 0 to 1, with a dot for each seed.

    Parameters
    ----------
    means
        By condition.
    seeds
        The figure of each seed, by condition.
    title
        Said to readers who do not see it.
    """
    wide = (_WIDTH - _LEFT) / max(1, len(means))
    parts = [_scale(1.0, "accuracy")]
    for place, (name, mean) in enumerate(means.items()):
        left, top = _LEFT + place * wide + wide * 0.2, _y(mean, 1.0)
        high = _HEIGHT - _BOTTOM - top
        parts.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{wide * 0.6:.1f}" height="{high:.1f}" fill="#9cc3cf"/>'
        )
        parts += [
            f'<circle cx="{left + wide * (0.15 + 0.15 * number):.1f}" cy="{_y(one, 1.0):.1f}" r="3" fill="#1f6f8b"/>'
            for number, one in enumerate(seeds[name])
        ]
        middle = left + wide * 0.3
        parts.append(f'<text x="{middle:.1f}" y="{top - 8:.1f}" text-anchor="middle">{mean:.2f}</text>')
        for line, word in enumerate(_lines(name)):
            parts.append(
                f'<text x="{middle:.1f}" y="{_HEIGHT - _BOTTOM + 16 + 13 * line}" text-anchor="middle">{word}</text>'
            )
    return _svg(parts, title)


def lines(series: Mapping[str, Mapping[int, float]], title: str, across: str, up: str) -> str:
    """Return lines over whole numbers.

    Parameters
    ----------
    series
        Values by place, by name.
    title
        Said to readers who do not see it.
    across, up
        What the axes are.
    """
    most = max(value for one in series.values() for value in one.values()) * 1.1
    last = max(place for one in series.values() for place in one)
    parts = [_scale(most, up)]
    parts.append(
        f'<text x="{(_WIDTH + _LEFT) / 2:.0f}" y="{_HEIGHT - 6}" text-anchor="middle">{across}</text>'
    )
    parts += [
        f'<text x="{_x(place, last):.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{place}</text>'
        for place in range(0, last + 1, max(1, last // 9))
    ]
    for number, (name, values) in enumerate(series.items()):
        points = " ".join(
            f"{_x(place, last):.1f},{_y(value, most):.1f}" for place, value in sorted(values.items())
        )
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{_LEFT + 12}" y="{_TOP + 14 + 15 * number}" fill="{colour}">{name}</text>')
    return _svg(parts, title)


def _lines(name: str) -> list[str]:
    words, found = name.split("-"), [""]
    for word in words:
        if len(found[-1]) + len(word) > 12:
            found.append("")
        found[-1] = f"{found[-1]} {word}".strip()
    return found


def _x(place: float, last: float) -> float:
    return _LEFT + 10 + (_WIDTH - _LEFT - 20) * place / max(1, last)


def _y(value: float, most: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * value / most


def _scale(most: float, name: str) -> str:
    middle = (_HEIGHT - _BOTTOM + _TOP) / 2
    parts = [
        f'<text x="14" y="{middle:.0f}" text-anchor="middle" transform="rotate(-90 14 {middle:.0f})">{name}</text>'
    ]
    for part in range(5):
        value = most * part / 4
        said = f"{value:.2f}" if most <= 2 else f"{value:.0f}"
        parts.append(f'<text x="{_LEFT - 6}" y="{_y(value, most) + 4:.1f}" text-anchor="end">{said}</text>')
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{_y(value, most):.1f}" y2="{_y(value, most):.1f}" stroke="#ddd"/>'
        )
    return "".join(parts)


def _svg(parts: Sequence[str], title: str) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
    style = 'font-family="sans-serif" font-size="11" fill="#333">'
    back = f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>'
    return f"{head}{style}<title>{title}</title>{back}{''.join(parts)}</svg>\n"
