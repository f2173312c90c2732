"""`octomed recipes`: the recipes that come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from octomed.cli.terminal import log, out, out_lines
from octomed.commands import as_argument, shell_words
from octomed.errors import RecipeError

_VERBS = {"train_loader": "train", "teacher": "distill", "benchmarks": "evaluate"}
"""What is done with a recipe, by a key that those of no other kind have; all others are checked first."""


def command(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Which one; all are listed if left out.", show_default=False),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write it to a file, instead of printing it."),
    ] = None,
) -> None:
    """List the recipes that come with the package, print one, or write one to a file.

    Paths of the embedded sample are made whole, so that a recipe works wherever it is written to; what it
    writes goes to folders next to it. No file is overwritten.

    \b
    Examples:
      octomed recipes
      octomed recipes quickstart --out quickstart.yaml
      octomed recipes train/quickstart --out train.yaml
      octomed recipes train.py --out train.py
    """
    from octomed import shipped

    if name is None:
        if file is not None:
            raise RecipeError("`--out` needs the name of a recipe", "`octomed recipes` lists them")
        width = max(len(one) for one in shipped.names())
        for one in shipped.names():
            out(f"{one:{width}}  {shipped.about(one)}")
        return
    chosen = shipped.known_as(name) or name
    if file is None:
        out_lines(shipped.text_of(chosen).rstrip("\n"))
        return
    _write(shipped.text_of(chosen, as_argument(str(file))), file)
    log(f"`{file}` is written; next: `{_next(chosen, file)}`")


def _write(text: str, file: Path) -> None:
    from octomed.storage import write_atomically

    if file.exists() or file.is_symlink():
        raise RecipeError(f"`{file}` exists already", "name another file: none is overwritten")
    write_atomically(file, text.encode())


def _next(name: str, file: Path) -> str:
    if name == "train.py":
        return shell_words(["composer", "-n", "2", str(file), "RECIPE"])
    text = file.read_text(encoding="utf-8")
    verb = next((verb for key, verb in _VERBS.items() if f"\n{key}:" in text), "check")
    return shell_words(["octomed", verb, as_argument(str(file))])
