"""A plan of memory as people and programs read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from octomed.report.units import bytes_of, count
from octomed.train.plan_values import USABLE, fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from octomed.train.plan_advice import Advice
    from octomed.train.plan_values import Hardware, Load, Planned


def plan_lines(planned: Planned, load: Load, hardware: Hardware, memory: float | None) -> list[str]:
    """Return a plan, a line each: what is trained on what, what a GPU holds at most, and whether it fits.

    Parameters
    ----------
    planned
        The plan.
    load
        What a GPU is given.
    hardware
        Where it is to run.
    memory
        Bytes of a GPU, if known.
    """
    images = f", {count(load.patches)} patches of images" if load.patches else ""
    times = "once" if load.microbatches == 1 else f"{count(load.microbatches)} times"
    lines = [
        f"model: {count(planned.parameters)} parameters, {count(planned.trained)} of them trained",
        f"each of {hardware.gpus} GPUs: {count(load.tokens)} tokens{images} at once, {times} a step",
        f"most memory: {bytes_of(planned.most.total)} a GPU, in {planned.most.name}",
    ]
    ordered = sorted(planned.most.parts.items(), key=lambda one: -one[1])
    lines += [f"  {name:24}{bytes_of(size):>10}" for name, size in ordered]
    if memory is not None:
        verdict = "fits into" if fits(planned, memory) else "does not fit into"
        lines.append(
            f"{verdict} {bytes_of(memory)}, of which tensors get {bytes_of(USABLE * memory)}"
            " (the rest is CUDA's, and what lies between them)"
        )
    return lines


def advice_lines(found: Sequence[Advice]) -> list[str]:
    """Return what would make it fit, a line each."""
    if not found:
        return ["no setting makes it fit: take more GPUs with `fsdp_config={}`, or a smaller model"]
    return [f"would fit with {' '.join(one.settings)}: {bytes_of(one.most)}" for one in found]


def plan_json(
    planned: Planned, load: Load, memory: float | None, notes: Sequence[str], found: Sequence[Advice]
) -> dict[str, Any]:
    """Return a plan as plain values, sizes in bytes."""
    return {
        "parameters": planned.parameters,
        "trained": planned.trained,
        "tokens": load.tokens,
        "patches": load.patches,
        "microbatches": load.microbatches,
        "bytes": round(planned.most.total),
        "moment": planned.most.name,
        "parts": {name: round(size) for name, size in planned.most.parts.items()},
        "memory": None if memory is None else round(memory),
        "fits": None if memory is None else fits(planned, memory),
        "would_fit_with": [{"settings": list(one.settings), "bytes": round(one.most)} for one in found],
        "notes": list(notes),
    }
