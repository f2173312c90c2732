"""Packing to a store that is 20 ms away, beside a run to a folder and a bare transfer of the same bytes.

`python -m bench.stores_writing` makes a corpus, starts a server of S3 in a process of its own 20 ms a request
away, and writes `bench/results/stores-writing.json`: the times of a run from folder to folder, of pyarrow
putting the files of that run and doing nothing else, of the run from a folder to the store, from the store to
a folder, and from store to store, in turns; with requests and bytes as the server counts them, its processor
time, and how long workers waited for uploads. The bound is 1.2 times the larger of the first two, and for a
run that reads from the store as well of those and of the bare transfer of its input. Every object is compared
with the local file. Where they are installed, `datasets` and `MDSWriter` take a tenth of the corpus from the
store and to it in the same turns (`bench.compare.contestants.hf_stores`). Three minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.compare import contests, measure, vocabulary
from bench.compare.contestants import octomed_path
from bench.compare.machine import describe
from bench.corpus.plan import Plan
from bench.corpus.write import write_corpus
from bench.stores import BOUND, CONNECTIONS, LATENCY, arrow_client, bare, counted
from tests.servers.process import Served

RESULT = Path(__file__).parent / "results" / "stores-writing.json"
TRACES = 60_000
PEER_SHARE = 10
"""What takes minutes for all traces gets one in ten; rates are compared."""
WAYS = {"to": ("folder", "store"), "from": ("store", "folder"), "both": ("store", "store")}
PREDICTED = {
    "wall_seconds / max(local, bare)": {"to": 1.1, "from": 1.1, "both": 1.15},
    "why": "shards are put while later ones are packed; thirty round trips of locks and listings are left",
}
"""Written before anything was measured."""


def packed(source: str, output: str, scratch: Path, environment: dict[str, str]) -> measure.Run:
    """One run from nothing to shards."""
    for name in ("out", "store"):
        shutil.rmtree(scratch / name, ignore_errors=True)
    file = scratch / "recipe.yaml"
    file.write_text(
        octomed_path.recipe(source, Path("OUT"), scratch / "store").replace('"OUT"', json.dumps(output))
    )
    return measure.run("octomed", octomed_path.command(file), scratch / "octomed.log", environment)


def files_of(folder: Path) -> dict[str, bytes]:
    """The files of a run whose bytes no machine or time changes."""
    paths = (path for path in sorted(folder.rglob("*")) if path.parent != folder and path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def bare_put(server: Served, folder: Path) -> float:
    """Seconds in which pyarrow puts the files of a run, many at once."""
    filesystem = arrow_client(server)
    paths = [path for path in folder.rglob("*") if path.is_file()]

    def put(path: Path) -> None:
        with filesystem.open_output_stream(f"octomed/bare/{path.relative_to(folder)}") as file:
            file.write(path.read_bytes())

    begin = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for _ in pool.map(put, paths):
            pass
    return time.perf_counter() - begin


def emptied(server: Served, prefix: str) -> None:
    """Delete what is under a name, without waiting."""
    server.set(latency=0.0)
    for name in server.names(prefix):
        server.delete(name)
    server.set(latency=LATENCY)


def round_of(server: Served, corpus: Path, scratch: Path) -> dict[str, Any]:
    """Each way once: seconds, and what the last says of itself."""
    places = {
        "folder": (str(corpus), str(scratch / "out")),
        "store": (f"{server.root}/corpus", f"{server.root}/run"),
    }
    local = packed(*places["folder"], scratch, server.environment)
    files = files_of(scratch / "out")
    kept = scratch / "kept"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(scratch / "out", kept)
    emptied(server, "bare/")
    seconds = {"local": local.wall_seconds, "bare_put": bare_put(server, kept)}
    seconds["bare_get"] = bare(server, [f"corpus/{path.name}" for path in sorted(corpus.glob("part-*"))])
    told: dict[str, Any] = {"cpu_seconds": {"local": local.cpu_seconds}}
    for way, (source, output) in WAYS.items():
        emptied(server, "run/")
        begun = (places[source][0], places[output][1], scratch, server.environment)
        run, traffic = counted(server, lambda begun=begun: packed(*begun))
        seconds[way] = run.wall_seconds
        got = scratch / "out" if output == "folder" else server.download("run", scratch / "got")
        assert files_of(got) == files, f"{way}: the same bytes"
        told["cpu_seconds"][way] = run.cpu_seconds
        told[way] = traffic | {"uploads": run.figures.get("uploads"), "peak_rss_mb": run.peak_rss_mb}
        told[way]["stages"] = run.figures.get("seconds")
        shutil.rmtree(scratch / "got", ignore_errors=True)
    return {"seconds": seconds, "told": told, "bytes": sum(map(len, files.values()))}


def peer(server: Served, corpus: Path, scratch: Path) -> dict[str, float]:
    """Traces a second of `datasets` and `MDSWriter` from store to store; nothing where they are missing."""
    if not contests.has("datasets", "s3fs", "streaming", "transformers", "trl"):
        return {}
    tokenizer = vocabulary.write(scratch / "vocabulary").parent
    for name in ("hf-out", "hf-cache"):
        shutil.rmtree(scratch / name, ignore_errors=True)
    (scratch / "hf-cache").mkdir()
    emptied(server, "hf/")
    told = {
        "files": [f"s3://octomed/{path.parent.name}/{path.name}" for path in sorted(corpus.glob("part-*"))],
        "endpoint": f"http://127.0.0.1:{server.port}",
        "key": server.environment["AWS_ACCESS_KEY_ID"],
        "secret": server.environment["AWS_SECRET_ACCESS_KEY"],
        "tokenizer": str(tokenizer),
        "out": str(scratch / "hf-out"),
        "to": "s3://octomed/hf",
    }
    command = [sys.executable, "-m", "bench.compare.contestants.hf_stores", json.dumps(told)]
    environment = {**server.environment, "HF_HOME": str(scratch / "hf-cache")}
    run, traffic = counted(server, lambda: measure.run("datasets", command, scratch / "hf.log", environment))
    return {"traces_a_second": run.figures["traces"] / run.wall_seconds, **traffic}


def ratios(medians: dict[str, float]) -> dict[str, float]:
    """Each way as a multiple of the larger of a local run and the bare transfers that are part of it."""
    transfers = {"to": ("bare_put",), "from": ("bare_get",), "both": ("bare_put", "bare_get")}
    return {
        way: medians[way] / max(medians["local"], *(medians[one] for one in transfers[way])) for way in WAYS
    }


def rates(rounds: list[dict[str, Any]], seconds: float, traces: int) -> dict[str, float]:
    """Traces a second from store to store: ours, and of the path that users have today."""
    theirs = [one["datasets"]["traces_a_second"] for one in rounds if one["datasets"]]
    return {"octomed": traces / seconds} | (
        {"datasets and MDSWriter": statistics.median(theirs)} if theirs else {}
    )


def main() -> None:
    """Reads the command line, runs all in turns, writes one JSON file."""
    parser = argparse.ArgumentParser(prog="python -m bench.stores_writing", description=__doc__)
    parser.add_argument("--traces", type=int, default=TRACES)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="octomed-stores-") as name:
        scratch = Path(name)
        corpus = scratch / "corpus"
        write_corpus(Plan(given.traces), corpus, workers=2)
        server = Served("s3", scratch)
        os.environ.pop("AWS_PROFILE", None)
        try:
            small = scratch / "small"
            write_corpus(Plan(given.traces // PEER_SHARE), small, workers=2)
            for folder in (corpus, small):
                for path in folder.glob("part-*"):
                    server.put(f"{folder.name}/{path.name}", path.read_bytes())
            server.set(latency=LATENCY)
            rounds = [
                round_of(server, corpus, scratch) | {"datasets": peer(server, small, scratch)}
                for _ in range(given.rounds)
            ]
        finally:
            server.stop()
    medians = {key: statistics.median(one["seconds"][key] for one in rounds) for key in rounds[0]["seconds"]}
    found = ratios(medians)
    value = {
        "machine": describe(),
        "latency": LATENCY,
        "traces": given.traces,
        "predicted": PREDICTED,
        "bytes_written": rounds[0]["bytes"],
        "seconds": medians,
        "ratio": found,
        "traces_a_second": rates(rounds, medians["both"], given.traces),
        "rounds": rounds,
    }
    given.out.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    print(", ".join(f"{key} {seconds:.2f} s" for key, seconds in medians.items()))
    for way, ratio in found.items():
        print(f"{way}: {ratio:.2f} of the larger ({BOUND} {'kept' if ratio <= BOUND else 'NOT KEPT'})")
    print(json.dumps(value["traces_a_second"]))
    print(f"wrote {given.out}")


if __name__ == "__main__":
    main()
