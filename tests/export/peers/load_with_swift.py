"""Load an export with ms-swift's own loader: FILE; rows are printed as JSON."""

import json
import sys

from swift.dataset import load_dataset

rows, _ = load_dataset(sys.argv[1], split_dataset_ratio=0, num_proc=1, load_from_cache_file=False)
for row in rows:
    said = [turn["content"] for turn in row["messages"]]
    losses = [turn.get("loss") for turn in row["messages"]]
    sys.stdout.write(
        f"ROW {json.dumps({'said': said, 'losses': losses, 'images': len(row.get('images') or [])})}\n"
    )
