"""What ranks lose by waiting for the slowest, as packs come and as they are shared out by what they cost.

`python -m bench.balance` draws traces of the paper's mix (`bench.corpus.lengths`) and images of its sizes,
packs them as `octomed pack` does, bucket by bucket, and simulates epochs of 8, 64 and 512 ranks, eight a
machine. A pack costs the floating-point operations of its tokens, of its documents' squared lengths and of
its images' patches (`octomed.train.pack_costs`). It also times what the costs of 8,095,571 traces cost to
know. Writes `bench/results/balance.json`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from bench.compare.machine import describe
from bench.corpus import lengths
from bench.train.shapes import shape
from octomed import _octomed
from octomed.stream.balance import Wait, balanced, wait_of
from octomed.stream.costs import Costs
from octomed.stream.pack_table import PackTable, pack_tables
from octomed.stream.run import open_run
from octomed.train.build import read_configuration
from octomed.train.pack_costs import costs_of

Numbers = npt.NDArray[np.int64]

PAPER = 8_095_571
WITH_IMAGE = 3_687_105 / PAPER
"""Share of traces that show an image."""
TRACES_AN_IMAGE = 7.46
SMALLEST, LARGEST, FACTOR = 3_136, 262_144, 28
EDGES = (1_024, 4_096)
"""Inner edges of the buckets, the packing recipe's default."""
SIZES = ((0.70, None), (0.15, 224), (0.15, 28))
"""Share of images and their side: figures and films of 256 to 2,048 pixels, two of classification sets."""
A_RANGE = 50_000
MACHINE = 8
RESULT = Path(__file__).parent / "results" / "balance.json"


def patches_of(draw: np.random.Generator, count: int) -> Numbers:
    """Patches of images, at the size at which Qwen2.5-VL takes them."""
    longer = np.exp(draw.uniform(np.log(256), np.log(2_048), count))
    sides = np.stack([longer, np.maximum(128, longer * draw.uniform(0.6, 1.0, count))])
    kind = np.searchsorted(np.cumsum([share for share, _ in SIZES])[:-1], draw.random(count), side="right")
    for number, (_, side) in enumerate(SIZES):
        if side is not None:
            sides[:, kind == number] = side
    pixels = sides[0] * sides[1]
    near = np.round(sides / FACTOR) * FACTOR
    large = near[0] * near[1] > LARGEST
    small = near[0] * near[1] < SMALLEST
    down = np.floor(sides / np.sqrt(pixels / LARGEST) / FACTOR) * FACTOR
    up = np.ceil(sides * np.sqrt(SMALLEST / pixels) / FACTOR) * FACTOR
    grid = np.where(large, down, np.where(small, up, near)) * 2 / FACTOR
    return (grid[0] * grid[1]).astype(np.int64)


def drawn(traces: int, seed: int) -> tuple[Numbers, Numbers, Numbers]:
    """Lengths of traces in tokens, the image of each, or -1, and the patches of each image."""
    bits = np.random.PCG64(np.random.SeedSequence([seed, 0]))
    draw = np.random.default_rng([seed, 1])
    groups = lengths.uniforms(bits, traces)
    text = lengths.questions(bits, traces) + lengths.responses(bits, groups) + 60
    shows = groups < WITH_IMAGE  # classification and visual questions come first in the mixture
    images = int(shows.sum() / TRACES_AN_IMAGE) + 1
    patches = patches_of(draw, images)
    image = np.where(shows, draw.integers(0, images, traces), -1)
    tokens = np.round(text).astype(np.int64) + np.where(shows, patches[image] // 4, 0)
    return tokens, image, patches


def packed(traces: int, capacity: int, seed: int = 17) -> tuple[PackTable, Numbers]:
    """What each pack holds, and its bucket."""
    tokens, image, patches = drawn(traces, seed)
    fits = tokens <= capacity
    tokens, image = tokens[fits], image[fits]
    near = np.argsort(
        image // max(1, len(patches) * A_RANGE // traces), kind="stable"
    )  # of one image: one range
    found: list[list[float]] = []
    buckets: list[int] = []
    for begin in range(0, len(tokens), A_RANGE):
        part = near[begin : begin + A_RANGE]
        bucket = np.searchsorted(EDGES, tokens[part])
        for number in range(len(EDGES) + 1):
            found += rows_of(part[bucket == number], tokens, image, patches, capacity)
            buckets += [number] * (len(found) - len(buckets))
    return PackTable(*np.array(found, np.int64).T), np.array(buckets)


def rows_of(
    chosen: Numbers, tokens: Numbers, image: Numbers, patches: Numbers, capacity: int
) -> list[list[float]]:
    """A row a pack, as `PackTable` has them."""
    offsets, items, _, _ = _octomed.pack_lengths(pa.array(tokens[chosen], pa.uint32()), capacity)
    edges, items = np.asarray(offsets), chosen[np.asarray(items)]
    rows = []
    for begin, end in itertools.pairwise(edges.tolist()):
        pack = items[begin:end]
        shown = np.unique(image[pack])
        sizes = patches[shown[shown >= 0]]
        squares = (tokens[pack] ** 2).sum()
        rows.append([len(pack), tokens[pack].sum(), squares, len(sizes), sizes.sum(), (sizes**2).sum()])
    return rows


def order_of(packs: Numbers, ranks: int, size: int) -> npt.NDArray[np.int64] | None:
    """The packs in full steps, shuffled, as a data set has them; None where they fill no step."""
    steps = len(packs) // (ranks * size)
    ids = np.random.default_rng(5).permutation(packs)[: steps * ranks * size]
    machines = max(1, ranks // MACHINE)
    order = ids.reshape(steps, machines, ranks // machines, size).transpose(1, 2, 0, 3)[:, :, None]
    return order if steps else None


def waits(costs: npt.NDArray[np.float64], buckets: Numbers, ranks: int, size: int) -> dict[str, Wait] | None:
    """What ranks wait in an epoch, by the way packs are shared out."""
    order = order_of(np.arange(len(costs)), ranks, size)
    alike = [order_of(np.flatnonzero(buckets == number), ranks, size) for number in range(len(EDGES) + 1)]
    if order is None:
        return None
    found = {
        "as they come": order,
        "balanced in each machine": balanced(order, costs),
        "balanced over all ranks": balanced(order.reshape(1, ranks, 1, -1, size), costs),
    }
    if all(one is not None for one in alike):
        one_bucket = np.concatenate(alike, axis=3)
        found["one bucket a step"] = one_bucket
        found["one bucket a step, balanced in each machine"] = balanced(one_bucket, costs)
    return {way: wait_of(one, costs) for way, one in found.items()}


def table_of(traces: int, capacity: int) -> list[dict[str, Any]]:
    """A row a model, number of ranks and packs a rank."""
    table, buckets = packed(traces, capacity)
    rows = []
    for model in ("qwen2.5-vl-7b", "qwen3-vl-4b"):
        configuration = read_configuration(None, shape(model))
        for frozen in (False, True):
            costs = table.costs(costs_of(configuration, frozen_vision=frozen))
            of_packs = {"mean": costs.mean(), "spread": costs.std() / costs.mean()}
            of_packs |= {f"p{part}": np.percentile(costs, part) / costs.mean() for part in (1, 50, 99)}
            for ranks in (8, 64, 512):
                for size in (1, 2, 4, 8):
                    found = waits(costs, buckets, ranks, size)
                    if found is not None:
                        row = {"model": model, "frozen_vision": frozen, "capacity": capacity, "ranks": ranks}
                        said = {way: asdict(one) for way, one in found.items()}
                        rows.append(row | {"packs_a_rank": size, "packs": of_packs, "wait": said})
    return rows


def write_provenance(folder: Path, traces: int, capacity: int) -> int:
    """A run without shards whose provenance has so many traces, in ranges as `octomed pack` writes them."""
    tokens, image, patches = drawn(traces, 3)
    tokens = np.minimum(tokens, capacity)
    pack = np.cumsum(tokens) // capacity
    hashes = np.random.default_rng(4).integers(0, 2**63, len(patches), np.uint64)
    (folder / "provenance").mkdir(parents=True)
    files = []
    for number, begin in enumerate(range(0, traces, 400_000)):
        part = slice(begin, begin + 400_000)
        count = len(tokens[part])
        shown = image[part]
        edges = np.concatenate([[0], np.cumsum(shown >= 0)]).astype(np.int32)
        listed = {
            "images": hashes[shown[shown >= 0]],
            "image_patches": patches[shown[shown >= 0]].astype(np.uint32),
        }
        table = pa.table(
            {
                "trace_id": np.random.default_rng(begin).integers(0, 2**63, count, np.uint64),
                "row": np.arange(begin, begin + count, dtype=np.uint64),
                "stream": pa.array(["len-16384"] * count).dictionary_encode(),
                "pack": pack[part].astype(np.uint64),
                "length": tokens[part].astype(np.uint32),
                **{name: pa.ListArray.from_arrays(edges, values) for name, values in listed.items()},
            }
        )
        files.append(f"provenance/len-16384-{number:05d}.parquet")
        pq.write_table(table, folder / files[-1], compression="zstd")
    stream = {"packs": int(pack[-1]) + 1, "traces": traces, "tokens": int(tokens.sum())}
    run = {"format": 1, "streams": {"len-16384": stream}, "run": {"files": files}}
    (folder / "octomed.json").write_text(json.dumps(run))
    return sum(path.stat().st_size for path in folder.rglob("*.parquet"))


def time_of_tables(traces: int, capacity: int) -> dict[str, Any]:
    """Seconds until the costs of so many traces are known: the first time, and out of the cache."""
    with tempfile.TemporaryDirectory() as folder:
        size = write_provenance(Path(folder, "run"), traces, capacity)
        run, seconds = open_run(Path(folder, "run")), []
        for _ in range(2):
            begin = time.perf_counter()
            tables = pack_tables(run, Path(folder, "cache"))
            seconds.append(time.perf_counter() - begin)
        kept = sum(path.stat().st_size for path in Path(folder, "cache").rglob("*"))
        costs = tables["len-16384"].costs(Costs())
        order = np.random.default_rng(1).permutation(len(costs))[: len(costs) // 32 * 32]
        begin = time.perf_counter()
        balanced(order.reshape(1, 8, 1, -1, 4), costs)
        return {
            "traces": traces,
            "packs": len(costs),
            "provenance_mb": size / 1e6,
            "seconds": seconds[0],
            "seconds_from_cache": seconds[1],
            "cache_mb": kept / 1e6,
            "seconds_to_balance_an_epoch": time.perf_counter() - begin,
        }


def told(row: dict[str, Any]) -> str:
    """A row in one line."""
    shares = "  ".join(
        f"{way} {one['step']:.1%} / {one['microbatch']:.1%}" for way, one in row["wait"].items()
    )
    frozen = ", tower frozen" if row["frozen_vision"] else ""
    return f"{row['model']}{frozen}, {row['ranks']} ranks x {row['packs_a_rank']} packs: {shares}"


def main() -> None:
    """Reads the command line, simulates, writes one JSON file."""
    parser = argparse.ArgumentParser(prog="python -m bench.balance", description=__doc__)
    parser.add_argument("--traces", type=int, default=800_000)
    parser.add_argument("--capacity", type=int, default=16_384)
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    machine = describe()
    rows = table_of(given.traces, given.capacity)
    for row in rows:
        print(told(row), flush=True)
    known = time_of_tables(PAPER, given.capacity)
    print(known)
    result = {"machine": machine, "traces": given.traces, "sizes": SIZES, "costs": known, "rows": rows}
    given.out.write_text(json.dumps(result, indent=1, default=float) + "\n", encoding="utf-8")
    print(f"wrote {given.out}")


if __name__ == "__main__":
    main()
