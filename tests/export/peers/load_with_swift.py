"""Load an export with ms-swift's own loader: `python load_with_swift.py FILE` prints rows as JSON."""

import json
import sys

from swift.dataset import load_dataset

rows, _ = load_dataset(sys.argv[1], split_dataset_ratio=0, num_proc=1, load_from_cache_file=False)
for row in rows:
    said = [turn["content"] for turn in row["messages"]]
    losses = [turn.get("loss") for turn in row["messages"]]
    print("ROW", json.dumps({"said": said, "losses": losses, "images": len(row.get("images") or [])}))
