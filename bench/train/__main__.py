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

import torch
from bench.compare.machine import describe, version
from bench.train import report
from bench.train.settings import WAYS, Settings
from bench.train.shapes import SHAPES, TINY
from bench.train.traces import make_run
from bench.train.work import FORMULA, peak_of
from octomed.stream import Run, open_run

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "bench/results/train.json"
PACKAGES = ("torch", "mosaicml", "accelerate", "flash-attn", "liger-kernel")


def options(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.train", description=__doc__)
    large = [name for name in SHAPES if name != TINY]
    parser.add_argument("--model", nargs="+", choices=list(SHAPES), default=large, help="shapes to measure")
    parser.add_argument("--layers", type=int, help="decoder layers instead of the shape's own")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--run", type=Path, help="output of `octomed pack`; a corpus is packed unless told")
    parser.add_argument("--capacity", type=int, help="of that corpus's packs: 16,384, or 2,048 for tiny")
    parser.add_argument("--warm-up", type=int, default=3, help="packs before the clock counts")
    parser.add_argument("--steps", type=int, default=20, help="packs that are timed, one a step")
    parser.add_argument("--workers", type=int, default=2, help="loader processes")
    parser.add_argument("--device", choices=["cuda", "cpu"], help="a CPU trains `tiny` alone")
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], help="of weights and optimizer state")
    parser.add_argument(
        "--recompute",
        type=float,
        help="share of the layers to compute again in the backward pass; 1 on a GPU",
    )
    parser.add_argument(
        "--compile", action=argparse.BooleanOptionalAction, help="compile the layers; on a GPU unless told"
    )
    parser.add_argument("--without-liger", action="store_true", help="even where it is installed")
    parser.add_argument("--peak-tflops", type=float, help="what the device can do, for MFU")
    parser.add_argument("--out", type=Path, help=f"{RESULT.relative_to(ROOT)}; none for tiny or `--layers`")
    given = parser.parse_args(words)
    if given.warm_up < 1 or given.steps < 1:
        parser.error("--warm-up and --steps are 1 or more")
    if not 0 <= (given.recompute or 0) <= 1:
        parser.error("--recompute is a share, from 0 to 1")
    return given


def device_of(given: argparse.Namespace) -> str:
    """Where to train; ends the program where there is no GPU for a large model."""
    tiny = given.model == [TINY]
    device: str = given.device or ("cpu" if tiny and not torch.cuda.is_available() else "cuda")
    if device == "cuda" and not torch.cuda.is_available():
        refuse(f"there is no CUDA device to measure {', '.join(given.model)} on")
    if device == "cpu" and not tiny:
        refuse(f"{', '.join(given.model)} would take days on a CPU")
    return device


def refuse(reason: str) -> None:
    """Ends the program with exit code 2."""
    print(f"error: {reason}", file=sys.stderr)
    print("hint: `--model tiny --device cpu` tries the command out", file=sys.stderr)
    raise SystemExit(2)


def settings_of(given: argparse.Namespace, model: str, device: str, folder: Path) -> Settings:
    """The settings of one model; makes the run where none is given."""
    on_gpu, wanted = device == "cuda", given.warm_up + given.steps
    run = given.run
    if run is None:
        capacity = given.capacity or (2048 if model == TINY else 16_384)
        run = folder / ("small" if model == TINY else "large") / "run"
        if not run.exists():
            run.parent.mkdir()
            make_run(run.parent, wanted, capacity, small_vocabulary=model == TINY)
    opened = open_run(run)
    check_run(opened, model, wanted)
    return Settings(
        model=model,
        layers=given.layers,
        run=str(run.resolve()),
        cache=str(folder / "cache"),
        capacity=int(opened.content["capacity"]),
        warm_up=given.warm_up,
        steps=given.steps,
        device=device,
        dtype=given.dtype or ("bfloat16" if on_gpu else "float32"),
        recompute=float(on_gpu) if given.recompute is None else given.recompute,
        compile=on_gpu if given.compile is None else given.compile,
        workers=given.workers,
        liger=not given.without_liger,
    )


def check_run(run: Run, model: str, wanted: int) -> None:
    """Refuses a run with too few packs, or of more token ids than the model has."""
    packs = sum(int(run.streams[name]["packs"]) for name in run.choose(None, "train"))
    if packs < wanted:
        refuse(f"`{run.location}` has {packs} packs, and {wanted} are wanted: take fewer `--steps`")
    known, vocabulary = (
        run.content["tokenizer"]["vocabulary_size"],
        SHAPES[model]["text_config"]["vocab_size"],
    )
    if known > vocabulary:
        refuse(f"`{run.location}` has token ids up to {known:,}, and `{model}` knows {vocabulary:,}")


def environment(device: str) -> dict[str, str]:
    """What the ways run in: one GPU or none, no model hub, and this benchmark on the path."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    shown = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0] if device == "cuda" else ""
    return {**os.environ, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": shown, "HF_HUB_OFFLINE": "1"}


def measure(way: str, settings: Settings, folder: Path) -> dict[str, Any]:
    """One way in a process of its own."""
    asked, answer, log = (folder / f"{way}.{ending}" for ending in ("settings", "result", "log"))
    settings.write(asked)
    answer.unlink(missing_ok=True)
    command = [sys.executable, "-m", "bench.train.child", way, str(asked), str(answer)]
    with log.open("wb") as said:
        ended = subprocess.run(
            command, env=environment(settings.device), stdout=said, stderr=said, check=False
        )
    if ended.returncode:
        lines = log.read_text(errors="replace").splitlines()
        print(*lines[-40:], sep="\n", file=sys.stderr)
        return {"failed": f"ended with {ended.returncode}: {lines[-1] if lines else 'no word'}"}
    return dict(json.loads(answer.read_text(encoding="utf-8")))


def contest(settings: Settings, ways: Sequence[str], peak: float | None, folder: Path) -> dict[str, Any]:
    """All ways of one model, with their figures."""
    found: dict[str, Any] = {}
    for way in ways:
        print(f"{settings.model}: {way} ...", file=sys.stderr, flush=True)
        found[way] = one = measure(way, settings, folder)
        if "steps" in one:
            one["figures"] = report.figures(one, settings.capacity, peak)
        else:
            print(*(f"{way}: {name}: {text}" for name, text in one.items()), sep="\n", file=sys.stderr)
    return found


def about(device: str, peak: float | None) -> dict[str, Any]:
    """What the result file begins with."""
    found = describe()
    found["versions"] |= {package: version(package) for package in PACKAGES}
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    gpu = {"device": name, "cuda": torch.version.cuda if device == "cuda" else None}
    return found | gpu | {"peak_flops": peak, "flops": FORMULA}


def main(words: Sequence[str] | None = None) -> None:
    """Measures and writes the result."""
    given = options(words)
    device = device_of(given)
    known = peak_of(torch.cuda.get_device_name()) if device == "cuda" else None
    peak = given.peak_tflops * 1e12 if given.peak_tflops else known
    if peak is None:
        print("note: the device's peak is not known, so there is no MFU: `--peak-tflops`", file=sys.stderr)
    result = about(device, peak) | {"models": {}}
    with tempfile.TemporaryDirectory(prefix="octomed-bench-") as name:
        for model in given.model:
            settings = settings_of(given, model, device, Path(name))
            ways = contest(settings, given.ways, peak, Path(name))
            kept = {key: value for key, value in vars(settings).items() if key not in {"cache", "run"}}
            run = {"traces": open_run(settings.run).content["streams"], "made_here": given.run is None}
            wrong = report.disagreement(ways, exact=device == "cpu" and settings.dtype == "float32")
            result["models"][model] = {"settings": kept, "run": run, "disagreement": wrong, "ways": ways}
            print(report.table(model, ways))
    write(result, given)
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
        print(f"wrote {out}")


if __name__ == "__main__":
    main()
