"""Write `python/octomed/cli/recipe_keys.py`, what shells complete behind `--set`: `python scripts/make_recipe_keys.py`."""

from __future__ import annotations

from pathlib import Path

from octomed.starter.keys import NAME, keys

FILE = Path(__file__).parents[1] / "python/octomed/cli/recipe_keys.py"
HEAD = '''"""The keys of a recipe and the words that they take, for shells: the schema takes too long to load for a TAB.

Made by `scripts/make_recipe_keys.py`; a test compares it with the schema.
"""

KEYS: dict[str, tuple[str, ...]] = {
'''


def text() -> str:
    """Return the file's content, before it is brought into form."""
    lines = [f'    "{name}": {words!r},\n' for name, words in words_of_keys().items()]
    return HEAD + "".join(lines) + "}\n"


def words_of_keys() -> dict[str, tuple[str, ...]]:
    """Return the keys that are the same in every recipe, with the words that each takes."""
    return {key.name: key.choices for key in keys().values() if NAME not in key.name.split(".")}


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
