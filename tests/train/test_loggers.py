"""Weights & Biases and MLflow, where they are installed: what a run measures arrives there, offline."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("composer")

from .ranks import run_ranks
from .sessions import train, write_recipe

STEPS = 3
SMALL = {"max_duration": f"{STEPS}ba", "save_folder": None, "autoresume": False}


def losses(folder: Path) -> list[float]:
    lines = (folder / "run/metrics.jsonl").read_text().splitlines()
    return [entry["loss/train/total"] for entry in map(json.loads, lines)]


def test_mlflow(packed, tmp_path):
    """Into a store of files."""
    pytest.importorskip("mlflow", reason="`pip install mlflow-skinny`, or mlflow")
    address = f"file://{tmp_path}/mlruns"
    settings = {"tracking_uri": address, "experiment_name": "octomed", "log_system_metrics": False}
    loggers = {"jsonl": {}, "mlflow": settings}
    allowed = {"MLFLOW_ALLOW_FILE_STORE": "true"}  # which MLflow 3 asks for before it writes files
    run_ranks(2, train, write_recipe(tmp_path, packed, **SMALL, loggers=loggers), environment=allowed)
    measured = list(Path(tmp_path, "mlruns").rglob("metrics/loss/train/total"))
    assert len(measured) == 1, "the first rank writes, and no other"
    found = [float(line.split()[1]) for line in measured[0].read_text().splitlines()]
    assert found == pytest.approx(losses(tmp_path))


def test_weights_and_biases(packed, tmp_path):
    """In its offline mode, which writes a file that `wandb sync` sends."""
    pytest.importorskip("wandb", reason="`pip install wandb`")
    settings = {"project": "octomed", "init_kwargs": {"mode": "offline", "dir": str(tmp_path)}}
    loggers = {"jsonl": {}, "wandb": settings}
    run_ranks(2, train, write_recipe(tmp_path, packed, **SMALL, loggers=loggers))
    files = list(Path(tmp_path, "wandb").glob("offline-run-*/*.wandb"))
    assert len(files) == 1, "the first rank writes, and no other"
    assert history_of(files[0]) == pytest.approx(losses(tmp_path))


def history_of(file: Path) -> list[float]:
    """Losses in a file of records: a key and a number in JSON, each twice, in the history and the summary."""
    numbers = re.findall(rb"loss/train/total\x82\x01.([\d.e-]+)", file.read_bytes())
    return list(dict.fromkeys(map(float, numbers)))
