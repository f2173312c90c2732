"""Token ids of a corpus as one file of u32: what the writers are given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from bench.compare.contestants.common import arguments, documents
from tokenizers import Tokenizer


def main() -> None:
    """Writes the ids of about 40 MB of responses, several traces to a pack as they come."""
    given = arguments()
    tokenizer = Tokenizer.from_file(given["tokenizer"] + "/tokenizer.json")
    texts = documents(given["corpus"], 40_000_000).to_pylist()
    ids = np.concatenate([np.array(one.ids, dtype=np.uint32) for one in tokenizer.encode_batch_fast(texts)])
    path = Path(given["ids"])
    part = path.with_suffix(".part")
    ids.tofile(part)
    part.rename(path)


if __name__ == "__main__":
    main()
