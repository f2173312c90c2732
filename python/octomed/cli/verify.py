"""`octomed verify`: is every byte of a finished run as it should be?"""

from __future__ import annotations

from octomed.cli.options import AsJson, RunPath
from octomed.cli.terminal import out
from octomed.errors import DataError


def command(output: RunPath, json_output: AsJson = False) -> None:
    """Check a run: hashes, offsets, token range, loss spans, counts. Exit code 3 when something is wrong.

    \b
    Examples:
      octomed verify runs/quickstart
      octomed verify runs/quickstart --json | jq .problems
    """
    from octomed.pipeline.verify import verify

    findings = verify(output)
    out(findings.to_json() if json_output else findings.plain())
    if not findings.ok:
        message = f"{len(findings.problems)} things are wrong with `{output}`"
        raise DataError(
            message, "pack it again: only shards that are gone or changed in size are written anew"
        )
