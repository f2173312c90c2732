"""Rejects as lines of text, and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from octomed.names import shown
from octomed.report.inspection import printable

if TYPE_CHECKING:
    from octomed.report.views import Reject


def reject_text(reject: Reject, text: str | None = None) -> str:
    """Return a line with place and reason, and below it the row's text where that was asked for."""
    detail = f" ({shown(reject.detail)})" if reject.detail else ""
    images = f", images {' '.join(f'{one:016x}' for one in reject.images)}" if reject.images else ""
    line = f"{reject.place}: {reject.reason}{detail}{images}"
    return line if text is None else f"{line}\n  " + printable(text).strip("\n").replace("\n", "\n  ")


def reject_json(reject: Reject, text: str | None = None) -> str:
    """Return one JSON object on one line."""
    values = asdict(reject)
    images = [f"{one:016x}" for one in values.pop("images")]
    values |= {"images": images} if images else {}
    return json.dumps(values | ({} if text is None else {"text": text}))
