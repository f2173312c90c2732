"""The control of length: reasoning padded to a length drawn without the question."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LEAST, MOST = 88, 100
"""Words of a padded reasoning: the longest without padding has 85, but for slips."""
WORD = "rest"


def padded(samples: Path, file: Path, seed: int) -> Path:
    """Write samples with padded reasoning, and return the file.

    Parameters
    ----------
    samples
        What `octomed distill` wrote.
    file
        Where the padded ones go.
    seed
        Lengths are drawn by it.
    """
    lots = random.Random(f"padding {seed}")
    with file.open("w", encoding="utf-8") as out:
        for line in samples.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            name = "reasoning" if "reasoning" in row else "reasoning_content"
            words = row[name].split()
            length = lots.randint(LEAST, MOST)
            row[name] = " ".join([*words, *[WORD] * (length - len(words))])
            out.write(json.dumps(row) + "\n")
    return file
