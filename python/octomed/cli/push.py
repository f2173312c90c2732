"""`octomed push`: a finished run goes to the Hugging Face hub."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from octomed.cli.options import AsJson, RunPath
from octomed.cli.signals import stop_by_signals
from octomed.cli.terminal import log, out, resumable
from octomed.commands import as_argument
from octomed.errors import RecipeError

if TYPE_CHECKING:
    from octomed.publish.contents import Contents
    from octomed.publish.push import Pushed


def command(  # noqa: PLR0913, PLR0917 each is an option of the verb
    output: RunPath,
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="hf://datasets/owner/name", show_default=False)
    ],
    public: Annotated[bool, typer.Option("--public", help="Let everybody see it.")] = False,
    include: Annotated[
        list[str] | None,
        typer.Option(
            "--include",
            metavar="NAMES",
            help="What goes along besides: identifying, machine, paths, rejects, reports, texts.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would go, ask nobody, and send nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Remove another run from the dataset.")] = False,
    json_output: AsJson = False,
) -> None:
    """Put a finished run to the Hugging Face hub: private, without what nobody asked for.

    All files are listed with their sizes first, and nothing is sent before somebody says yes. What goes is a
    run that `octomed verify`, PackedDataset and stock StreamingDataset read. These stay unless `--include`
    names them: rejects, tables of findings (reports), texts in report.html, names of source files (paths),
    and what octomed.json says of the machine. An interrupted push goes on with the same command.

    \b
    Examples:
      octomed push runs/quickstart hf://datasets/me/quickstart --dry-run
      octomed push runs/quickstart hf://datasets/me/quickstart
      octomed push runs/quickstart hf://datasets/me/quickstart --public --include rejects,paths --yes
    """
    from octomed.pipeline.finished.run_places import run_folder
    from octomed.publish.choices import included
    from octomed.publish.contents import contents_of
    from octomed.publish.hub import HubDataset, repository_of
    from octomed.publish.push import push
    from octomed.report.progress import progress_for

    chosen, repository = included(include or ()), repository_of(address)
    with resumable(_again(output, address, chosen, public=public, replace=replace)):
        stop_by_signals()
        with contents_of(run_folder(output), chosen, repository) as contents:
            if not json_output:
                _show(contents, address, public=public)
            if dry_run:
                _end(contents, address, None, public=public, json_output=json_output)
                return
            if not yes:
                _ask(f"put {len(contents.files):,} files to {address}?", json_output=json_output)
            dataset = HubDataset(repository)
            progress = progress_for(sys.stderr, json_lines=json_output)
            try:
                done = push(contents, dataset, progress, public=public, replace=replace)
            except BaseException:
                progress.stop()
                raise
            finally:
                progress.close()
            _end(contents, address, done, public=public, json_output=json_output)
            if not json_output:
                out(f"next: {dataset.page}")


def _show(contents: Contents, address: str, *, public: bool) -> None:
    """List what goes and what stays."""
    from octomed.names import shown
    from octomed.report import units

    for file in contents.files:
        out(f"{units.bytes_of(file.size):>10}  {shown(file.name)}")
    seen = "public: everybody sees it" if public else "private"
    out(f"{units.bytes_of(contents.size):>10}  {len(contents.files):,} files, to `{shown(address)}`, {seen}")
    for name in contents.left_out:
        out(f"     stays  {shown(name)}")
    for note in contents.notes:
        log(f"note: {note}")


def _ask(question: str, *, json_output: bool) -> None:
    """Ask whether to go on.

    Raises
    ------
    RecipeError
        When nobody can be asked, or the answer is no.
    """
    if json_output or not sys.stdin.isatty():
        raise RecipeError(
            "nobody can be asked here whether the run may go", "say `--yes`, or `--dry-run` to look"
        )
    if not typer.confirm(question, err=True):
        raise RecipeError("nothing was sent", "`--dry-run` lists what would go")


def _end(contents: Contents, address: str, done: Pushed | None, *, public: bool, json_output: bool) -> None:
    from octomed.report import units
    from octomed.strict_json import plain

    if json_output:
        files = [{"name": file.name, "bytes": file.size} for file in contents.files]
        said = {"address": address, "public": public, "dry_run": done is None, "files": files}
        said |= {"left_out": list(contents.left_out), "notes": list(contents.notes)}
        out(json.dumps(said | {"sent": plain(done)}, ensure_ascii=False))
    elif done is None:
        out("nothing was sent")
    else:
        removed = f", {done.removed:,} of another run removed" if done.removed else ""
        out(f"sent {done.files:,} files, {units.bytes_of(done.bytes)}; {done.stood:,} stood there{removed}")


def _again(output: str, address: str, include: frozenset[str], *, public: bool, replace: bool) -> list[str]:
    words = ["octomed", "push", as_argument(output), address]
    words += ["--public"] if public else []
    words += ["--include", ",".join(sorted(include))] if include else []
    return [*words, *(["--replace"] if replace else [])]
