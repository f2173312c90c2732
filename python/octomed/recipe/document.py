"""Values of a recipe, each with the place where it was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from octomed.recipe.problems import Place, Problem

Keys = tuple["str | int", ...]
"""The way from the top of a document to a value: names of mappings and indices of lists."""


@dataclass(slots=True)
class Document:
    """Values of a YAML file and where each was written.

    Attributes
    ----------
    origin : str
        The file as the user typed it.
    values : Any
        dict, list, str, int, float, bool or None.
    keys, places : dict of Keys to Place
        Where the key of a value, and the value itself, are.
    problems : list of Problem
        What was found wrong while reading.
    """

    origin: str
    values: Any = None
    keys: dict[Keys, Place] = field(default_factory=dict)
    places: dict[Keys, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, way: Keys, *, key: bool = False) -> Place:
        """Return where the value at `way` is, or the nearest value around it that is written.

        Parameters
        ----------
        way : Keys
            Names and indices from the top.
        key : bool
            Return the place of the value's key instead.
        """
        first, second = (self.keys, self.places) if key else (self.places, self.keys)
        if way in first:
            return first[way]
        while way and way not in self.places:
            way = way[:-1]
        return second.get(way) or first.get(way) or Place(self.origin, 1, 1)
