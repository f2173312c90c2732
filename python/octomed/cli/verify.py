"""`octomed verify`: every byte of a finished run is as it should be, or is named."""

from __future__ import annotations

import os

from octomed.cli.options import AsJson, RunPath, Workers
from octomed.cli.terminal import out
from octomed.errors import DataError


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
    out(findings_json(output, verified) if json_output else findings_text(output, verified))
    if verified.findings:
        message = f"`{output}` is not as it should be: {len(verified.findings)} findings"
        raise DataError(
            message, "delete the shards named above and pack the recipe again: only those are written"
        )
