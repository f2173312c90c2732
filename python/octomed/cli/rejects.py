"""`octomed rejects`: what a run left out, and why."""

from __future__ import annotations

import itertools
from typing import Annotated

import typer

from octomed import names
from octomed.cli.options import AsJson, RunPath
from octomed.cli.terminal import log, out, out_lines
from octomed.commands import as_argument, shell_words

_SHOWN = 20


def command(  # noqa: PLR0913, PLR0917 each is an option of the verb
    output: RunPath,
    reason: Annotated[str | None, typer.Option(metavar="REASON", help="Only those with this reason.")] = None,
    source: Annotated[str | None, typer.Option(metavar="NAME", help="Only those from this source.")] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="How many at most; 0 for all.  [default: 20, with --json all]",
            show_default=False,
        ),
    ] = None,
    show_text: Annotated[
        bool, typer.Option("--show-text", help="Print each row's text as well, read again from its source.")
    ] = False,
    json_output: AsJson = False,
) -> None:
    """List the rows and traces that a run left out: source, file, row and reason.

    Without --show-text nothing of the data is printed; with it, mind who can see your screen. A source
    file that changed since the run is refused. With --json, one object per line.

    \b
    Examples:
      octomed rejects runs/quickstart
      octomed rejects runs/quickstart --reason duplicate --source questions --limit 0
      octomed rejects runs/quickstart --json --show-text | jq .text
    """
    from octomed.pipeline.finished.rejects import count_rejects, rejects_of
    from octomed.pipeline.finished.row_text import SourceRows
    from octomed.pipeline.finished.run_places import place_of, run_folder
    from octomed.report import units
    from octomed.report.rejects import reject_json, reject_text

    most = (None if json_output else _SHOWN) if limit is None else limit or None
    folder = run_folder(output)
    found = rejects_of(folder, reason=reason, source=source)
    chosen = itertools.islice(found, most)
    shown = 0
    line = reject_json if json_output else reject_text
    if show_text:
        for reject, text in SourceRows(folder).texts(chosen):
            out_lines(line(reject, text))
            shown += 1
    else:
        for reject in chosen:
            out(line(reject))
            shown += 1
    place = place_of(folder)
    left = 0 if most is None else count_rejects(folder, reason=reason, source=source) - shown
    if left:
        options = {"--reason": reason, "--source": source, "--limit": "0"}
        words = [word for name, value in options.items() if value for word in (name, value)]
        again = shell_words(
            ["octomed", "rejects", as_argument(place), *words, *(["--show-text"] if show_text else [])]
        )
        log(f"{units.count(shown)} of {units.count(shown + left)} shown; all: `{again}`")
    elif not shown and not json_output:
        log(f"`{names.shown(place)}`: nothing {'like this ' if reason or source else ''}was left out")
