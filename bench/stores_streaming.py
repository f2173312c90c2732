"""Waiting for data in training from a far store: 20 ms a request, 100 MB/s and 15,000 tokens/s a rank.

The ranks are processes without a model: each takes its batches from `PackedDataset` through a loader's
worker, as `train.py` does, and then is busy for as long as a GPU would be with so many tokens. What is
measured is how long a step waits for its batch: from the second step on, and apart from that the first, which
waits for the first shards. The server is on this machine (`tests/servers`) and slow by sleeping; its CPU is
reported beside that of the ranks.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from bench.compare.machine import describe
from tests.servers.process import Served

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

WORDS = 4096
SHARD_SIZE = 2**21


def write_inputs(folder: Path, traces: int, tokens: int) -> None:
    """Write JSON Lines of numbers, which become about so many tokens each."""
    draw = np.random.default_rng(0)
    folder.mkdir(parents=True)
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as file:
        for number in range(traces):
            words = " ".join(f"w{word}" for word in draw.integers(0, WORDS, tokens // 4))
            file.write(json.dumps({"question": f"{number}?", "responses": [words]}) + "\n")


def packed(folder: Path, options: argparse.Namespace) -> Path:
    """Pack the inputs into a run of many shards."""
    import octomed

    write_inputs(folder / "data", options.traces, options.trace_tokens)
    octomed.pack(
        {
            "name": "streaming",
            "model": "Qwen/Qwen2.5-7B-Instruct",
            "sources": [{"name": "rows", "path": f"{folder}/data/*.jsonl", "format": "octomed"}],
            "pack": {"capacity": options.capacity, "buckets": []},
            "output": {"path": f"{folder}/run", "shard_size": options.shard_size},
            "work": {"path": f"{folder}/work"},
        }
    )
    return folder / "run"


def rank(number: int, options: argparse.Namespace, address: str, cache: str, pipe: Connection) -> None:
    """Take the batches of a rank, and be busy with each; send what was waited."""
    os.environ.update(
        RANK=str(number), LOCAL_RANK=str(number), WORLD_SIZE=str(options.ranks),
        LOCAL_WORLD_SIZE=str(options.ranks), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(options.port),
        AWS_ACCESS_KEY_ID=f"rank{number}",
    )  # fmt: skip
    import torch
    from octomed.stream import Collator, PackedDataset
    from streaming import StreamingDataLoader

    torch.set_num_threads(1)
    dataset = PackedDataset(
        address,
        batch_size=1,
        cache=cache,
        cache_limit=options.cache_limit,
        predownload=options.predownload,
        quiet=True,
    )
    loader = StreamingDataLoader(
        dataset, batch_size=1, num_workers=1, prefetch_factor=4, collate_fn=Collator("text")
    )
    begin = time.perf_counter()
    waits, tokens, busy, largest = [], 0, 0.0, 0
    batches = iter(loader)
    while True:
        asked = time.perf_counter()
        batch = next(batches, None)
        if batch is None:
            break
        waits.append(time.perf_counter() - asked)
        tokens += batch["input_ids"].shape[1]
        step = batch["input_ids"].shape[1] / options.speed
        busy += step
        time.sleep(step)
        if number == 0:
            largest = max(
                largest, sum(path.stat().st_size for path in Path(cache).rglob("*.mds") if path.exists())
            )
    cpu = (
        resource.getrusage(resource.RUSAGE_SELF).ru_utime
        + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    )
    pipe.send({"waits": waits, "tokens": tokens, "busy": busy, "cache": largest,
               "seconds": time.perf_counter() - begin, "cpu": cpu})  # fmt: skip


def measured(options: argparse.Namespace, address: str, cache: str) -> list[dict[str, Any]]:
    """Run all ranks, each in a process of its own."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for number in range(options.ranks):
        ours, theirs = context.Pipe()
        processes.append(context.Process(target=rank, args=(number, options, address, cache, theirs)))
        processes[-1].start()
        theirs.close()
        pipes.append(ours)
    found = [pipe.recv() for pipe in pipes]
    for process in processes:
        process.join()
    return found


def shares(found: list[dict[str, Any]]) -> dict[str, Any]:
    """What part of the time ranks waited: without the first step, and with it."""
    later = sum(sum(one["waits"][1:]) for one in found)
    busy = sum(one["busy"] for one in found)
    first = max(one["waits"][0] for one in found)
    waits = sorted(wait for one in found for wait in one["waits"][1:])
    return {
        "share_waiting": round(later / (later + busy), 5),
        "seconds_to_first_batch": round(first, 3),
        "longest_wait": round(waits[-1], 4),
        "waits_above_10_ms": sum(wait > 0.01 for wait in waits),
        "steps": len(waits),
        "tokens_a_second_a_rank": round(
            sum(one["tokens"] for one in found) / sum(one["seconds"] for one in found)
        ),
        "largest_cache": max(one["cache"] for one in found),
        "cpu_seconds_of_ranks": round(sum(one["cpu"] for one in found), 2),
    }


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ranks", type=int, default=8)
    parser.add_argument("--speed", type=float, default=15_000, help="tokens a second of a rank")
    parser.add_argument("--traces", type=int, default=6_000)
    parser.add_argument("--trace-tokens", type=int, default=2_000)
    parser.add_argument("--capacity", type=int, default=16_384)
    parser.add_argument("--shard-size", type=int, default=SHARD_SIZE)
    parser.add_argument("--latency", type=float, default=0.02, help="seconds before each answer")
    parser.add_argument("--rate", type=float, default=100e6, help="bytes a second of a rank")
    parser.add_argument("--failing", type=float, default=0.0, help="the share of requests that fail")
    parser.add_argument("--predownload", type=int, default=8, help="packs that are fetched ahead")
    parser.add_argument("--cache-limit", default=None)
    parser.add_argument("--port", type=int, default=29_611)
    parser.add_argument("--out", type=Path, default=Path("bench/results/stores_streaming.json"))
    return parser.parse_args()


def main() -> None:
    """Measure and write the result."""
    options = parsed()
    with tempfile.TemporaryDirectory() as folder:
        run = packed(Path(folder), options)
        server = Served("s3", Path(folder))
        os.environ.update(server.environment)
        address = server.upload(run, "run")
        server.set(
            latency=options.latency,
            speed=options.rate,
            rate=options.failing,
            kinds=["error_503", "reset", "short_body"],
        )
        before = server.counts()
        result = shares(measured(options, address, f"{folder}/cache"))
        after = server.counts()
        server.stop()
    result |= {
        name: after.get(name, 0) - before.get(name, 0) for name in ("requests", "bytes_out", "faults")
    } | {"cpu_seconds_of_server": round(after["cpu"] - before["cpu"], 2)}
    settings = {name: value for name, value in vars(options).items() if name not in {"out", "port"}}
    text = json.dumps(describe() | {"settings": settings, "result": result}, indent=1) + "\n"
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text, encoding="utf-8")
    for name, value in result.items():
        print(f"{name:26} {value:,}")


if __name__ == "__main__":
    main()
