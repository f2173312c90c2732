"""Evaluation sets as plain values that pickle: their files, and which columns of these hold questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from octomed.recipe.input_file import InputFile


@dataclass(frozen=True)
class EvaluationFile:
    """A file of an evaluation set.

    Attributes
    ----------
    file
        Where it is, and of which kind.
    mapping
        Which columns hold the question.
    """

    file: InputFile
    mapping: dict[str, Any]


@dataclass(frozen=True)
class EvaluationSetFiles:
    """An evaluation set.

    Attributes
    ----------
    name
        As reports have it.
    files
        Its files.
    images
        What is said of its images.
    """

    name: str
    files: tuple[EvaluationFile, ...]
    images: dict[str, Any]


@dataclass(frozen=True)
class FoundSets:
    """The evaluation sets of a recipe.

    Attributes
    ----------
    key
        Content key of all that decides what leaves because of them.
    sets
        The sets, in the recipe's order.
    digests
        The digest of each file, by set and path.
    """

    key: str
    sets: tuple[EvaluationSetFiles, ...]
    digests: dict[str, dict[str, str]]
