"""What `verify` found, as text and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from octomed.names import shown
from octomed.report import units
from octomed.report.views import Repaired

if TYPE_CHECKING:
    from octomed.report.views import Verified


def findings_text(output: str, verified: Verified) -> str:
    """Return a line per problem, then what was looked at."""
    lines = [shown(f"{finding.file}: {finding.what}") for finding in verified.findings]
    if verified.repaired is not None and (done := _done(verified.repaired)):
        return _repair_text(output, lines, done, verified)
    looked = _compared(verified) if verified.quick else _read(verified)
    ending = f"{units.count(len(lines))} problems" if lines else "all is well"
    return "\n".join([*lines, f"`{shown(str(output))}`: {looked}: {ending}; {_how(verified)}"])


def _done(repaired: Repaired) -> list[str]:
    """Return a line for each file that a repair changed, and for what it met."""
    return [
        *(f"note: {note}" for note in repaired.notes),
        *(shown(f"{name}: made again") for name in repaired.rebuilt),
        *(shown(f"{name}: removed, Streaming unpacks it again") for name in repaired.removed),
    ]


def _repair_text(output: str, left: list[str], done: list[str], verified: Verified) -> str:
    """Return what a repair did, and what it left."""
    repaired = verified.repaired or Repaired()
    scanned = units.count(repaired.blocks_scanned)
    source = f"after {scanned} blocks were scanned again" if repaired.blocks_scanned else "no source was read"
    amounts = f"{units.count(len(repaired.rebuilt))} files made again, {source}"
    ending = f"{units.count(len(left))} problems left" if left else "all is well"
    others = ", ".join(f"`{shown(name)}`" for name in verified.not_covered)
    covered = f"; not covered: {others}" if others else ""
    return "\n".join([*done, *left, f"`{shown(str(output))}`: {amounts}: {ending}{covered}"])


def _read(verified: Verified) -> str:
    amounts = {name: getattr(verified, name) for name in ("shards", "packs", "traces", "tokens")}
    amounts |= {} if verified.images is None else {"images": verified.images}
    return ", ".join(f"{units.count(number)} {name}" for name, number in amounts.items())


def _compared(verified: Verified) -> str:
    """Return what was compared: what is in the shards was not counted, and is not said."""
    if not verified.files:
        return "no file could be compared"
    return f"{units.count(verified.files)} files, {units.count(verified.shards)} of them shards"


def _how(verified: Verified) -> str:
    """Return how it was looked at, and what was not."""
    if verified.quick:
        read = " and the digests of `octomed.json` and its manifest" if verified.has_digests else ""
        how = f"names and sizes were compared{read} (without `--quick` every byte is read)"
    elif verified.has_digests:
        how = "every byte was read"
    else:
        how = (
            "every byte was read, but the run is of an earlier version and keeps no digests of its files: "
            "nothing covers `file`, `row` and `sample` of its provenance, places and details of its rejects, "
            "its reports, and shards without hashes in their index beyond what they say twice"
        )
    if verified.images is not None:
        how = f"{how}, and every distinct image decoded"
    if verified.left_out:
        how = f"{how}; a published copy, without {', '.join(verified.left_out)}"
    others = ", ".join(f"`{shown(name)}`" for name in verified.not_covered)
    return f"{how}; not covered: {others}" if others else how


def findings_json(output: str, verified: Verified) -> str:
    """Return one JSON object on one line."""
    values = {"output": str(output), "ok": not verified.findings, **asdict(verified)}
    if verified.repaired is None:
        del values["repaired"]
    return json.dumps(values, ensure_ascii=False)
