"""How much a recipe's values may be: as deep, as many, as long, and as large as any recipe could want."""

from __future__ import annotations

from dataclasses import dataclass

DEEPEST = 32
_MOST_VALUES = 100_000
_MOST_CHARACTERS = 2**24
_LARGEST_NUMBER = 2**128

TOO_DEEP = "this is nested too deeply"
TOO_MANY = "this holds too many values"
TOO_LARGE = "this number is too large"


@dataclass(slots=True)
class Count:
    """Values and characters so far; what repeats others, by aliases or in a loop, counts each time."""

    values: int = 0
    characters: int = 0

    def beyond(self, text: str = "") -> bool:
        """Count one more value, and tell whether that is too many."""
        self.values += 1
        self.characters += len(text)
        return self.values > _MOST_VALUES or self.characters > _MOST_CHARACTERS


def too_large(number: int) -> bool:
    """Tell whether a number is larger than any key of a recipe takes: Python does not even print some."""
    return not -_LARGEST_NUMBER < number < _LARGEST_NUMBER
