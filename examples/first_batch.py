"""Say what is in a batch of a packed run: the first that shows images, or the first of all.

    python examples/first_batch.py runs/quickstart

A run with images gives their patches as bytes, each image of a pack once. `Collator(pixel_values=True)` gives
what the model's own processor would.
"""

from __future__ import annotations

import argparse

from octomed.stream import Collator, PackedDataset
from torch.utils.data import DataLoader


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", help="the output of `octomed pack`")
    with PackedDataset(parser.parse_args().run, batch_size=2) as dataset:
        loader = DataLoader(dataset, batch_size=2, collate_fn=Collator(vision=dataset.vision))
        first = next((batch for batch in loader if len(batch.get("image_grid_thw", ()))), None)
        first = first or next(iter(loader))
    for name, value in first.items():
        print(f"{name:18}", f"{value.dtype} {list(value.shape)}" if hasattr(value, "shape") else value)  # noqa: T201


if __name__ == "__main__":
    main()
