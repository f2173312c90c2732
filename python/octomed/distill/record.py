"""What a distillation says of itself beside its samples: recipe, counts, versions."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.storage import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from octomed.distill.counts import Counts
    from octomed.distill.schema import Asking
    from octomed.recipe.schema import Recipe

RECORD = "distill.json"
"""What the last run into a folder was, and did."""


def write_record(path: Path, recipe: Recipe, settings: Asking, counts: Counts) -> None:
    """Write what a run was, and did.

    Parameters
    ----------
    path
        The file.
    recipe, settings, counts
        Of the run.
    """
    values = {
        "octomed": _octomed.__version__,
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "recipe": {
            **recipe.canonical(),
            **settings.model_dump(mode="json", exclude_none=True),
        },
        "counts": counts.values(settings),
    }
    text = json.dumps(values, ensure_ascii=False, indent=1)
    write_atomically(path, text.encode("utf-8", "surrogatepass"), mode=recipe.output.mode)
