"""Steps to figures, and figures to a table."""

from __future__ import annotations

import statistics
from typing import Any

import torch
from bench.compare.machine import describe, version
from bench.train.work import FORMULA, Work

TOLERANCE, ROUNDED_TOLERANCE = 1e-5, 1e-3
"""Largest relative difference of the ways' mean losses: of float32, and where bfloat16 rounds.

Traces that see each other move the loss of random weights by less than 1e-4: only the first finds them."""


PACKAGES = ("torch", "mosaicml", "accelerate", "flash-attn", "liger-kernel")


def about(device: str, peak: float | None) -> dict[str, Any]:
    """What the result file begins with."""
    found = describe()
    found["versions"] |= {package: version(package) for package in PACKAGES}
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    gpu = {"device": name, "cuda": torch.version.cuda if device == "cuda" else None}
    return found | gpu | {"peak_flops": peak, "flops": FORMULA}


def figures(found: dict[str, Any], capacity: int, peak: float | None) -> dict[str, Any]:
    """Medians over a way's timed steps, and shares of all of them.

    Parameters
    ----------
    found
        What the way's process wrote.
    capacity
        Tokens a step at most.
    peak
        Operations a second that the device can do; without it there is no MFU.
    """
    steps, work = found["steps"], Work(**found["work"])
    rates = [_operations(work, step) / step["seconds"] for step in steps]
    totals = {name: sum(step[name] for step in steps) for name in steps[0] if name != "loss"}
    return {
        "step_seconds": statistics.median(step["seconds"] for step in steps),
        "tokens_per_second": _median_rate(steps, "tokens"),
        "supervised_tokens_per_second": _median_rate(steps, "supervised"),
        "mfu": statistics.median(rates) / peak if peak else None,
        "padding_share": 1 - totals["tokens"] / totals["positions"],
        "fill": totals["tokens"] / (capacity * len(steps)),
        "wait_share": totals["waited"] / totals["seconds"],
        "loss": sum(step["loss"] * step["supervised"] for step in steps) / totals["supervised"],
        "traces": totals["traces"],
        "tokens": totals["tokens"],
        "supervised_tokens": totals["supervised"],
        "seconds": totals["seconds"],
    }


def disagreement(ways: dict[str, Any], *, exact: bool) -> str | None:
    """Says what the ways that ran did not have in common: traces, or the mean loss over them.

    Parameters
    ----------
    ways
        Results with their figures, by name.
    exact
        Whether all products are of float32.
    """
    ran = {name: one for name, one in ways.items() if "figures" in one}
    seen = {name: (one["traces_digest"], one["figures"]["tokens"]) for name, one in ran.items()}
    if len(set(seen.values())) > 1:
        return f"not the same traces: {seen}"
    losses = {name: one["figures"]["loss"] for name, one in ran.items()}
    most = max(losses.values(), default=0.0)
    if losses and most - min(losses.values()) > (TOLERANCE if exact else ROUNDED_TOLERANCE) * most:
        return f"not the same loss over the same traces: {losses}"
    return None


HEAD = (
    f"{'way':8}{'tokens/s':>10}{'learned/s':>11}{'MFU':>7}{'padding':>9}{'fill':>7}{'waiting':>9}"
    f"{'step':>9}{'memory':>9}  made with"
)


def table(model: str, ways: dict[str, Any]) -> str:
    """One line a way."""
    return "\n".join([model, HEAD, *(_line(name, one) for name, one in ways.items())])


def _line(name: str, one: dict[str, Any]) -> str:
    if "figures" not in one:
        return f"{name:8}" + "; ".join(f"{why}: {one[why]}" for why in ("skipped", "failed") if why in one)
    found, optimizer = one["figures"], one["optimizer"]
    mfu = "-" if found["mfu"] is None else f"{found['mfu']:.1%}"
    layers = f"{one['recompute']:.0%} recomputed" + (", compiled" if one["compile"] else "")
    return (
        f"{name:8}{found['tokens_per_second']:>10,.0f}{found['supervised_tokens_per_second']:>11,.0f}{mfu:>7}"
        f"{found['padding_share']:>9.1%}{found['fill']:>7.1%}{found['wait_share']:>9.1%}"
        f"{found['step_seconds']:>7.2f} s{one['peak_memory_gb']:>6.1f} GB"
        f"  {one['attention']}; loss {one['loss']}; {optimizer['name']} {optimizer['state']}; layers {layers}"
    )


def _operations(work: Work, step: dict[str, Any]) -> float:
    return work.operations(step["tokens"], step["supervised"], step["squares"])


def _median_rate(steps: list[dict[str, Any]], name: str) -> float:
    return statistics.median(step[name] / step["seconds"] for step in steps)
