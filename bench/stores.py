"""Packing from a store that is 20 ms away, beside a run from a folder and a bare transfer of the same bytes.

`python -m bench.stores` makes a corpus, serves it from a process of its own 20 ms a request away, and
writes `bench/results/stores-reading.json`: for each form of the corpus the times of a local run, of pyarrow
fetching the bytes that the run fetches and doing nothing with them, and of the run, with requests and bytes
as the server counts them, and its processor time. The bound is 1.2 times the larger of the first two.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.fs
from bench.compare import measure
from bench.compare.contestants import octomed_path
from bench.compare.machine import describe
from bench.corpus.plan import Plan
from bench.corpus.write import write_corpus
from tests.servers.process import Served

if TYPE_CHECKING:
    from collections.abc import Callable

RESULT = Path(__file__).parent / "results" / "stores-reading.json"
LATENCY = 0.02
TRACES = 60_000
CONNECTIONS = 16
PART = 4 * 2**20
BOUND = 1.2
PREDICTED = {
    "wall_seconds / max(local, bare)": {"parquet": 1.1, "jsonl": 1.1, "jsonl.gz": 1.1},
    "bytes / bytes of the mapped columns": {"parquet": 1.01, "jsonl": 1.0, "jsonl.gz": 1.0},
    "why": "requests overlap with scanning; a listing, cards and the ends of files are left: ten round trips",
}
"""Written before anything was measured."""


def forms(scratch: Path, traces: int) -> dict[str, Path]:
    """The corpus in each form that is read differently."""
    made = {"parquet": scratch / "parquet", "jsonl": scratch / "jsonl", "jsonl.gz": scratch / "jsonl.gz"}
    write_corpus(Plan(traces), made["parquet"], workers=2)
    write_corpus(Plan(traces, format="jsonl"), made["jsonl"], workers=2)
    made["jsonl.gz"].mkdir()
    for path in made["jsonl"].glob("part-*.jsonl"):
        with gzip.open(made["jsonl.gz"] / f"{path.name}.gz", "wb", 1) as packed, path.open("rb") as plain:
            shutil.copyfileobj(plain, packed, PART)
    return made


def packed(source: str, form: str, scratch: Path, environment: dict[str, str]) -> measure.Run:
    """One run from nothing to shards."""
    out, store = scratch / "out", scratch / "store"
    for folder in (out, store):
        shutil.rmtree(folder, ignore_errors=True)
    recipe = octomed_path.recipe(source, out, store).replace("part-*.parquet", f"part-*.{form}")
    file = scratch / "recipe.yaml"
    file.write_text(recipe, encoding="utf-8")
    run = measure.run("octomed", octomed_path.command(file), scratch / "octomed.log", environment)
    run.figures = octomed_path.figures(out)
    return run


def digests(out: Path) -> dict[str, int]:
    """What tells that two runs wrote the same shards."""
    return {str(path.relative_to(out)): hash(path.read_bytes()) for path in sorted(out.glob("len-*/*"))}


def arrow_client(server: Served) -> pyarrow.fs.S3FileSystem:
    """The server as pyarrow reaches it."""
    return pyarrow.fs.S3FileSystem(
        access_key="test",
        secret_key="test",
        region="us-east-1",
        scheme="http",
        endpoint_override=f"127.0.0.1:{server.port}",
    )


def bare(server: Served, names: list[str]) -> float:
    """Seconds in which pyarrow fetches the objects, many parts at once."""
    filesystem = arrow_client(server)
    begin = time.perf_counter()
    paths = [f"octomed/{name}" for name in names]
    sizes = {info.path: info.size for info in filesystem.get_file_info(paths)}

    def fetch(job: tuple[str, int]) -> int:
        path, at = job
        with filesystem.open_input_file(path) as file:
            return len(file.read_at(min(PART, sizes[path] - at), at))

    jobs = [(path, at) for path in paths for at in range(0, sizes[path], PART)]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        assert sum(pool.map(fetch, jobs)) == sum(sizes.values())
    return time.perf_counter() - begin


def counted(server: Served, call: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What a call gives, and what the server counts meanwhile."""
    before = server.counts()
    value = call()
    after = server.counts()
    names = ("requests", "bytes_out", "cpu")
    return value, {name: after.get(name, 0) - before.get(name, 0) for name in names}


def compared(server: Served, form: str, folder: Path, scratch: Path, rounds: int) -> dict[str, Any]:
    """A form of the corpus from a folder, fetched, and from the store."""
    paths = sorted(folder.glob(f"part-*.{form}"))
    address = f"{server.root}/{form}"
    names = [f"{form}/{path.name}" for path in paths]
    for name, path in zip(names, paths, strict=True):
        server.put(name, path.read_bytes())
    found: dict[str, list[float]] = {"local": [], "bare": [], "store": []}
    server.set(latency=LATENCY)
    for _ in range(rounds):
        local = packed(str(folder), form, scratch, server.environment)
        wrote = digests(scratch / "out")
        seconds, transfer = counted(server, lambda: bare(server, names))
        run, traffic = counted(server, lambda: packed(address, form, scratch, server.environment))
        assert digests(scratch / "out") == wrote, "the same bytes"
        for name, one in (("local", local.wall_seconds), ("bare", seconds), ("store", run.wall_seconds)):
            found[name].append(one)
    server.set(latency=0.0)
    size = sum(path.stat().st_size for path in paths)
    medians = {name: statistics.median(times) for name, times in found.items()}
    return {
        "seconds": medians,
        "all": found,
        "ratio": medians["store"] / max(medians["local"], medians["bare"]),
        "bytes": size,
        "bytes_read": traffic["bytes_out"],
        "requests": traffic["requests"],
        "server_cpu_seconds": traffic["cpu"],
        "bare": transfer,
        "cpu_seconds": {"local": local.cpu_seconds, "store": run.cpu_seconds},
        "stages": {"local": octomed_stages(local), "store": octomed_stages(run)},
        "peak_rss_mb": {"local": local.peak_rss_mb, "store": run.peak_rss_mb},
    }


def octomed_stages(run: measure.Run) -> dict[str, float]:
    """Seconds of each stage, as the run says."""
    return dict(run.figures["stages"])


def told(form: str, one: dict[str, Any]) -> str:
    """A form in one line."""
    seconds = ", ".join(f"{name} {value:.2f} s" for name, value in one["seconds"].items())
    kept = "kept" if one["ratio"] <= BOUND else "NOT KEPT"
    share = one["bytes_read"] / one["bytes"]
    return (
        f"{form}: {seconds}: {one['ratio']:.2f} of the larger ({BOUND} {kept}); {one['requests']:.0f} "
        f"requests, {share:.3f} of {one['bytes'] / 1e6:.0f} MB, server {one['server_cpu_seconds']:.1f} s CPU"
    )


def main() -> None:
    """Reads the command line, compares each form, writes one JSON file."""
    parser = argparse.ArgumentParser(prog="python -m bench.stores", description=__doc__)
    parser.add_argument("--traces", type=int, default=TRACES)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--forms", nargs="+", default=["parquet", "jsonl", "jsonl.gz"])
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="octomed-stores-") as name:
        scratch = Path(name)
        made = forms(scratch, given.traces)
        server = Served("s3", scratch)
        os.environ.pop("AWS_PROFILE", None)
        try:
            runs = {}
            for form in given.forms:
                runs[form] = compared(server, form, made[form], scratch, given.rounds)
                print(told(form, runs[form]), flush=True)
        finally:
            server.stop()
    value = {
        "machine": describe(),
        "latency": LATENCY,
        "traces": given.traces,
        "predicted": PREDICTED,
        "runs": runs,
    }
    given.out.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {given.out}")


if __name__ == "__main__":
    main()
