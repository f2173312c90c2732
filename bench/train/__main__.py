"""`python -m bench.train`: octomed's packs beside padded rows and Hugging Face's `Trainer`, on one GPU.

Models have the published shapes and random weights. Every way trains on the same traces in a process of its
own; the learning rate is so small that all must find the same loss. Without `--run` a corpus is made
and packed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.train import report
from bench.train.options import add_options, check_options, device_of, peak_on, settings_of
from bench.train.settings import WAYS, Settings
from bench.train.shapes import SHAPES, TINY
from octomed.stream import open_run

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "bench/results/train.json"


def options(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.train", description=__doc__)
    large = [name for name in SHAPES if name != TINY]
    parser.add_argument("--model", nargs="+", choices=list(SHAPES), default=large, help="shapes to measure")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    add_options(parser, warm_up=3, steps=20)
    parser.add_argument(
        "--recompute",
        type=float,
        help="share of the layers to compute again in the backward pass; 1 on a GPU",
    )
    parser.add_argument("--out", type=Path, help=f"{RESULT.relative_to(ROOT)}; none for tiny or `--layers`")
    parser.add_argument(
        "--limit", type=float, default=900, help="seconds that a way may take, or is left out"
    )
    given = parser.parse_args(words)
    check_options(parser, given, [given.recompute or 0.0])
    return given


def environment(device: str) -> dict[str, str]:
    """What the ways run in: one GPU or none, no model hub, and this benchmark on the path."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    shown = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0] if device == "cuda" else ""
    return {**os.environ, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": shown, "HF_HUB_OFFLINE": "1"}


def measure(way: str, settings: Settings, folder: Path, limit: float) -> dict[str, Any]:
    """One way in a process of its own, which has so many seconds."""
    asked, answer, log = (folder / f"{way}.{ending}" for ending in ("settings", "result", "log"))
    settings.write(asked)
    answer.unlink(missing_ok=True)
    command = [sys.executable, "-m", "bench.train.child", way, str(asked), str(answer)]
    with log.open("wb") as said:
        try:
            ended = subprocess.run(
                command,
                env=environment(settings.device),
                stdout=said,
                stderr=said,
                check=False,
                timeout=limit,
            )
        except subprocess.TimeoutExpired:
            return {"skipped": f"not done after {limit:g} seconds"}
    if ended.returncode:
        lines = log.read_text(errors="replace").splitlines()
        print(*lines[-40:], sep="\n", file=sys.stderr)
        return {"failed": f"ended with {ended.returncode}: {lines[-1] if lines else 'no word'}"}
    return dict(json.loads(answer.read_text(encoding="utf-8")))


def entry_of(settings: Settings, *, made_here: bool) -> dict[str, Any]:
    """What a model's part of the result begins with."""
    kept = {key: value for key, value in vars(settings).items() if key not in {"cache", "run"}}
    run = {"traces": open_run(settings.run).streams, "made_here": made_here}
    return {"settings": kept, "run": run, "disagreement": None, "ways": {}}


def add_way(
    entry: dict[str, Any], way: str, one: dict[str, Any], settings: Settings, peak: float | None
) -> None:
    """Adds what a way found, with its figures, to a model's part of the result."""
    entry["ways"][way] = one
    if "steps" in one:
        one["figures"] = report.figures(one, settings.capacity, peak)
    else:
        print(*(f"{way}: {name}: {text}" for name, text in one.items()), sep="\n", file=sys.stderr)
    exact = settings.device == "cpu" and settings.dtype == "float32"
    entry["disagreement"] = report.disagreement(entry["ways"], exact=exact)


def main(words: Sequence[str] | None = None) -> None:
    """Measures, and writes the result after every way: what is cut off later keeps what it has."""
    given = options(words)
    device = device_of(given)
    peak = peak_on(device, given)
    if peak is None:
        print("note: the device's peak is not known, so there is no MFU: `--peak-tflops`", file=sys.stderr)
    result = report.about(device, peak) | {"models": {}}
    with tempfile.TemporaryDirectory(prefix="octomed-bench-") as name:
        for model in given.model:
            settings = settings_of(given, model, device, given.recompute, Path(name))
            entry = result["models"][model] = entry_of(settings, made_here=given.run is None)
            for way in given.ways:
                print(f"{model}: {way} ...", file=sys.stderr, flush=True)
                add_way(entry, way, measure(way, settings, Path(name), given.limit), settings, peak)
                write(result, given)
            print(report.table(model, entry["ways"]), flush=True)
    end(result["models"])


def end(models: dict[str, Any]) -> None:
    """Ends with exit code 1 when a way failed, or when ways did not do the same work."""
    wrong = [f"{model}: {one['disagreement']}" for model, one in models.items() if one["disagreement"]]
    for model, one in models.items():
        wrong += [
            f"{model}: {way} {found['failed']}" for way, found in one["ways"].items() if "failed" in found
        ]
    if wrong:
        raise SystemExit("error: " + "\n".join(wrong))


def write(result: dict[str, Any], given: argparse.Namespace) -> None:
    """Writes the file; what a small model did is kept only where one asks for it."""
    published = given.layers is None and TINY not in given.model
    out = given.out or (RESULT if published else None)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
