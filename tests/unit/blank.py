"""White space as Rust has it: Unicode's property, to which Python adds four separators of ASCII."""

from __future__ import annotations

_WHITE = "".join(
    character for code in range(0x3001) if (character := chr(code)).isspace() and not 0x1C <= code < 0x20
)


def is_blank(text: str) -> bool:
    """Tell whether a text is nothing but white space: as a question it is none."""
    return not text.strip(_WHITE)
