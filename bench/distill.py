"""How fast a teacher is asked: requests a second, and the client's processor time, by a fake teacher.

    python -m bench.distill --questions 2000 --out bench/results/distill.json

The teacher is a process of its own, which answers 4 KB at once, so that what is measured is the client.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from bench.compare.machine import describe

FORMAT = {name: name for name in ("question", "options", "answer")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    words = parser.parse_args()
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.servers.teacher"], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    port = int(server.stdout.readline())
    tell(port, {"words": 620})
    rounds = []
    try:
        for _ in range(words.rounds):
            with tempfile.TemporaryDirectory() as folder:
                rounds.append(one_round(Path(folder), port, words))
                print(json.dumps(rounds[-1]), flush=True)
    finally:
        server.kill()
    middle = sorted(rounds, key=lambda one: one["requests_per_second"])[len(rounds) // 2]
    found = {"machine": describe(), "questions": words.questions, "samples": words.samples,
             "concurrency": words.concurrency, "median": middle, "rounds": rounds}  # fmt: skip
    if words.out:
        words.out.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(middle))


def tell(port: int, values: dict[str, Any]) -> None:
    urllib.request.urlopen(f"http://127.0.0.1:{port}/_set", data=json.dumps(values).encode()).read()


def one_round(folder: Path, port: int, words: argparse.Namespace) -> dict[str, Any]:
    rows = (
        {"question": f"What is it, number {index}? " + "A history of some length. " * 12, "answer": "A",
         "options": {"A": "the right one", "B": "another"}}
        for index in range(words.questions)
    )  # fmt: skip
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = {
        "name": "bench",
        "sources": [{"name": "q", "path": "questions.jsonl", "format": FORMAT}],
        "curate": {"accept": {"answer": "match"}},
        "teacher": {"endpoint": f"http://127.0.0.1:{port}/v1", "model": "teacher"},
        "samples": words.samples,
        "limits": {"concurrency": words.concurrency},
        "output": {"path": "out"},
    }  # fmt: skip
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "octomed", "distill", str(folder / "recipe.yaml"), "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.monotonic() - begin
    counts = json.loads(done.stdout)
    size = (folder / "out" / "samples.jsonl").stat().st_size
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "requests": counts["requests"],
        "seconds": round(seconds, 2),
        "requests_per_second": round(counts["requests"] / counts["seconds"], 1),
        "cpu_ms_per_request": round(1000 * cpu / counts["requests"], 3),
        "bytes_per_sample": round(size / counts["samples"]),
        "peak_mb": round(after.ru_maxrss / 1024),
    }


if __name__ == "__main__":
    main()
