"""The recipes and the `train.py` that come with the package, made ready for wherever a user puts them.

In the source tree `octomed/recipes` holds links to `recipes` and `train.py`; a wheel holds the files.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from octomed.errors import RecipeError

FOLDER = Path(__file__).with_name("recipes")
"""Where they are."""
TRAIN_SCRIPT = FOLDER / "train.py"
"""What a launcher runs, once a rank."""

_PACKAGE = "python/octomed/"
"""Where the package is in the source tree, from which relative paths in the recipes start."""
_OUTWARD = re.compile(r"(?:\.\./)+([^\s,}\]]*)")
_NAMED = re.compile(r"\brecipes/((?:train/|ablations/|distill/|evaluate/)?[\w-]+)\.yaml\b")
_PLAIN = re.compile(r"[\w./+@~{}*-]+")
"""Texts that need no quotes in YAML where they begin with a slash."""


def names() -> list[str]:
    """Return what there is: `train.py`, and the recipes without `.yaml`, those for training as `train/…`.

    Examples
    --------
    >>> "train/quickstart" in names()
    True
    """
    found = [path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.yaml")]
    return [*sorted(name.removesuffix(".yaml") for name in found), TRAIN_SCRIPT.name]


def known_as(name: str) -> str | None:
    """Return the name of what a user may mean: `recipes/quickstart.yaml` is `quickstart`."""
    short = name.removeprefix("./").removeprefix("recipes/").removesuffix(".yaml")
    return short if short in names() else None


def about(name: str) -> str:
    """Return what one of them is, in a few words: what its first comment begins with.

    Parameters
    ----------
    name
        One of `names()`.
    """
    text = _file(name).read_text("utf-8")
    if name == TRAIN_SCRIPT.name:
        return "what `composer` runs: `composer -n 2 train.py RECIPE`"
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    return re.split(r"[.:](?=\s|$)", " ".join(lines), maxsplit=1)[0]


def text_of(name: str, place: str | None = None) -> str:
    """Return the text of one of them, its relative paths made right for another folder than ours.

    Its sample sources are those inside this package, and what it writes goes next to it.

    Parameters
    ----------
    name
        One of `names()`.
    place
        The file it is meant for, as its comments are to call it.

    Raises
    ------
    RecipeError
        When there is none of this name.

    Examples
    --------
    >>> "../" in text_of("quickstart")
    False
    """
    text = _file(name).read_text("utf-8")
    if name == TRAIN_SCRIPT.name:
        return text
    return _NAMED.sub(lambda found: _called(found[1], name, place), _OUTWARD.sub(_placed, text))


def _file(name: str) -> Path:
    if name not in names():
        raise RecipeError(f"there is no recipe `{name}` in this package", f"there are {_listed(names())}")
    return FOLDER / (name if name == TRAIN_SCRIPT.name else f"{name}.yaml")


def _placed(found: re.Match[str]) -> str:
    """Return a path of ours as it is from anywhere: the package's whole, others from the recipe's folder."""
    path = found[1]
    if not path.startswith(_PACKAGE):
        return path
    whole = f"{FOLDER.parent}/{path.removeprefix(_PACKAGE)}".replace("$", "$$")
    return whole if _PLAIN.fullmatch(whole) else json.dumps(whole, ensure_ascii=False)


def _called(other: str, name: str, place: str | None) -> str:
    """Return how a comment calls a recipe: by the file it is written to, or by a name without folders."""
    return place if other == name and place is not None else f"{other.replace('/', '-')}.yaml"


def _listed(found: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in found)
