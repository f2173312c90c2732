"""One source of several: its questions are asked alone, into a folder of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.recipe.problems import Problem, RecipeProblems, suggest

if TYPE_CHECKING:
    from octomed.recipe.document import Document, Keys
    from octomed.recipe.problems import Place

PLACEHOLDER = "{source}"
"""What stands for a source's name in `output.path`."""


def keep_one_source(document: Document, name: str | None) -> None:
    """Leave one source in a recipe, and put its name into `output.path`.

    Parameters
    ----------
    document
        The recipe as it was read; changed in place, so that messages still name the lines of the file.
    name
        The source; None where all are asked.

    Raises
    ------
    RecipeProblems
        When there is no such source, or `output.path` is the folder of one and several are asked.
    """
    values = document.values
    sources = values.get("sources")
    listed = sources if isinstance(sources, list) else []
    names = [str(one.get("name")) if isinstance(one, dict) else "" for one in listed]
    if name is not None:
        if name not in names:
            place = document.place(("sources",))
            raise _fail(place, f"there is no source `{name}`", suggest(name, names, kind="sources"))
        _keep(document, names.index(name))
        names = [name]
    output = values.get("output")
    path = output.get("path") if isinstance(output, dict) else None
    if isinstance(path, str) and PLACEHOLDER in path:
        if len(names) != 1:
            hint = f"choose one with `--source NAME`; {suggest('', names, kind='sources')}"
            message = f"`{PLACEHOLDER}` in `output.path` is the folder of one source, and all are asked"
            raise _fail(document.place(("output", "path")), message, hint)
        output["path"] = path.replace(PLACEHOLDER, names[0])


def _keep(document: Document, index: int) -> None:
    document.values["sources"] = [document.values["sources"][index]]
    for places in (document.keys, document.places):
        moved = {_moved(way, index): place for way, place in places.items() if not _is_other(way, index)}
        places.clear()
        places.update(moved)


def _is_other(way: Keys, index: int) -> bool:
    return way[:1] == ("sources",) and len(way) > 1 and way[1] != index


def _moved(way: Keys, index: int) -> Keys:
    return ("sources", 0, *way[2:]) if way[:2] == ("sources", index) else way


def _fail(place: Place, message: str, hint: str) -> RecipeProblems:
    return RecipeProblems([Problem(place, message, hint)])
