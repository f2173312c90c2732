"""What the command lines of this benchmark share, and the settings that follow from them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn

import torch
from bench.train.settings import Settings
from bench.train.shapes import SHAPES, TINY
from bench.train.traces import make_run
from bench.train.work import peak_of
from octomed.stream import Run, open_run


def add_options(parser: argparse.ArgumentParser, *, warm_up: int, steps: int) -> None:
    """Adds what every command takes.

    Parameters
    ----------
    parser
        Of the command.
    warm_up, steps
        What it measures unless told.
    """
    parser.add_argument("--layers", type=int, help="decoder layers instead of the shape's own")
    parser.add_argument("--run", type=Path, help="output of `octomed pack`; a corpus is packed unless told")
    parser.add_argument("--capacity", type=int, help="of that corpus's packs: 16,384, or 2,048 for tiny")
    parser.add_argument("--warm-up", type=int, default=warm_up, help="packs before the clock counts")
    parser.add_argument("--steps", type=int, default=steps, help="packs that are timed, one a step")
    parser.add_argument("--workers", type=int, default=2, help="loader processes")
    parser.add_argument("--device", choices=["cuda", "cpu"], help="a CPU trains `tiny` alone")
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], help="of weights and optimizer state")
    parser.add_argument(
        "--compile", action=argparse.BooleanOptionalAction, help="compile the layers; on a GPU unless told"
    )
    parser.add_argument("--without-liger", action="store_true", help="even where it is installed")
    parser.add_argument("--peak-tflops", type=float, help="what the device can do, for MFU")


def check_options(parser: argparse.ArgumentParser, given: argparse.Namespace, shares: list[float]) -> None:
    """Refuses numbers that cannot be; ends the program with the usage.

    Parameters
    ----------
    parser
        Of the command.
    given
        What `add_options` asked for.
    shares
        Of layers to compute twice.
    """
    if given.warm_up < 1 or given.steps < 1:
        parser.error("--warm-up and --steps are 1 or more")
    if not all(0 <= share <= 1 for share in shares):
        parser.error("--recompute is a share, from 0 to 1")


def device_of(given: argparse.Namespace) -> str:
    """Where to train; ends the program where there is no GPU for a large model."""
    tiny = given.model == [TINY]
    device: str = given.device or ("cpu" if tiny and not torch.cuda.is_available() else "cuda")
    if device == "cuda" and not torch.cuda.is_available():
        refuse(f"there is no CUDA device to measure {', '.join(given.model)} on")
    if device == "cpu" and not tiny:
        refuse(f"{', '.join(given.model)} would take days on a CPU")
    return device


def peak_on(device: str, given: argparse.Namespace) -> float | None:
    """Operations a second that the device can do, as told or by its name."""
    if given.peak_tflops:
        return float(given.peak_tflops) * 1e12
    return peak_of(torch.cuda.get_device_name()) if device == "cuda" else None


def refuse(reason: str) -> NoReturn:
    """Ends the program with exit code 2."""
    print(f"error: {reason}", file=sys.stderr)
    print("hint: `--model tiny --device cpu` tries the command out", file=sys.stderr)
    raise SystemExit(2)


def settings_of(
    given: argparse.Namespace, model: str, device: str, recompute: float | None, folder: Path
) -> Settings:
    """The settings of one model; makes the run where none is given.

    Parameters
    ----------
    given
        What `add_options` asked for.
    model
        A name of the shapes.
    device
        Where to train.
    recompute
        Share of layers to compute twice; None is all on a GPU, and none on a CPU.
    folder
        For the run, and for a cache of its shards.
    """
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
        capacity=opened.content.capacity,
        warm_up=given.warm_up,
        steps=given.steps,
        device=device,
        dtype=given.dtype or ("bfloat16" if on_gpu else "float32"),
        recompute=float(on_gpu) if recompute is None else recompute,
        compile=on_gpu if given.compile is None else given.compile,
        workers=given.workers,
        liger=not given.without_liger,
    )


def check_run(run: Run, model: str, wanted: int) -> None:
    """Refuses a run with too few packs, or of more token ids than the model has."""
    packs = sum(run.content.streams[name].packs for name in run.choose(None, "train"))
    if packs < wanted:
        refuse(f"`{run.location}` has {packs} packs, and {wanted} are wanted: take fewer `--steps`")
    known, vocabulary = (
        run.content.tokenizer.vocabulary_size,
        SHAPES[model]["text_config"]["vocab_size"],
    )
    if known > vocabulary:
        refuse(f"`{run.location}` has token ids up to {known:,}, and `{model}` knows {vocabulary:,}")
