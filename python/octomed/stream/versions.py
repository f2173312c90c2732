"""Versions of the packages that OctoMed changes from inside, or whose inside it uses."""

from __future__ import annotations

import importlib.metadata

from octomed.errors import RecipeError

BOUNDS = {"mosaicml-streaming": ((0, 13), (0, 14)), "mosaicml": ((0, 32), (0, 33))}
"""The first version of each that `octomed.stream.upstream` fits, and the first that was not tried with it.
`pyproject.toml` says the same."""


def check_installed(package: str) -> None:
    """Refuse a version of a package whose inside may be another.

    Raises
    ------
    RecipeError
        When the installed version is outside of its bounds. None installed is for the import to say.
    """
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return
    first, end = BOUNDS[package]
    if not first <= _major_and_minor(version) < end:
        wanted = f">={_dotted(first)},<{_dotted(end)}"
        message = f"`{package}` {version} is installed, and OctoMed works with {wanted} only"
        raise RecipeError(message, f"`pip install '{package}{wanted}'`")


def _major_and_minor(version: str) -> tuple[int, ...]:
    numbers = version.split(".")[:2]
    return tuple(int("".join(filter(str.isdigit, number)) or 0) for number in numbers)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
