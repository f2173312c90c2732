"""Numbers as people read them."""

from __future__ import annotations


def count(number: int) -> str:
    """Return `8,095,571`."""
    return f"{number:,}"


def bytes_of(number: float) -> str:
    """Return `36.2 GB`: units of 1000, as disks are sold."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(number) < 1000:  # noqa: PLR2004 the step between units
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def seconds(number: float) -> str:
    """Return `4.2 s`, `3 min 20 s` or `2 h 05 min`."""
    if number < 100:  # noqa: PLR2004 two digits of seconds are read at once
        return f"{number:.1f} s"
    whole = round(number)
    if whole < 3600:  # noqa: PLR2004 an hour
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def rate(number: float) -> str:
    """Return a number of things per second with three digits that count: `27,000`, `4.21`."""
    if number >= 100:  # noqa: PLR2004 no digit behind the point is read there
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"  # noqa: PLR2004 as above


def percent(share: float) -> str:
    """Return `99.91 %`, cut and not rounded, so that 100.00 % means all."""
    return f"{int(share * 10_000) / 100:.2f} %"
