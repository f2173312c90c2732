"""A recipe as a Python value: read from a file, a dict or the package, changed, and written again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr
from ruamel.yaml import YAML

from octomed import shipped
from octomed.commands import speaking_python
from octomed.errors import RecipeError
from octomed.library.shown import escaped
from octomed.recipe import schema
from octomed.recipe.loader import load_recipe as load
from octomed.recipe.yaml_text import yaml_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_Given = str | os.PathLike[str] | Mapping[str, Any]


class Recipe(schema.Recipe):
    """A recipe, checked and typed: its keys are attributes (`recipe.pack.capacity`).

    It is made by :meth:`from_file`, :meth:`from_dict` or :meth:`shipped`, is not changed afterwards, and is
    what :func:`octomed.check`, :func:`octomed.plan` and :func:`octomed.pack` take.

    Examples
    --------
    >>> recipe = Recipe.from_dict(
    ...     {
    ...         "name": "example",
    ...         "model": "Qwen/Qwen2.5-7B-Instruct",
    ...         "sources": [{"name": "rows", "path": "rows/*.jsonl", "format": "messages"}],
    ...         "output": {"path": "runs/example"},
    ...     },
    ...     check_files=False,
    ... )
    >>> recipe.with_overrides("pack.capacity=8192").pack.capacity
    8192
    >>> "capacity: 16384" in recipe.to_yaml()
    True
    """

    _given: _Given = PrivateAttr(default_factory=dict)
    _checks_files: bool = PrivateAttr(default=True)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], *overrides: str, check_files: bool = True) -> Recipe:
        """Read a YAML 1.2 file.

        Parameters
        ----------
        path
            Of the file; relative paths in it start at its folder.
        overrides
            `key=value`, as `--set` takes them.
        check_files
            Whether a source's path that matches no file is a problem.

        Raises
        ------
        RecipeProblems
            With everything that is wrong, each with its place, and a hint.
        """
        return _loaded(path, overrides, check_files=check_files)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *overrides: str, check_files: bool = True) -> Recipe:
        """Take what a file would hold.

        Parameters
        ----------
        values
            Its keys; relative paths start at the working directory.
        overrides, check_files
            As of :meth:`from_file`.

        Raises
        ------
        RecipeProblems
            As there.
        """
        return _loaded(values, overrides, check_files=check_files)

    @classmethod
    def shipped(cls, name: str, *overrides: str) -> Recipe:
        """Take a recipe that comes with the package: it packs the embedded sample, and writes below `runs`.

        Parameters
        ----------
        name
            `quickstart`, for instance; `octomed recipes` lists them.
        overrides
            `key=value`, as `--set` takes them.

        Raises
        ------
        RecipeError
            When there is none of this name.

        Examples
        --------
        >>> Recipe.shipped("quickstart", "output.path=runs/first").output.path.endswith("runs/first")
        True
        """
        return _loaded(YAML(typ="safe", pure=True).load(shipped.text_of(name)), overrides, check_files=True)

    def with_overrides(self, *overrides: str) -> Recipe:
        """Return the recipe with other values; one of a file is read again.

        Parameters
        ----------
        overrides
            `key=value`, as `--set` takes them; they come after those that the recipe has.

        Raises
        ------
        RecipeProblems
            When they make no recipe.
        """
        return _loaded(self._given, (*self.overrides, *overrides), check_files=self._checks_files)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, defaults filled in, paths as they were written."""
        return self.canonical()

    def to_yaml(self) -> str:
        """Return it as the text of a file, defaults filled in, paths as they were written."""
        return yaml_text(self.canonical())

    def _repr_html_(self) -> str:
        """Show it as the text of a file."""
        return f'<pre style="white-space:pre-wrap">{escaped(self.to_yaml())}</pre>'


def load_recipe(
    recipe: _Given,
    overrides: Sequence[str] = (),
    *,
    check_files: bool = True,
) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    recipe
        The path of a YAML 1.2 file, or a dict of what one would hold.
    overrides
        ``key=value`` pairs as ``--set`` takes them.
    check_files
        Whether a source's path that matches no file is a problem; a template that does not exist always is.

    Raises
    ------
    RecipeProblems
        With everything that is wrong, each with its place, and a hint.

    Examples
    --------
    >>> recipe = load_recipe(
    ...     {
    ...         "name": "example",
    ...         "model": "Qwen/Qwen2.5-7B-Instruct",
    ...         "sources": [{"name": "rows", "path": "rows/*.jsonl", "format": "messages"}],
    ...         "output": {"path": "runs/example"},
    ...     },
    ...     ["pack.capacity=8192"],
    ...     check_files=False,
    ... )
    >>> recipe.pack.capacity  # tokens
    8192
    """
    if isinstance(overrides, str):
        raise RecipeError("`overrides` is a single string", f"give a list: `[{overrides!r}]`")
    return _loaded(recipe, overrides, check_files=check_files)


def _loaded(given: _Given, overrides: Sequence[str], *, check_files: bool) -> Recipe:
    if not isinstance(given, str | os.PathLike | Mapping):
        raise RecipeError(
            f"a recipe is a path or a dict, not a {type(given).__name__}",
            "give the path of a YAML file, or what it would hold",
        )
    with speaking_python():
        recipe = load(given, overrides, check_files=check_files, kind=Recipe)
    recipe._given = dict(given) if isinstance(given, Mapping) else Path(given).absolute()  # noqa: SLF001 our own
    recipe._checks_files = check_files  # noqa: SLF001
    return recipe
