"""`octomed verify`: every byte of a finished run is as it should be, or is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from octomed.cli.options import AsJson, RunPath, Workers
from octomed.cli.terminal import out_lines
from octomed.errors import DataError
from octomed.machine import cores
from octomed.names import shown

if TYPE_CHECKING:
    from octomed.report.views import Verified


def command(
    output: RunPath,
    workers: Workers = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Compare names and sizes only, and read no shard or table.")
    ] = False,
    deep: Annotated[
        bool,
        typer.Option(
            "--deep", help="Decode every distinct image as well, and compare its size with its grid."
        ),
    ] = False,
    json_output: AsJson = False,
) -> None:
    """Check a run: digests, offsets, token range, loss spans, counts. Exit code 3 when something is wrong.

    Every byte of the run is read, unless `--quick` is given; `--deep` decodes its images, too. The last line
    says which, and what else lies in the folder and is not covered.

    \b
    Examples:
      octomed verify runs/quickstart
      octomed verify runs/quickstart --quick
      octomed verify runs/quickstart --deep
      octomed verify runs/quickstart --json | jq .findings
    """
    from octomed.pipeline.verify import verify
    from octomed.report.findings import findings_json, findings_text

    verified = verify(output, workers=workers or cores(), quick=quick, deep=deep)
    out_lines(findings_json(output, verified) if json_output else findings_text(output, verified))
    if verified.findings:
        message = f"`{shown(str(output))}` failed verification: {len(verified.findings)} findings"
        raise DataError(message, _hint(verified))


def _hint(verified: Verified) -> str:
    """Name the command that mends, and what stands in its way."""
    spoiled = [finding for finding in verified.findings if not finding.missing]
    kind = "shards" if all("/shard." in finding.file for finding in spoiled) else "files"
    delete = f"delete the {kind} named above and " if spoiled else ""
    return f"{delete}run `{verified.rebuild}`: only what is missing is written again"
