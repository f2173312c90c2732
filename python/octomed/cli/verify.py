"""`octomed verify`: every byte of a finished run is as it should be, or is named."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from octomed.cli.options import AsJson, RunPath, Workers
from octomed.cli.terminal import out_lines
from octomed.errors import DataError
from octomed.names import shown

if TYPE_CHECKING:
    from octomed.pipeline.verify import Verified


def command(output: RunPath, workers: Workers = None, json_output: AsJson = False) -> None:
    """Check a run: hashes, offsets, token range, loss spans, counts. Exit code 3 when something is wrong.

    \b
    Examples:
      octomed verify runs/quickstart
      octomed verify runs/quickstart --json | jq .findings
    """
    from octomed.pipeline.verify import verify
    from octomed.report.findings import findings_json, findings_text

    verified = verify(output, workers=workers or os.cpu_count() or 1)
    out_lines(findings_json(output, verified) if json_output else findings_text(output, verified))
    if verified.findings:
        message = f"`{shown(str(output))}` is not as it should be: {len(verified.findings)} findings"
        raise DataError(message, _hint(verified))


def _hint(verified: Verified) -> str:
    """Name the command that mends, and what stands in its way."""
    spoiled = [finding for finding in verified.findings if not finding.missing]
    kind = "shards" if all("/shard." in finding.file for finding in spoiled) else "files"
    delete = f"delete the {kind} named above and " if spoiled else ""
    return f"{delete}run `{verified.rebuild}`: only what is missing is written again"
