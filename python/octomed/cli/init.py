"""`octomed init`: a first recipe for data of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from octomed.cli.options import AsJson
from octomed.cli.terminal import log, out, out_lines
from octomed.commands import as_argument, shell_words
from octomed.errors import RecipeError

if TYPE_CHECKING:
    from octomed.starter.draft import Looked
    from octomed.starter.starting import Started

_PRINTED = Path("-")


def command(  # noqa: PLR0913, PLR0917 each is an option
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Files, folders, globs, addresses of rows; a `dataset_info.json`, a YAML of axolotl.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write the recipe; `-` prints it.")
    ] = Path("recipe.yaml"),
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the run.  [default: the first source's]")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Whose tokenizer and template.  [default: a Qwen2.5 of 7B]"),
    ] = None,
    show_text: Annotated[
        bool, typer.Option("--show-text", help="Print the first rows as well: mind who can see your screen.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    json_output: AsJson = False,
) -> None:
    """Look at data and write a starter recipe for it, with comments.

    The columns of the first rows are shown with what they hold, and the row format is found by them; where
    none of the built-in ones suits, the nearest are named and a mapping is written to complete. Capacity and
    buckets follow from how long the first traces are. Evaluation sets among the files are written as such:
    their questions are left out of what is learned. No text of the data is printed without --show-text.

    \b
    Examples:
      octomed init data/train.jsonl
      octomed init data/medqa data/vqa.parquet --output my-run.yaml
      octomed init LLaMA-Factory/data/dataset_info.json --output my-run.yaml
      octomed init hf://datasets/FreedomIntelligence/medical-o1-reasoning-SFT
    """
    from octomed.starter.starting import start

    _refuse_to_overwrite(output, force=force)
    folder = Path.cwd() if output == _PRINTED else output.parent
    started = start(paths, folder, name=name, model=model)
    if output != _PRINTED:
        _write(started.text, output)
    if json_output:
        out(json.dumps(_values(started, output), ensure_ascii=False))
        return
    _show(started, output, show_text=show_text)


def _refuse_to_overwrite(output: Path, *, force: bool) -> None:
    if output == _PRINTED:
        return
    if not force and (output.exists() or output.is_symlink()):
        raise RecipeError(f"`{output}` exists already", "name another file by `--output`, or give `--force`")
    if not output.parent.is_dir():
        raise RecipeError(f"there is no folder `{output.parent}`", "make it first, or name another file")


def _write(text: str, file: Path) -> None:
    from octomed.storage import write_atomically

    write_atomically(file, text.encode())


def _show(started: Started, output: Path, *, show_text: bool) -> None:
    from octomed.starter.shown import lines_of, rows_as_text

    for looked in started.looked:
        for line in lines_of(looked):
            log(line)
        if show_text:
            out_lines(rows_as_text(looked))
    for note in started.notes:
        log(f"note: {note}")
    if output == _PRINTED:
        out_lines(started.text.rstrip("\n"))
    else:
        log(f"`{output}` is written")
    if started.problem is None:
        log(f"next: `{_next('plan', output)}`" if output != _PRINTED else "it passes `octomed check`")
        return
    log(f"to complete: {started.problem}")
    if started.problem.hint:
        log(f"hint: {started.problem.hint}")
    log(f"next: complete it, and `{_next('check', output)}`")


def _next(verb: str, output: Path) -> str:
    return shell_words(["octomed", verb, as_argument(str(output))])


def _values(started: Started, output: Path) -> dict[str, Any]:
    problem = started.problem
    return {
        "recipe": None if output == _PRINTED else str(output),
        "text": started.text,
        "passes": problem is None,
        "problem": None if problem is None else {"message": str(problem), "hint": problem.hint},
        "notes": list(started.notes),
        "datasets": [_dataset(one) for one in started.looked],
    }


def _dataset(looked: Looked) -> dict[str, Any]:
    columns = [{"name": one.name, "kind": one.kind, "filled": one.filled} for one in looked.shown_columns]
    return {
        "name": looked.name,
        "files": looked.files,
        "bytes": looked.bytes,
        "rows_looked_at": len(looked.rows),
        "columns": columns,
        "format": looked.values["format"],
        "found": looked.found,
        "is_evaluation": looked.is_evaluation,
        "is_complete": looked.is_complete,
    }
