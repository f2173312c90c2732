"""The way from questions to a trained model, each step by the product itself: distil, pack, train."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.science.teacher import SEED
from bench.science.vocabulary import WORDS, write_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[2]
CAPACITY = 1024
"""Tokens of a pack; a step is one pack."""
_PROMPT = "{{ question }}"


def write_rows(file: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write rows as JSON Lines, and return the file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


@contextmanager
def teacher_server(world_seed: int) -> Iterator[str]:
    """Start a world's teacher as a server of this machine, and yield its endpoint."""
    command = [sys.executable, "-m", "tests.servers.teacher", "--answers", "bench.science.teacher:answer"]
    environment = {**os.environ, SEED: str(world_seed), "PYTHONPATH": _python_path()}
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)
    try:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
    finally:
        server.terminate()
        server.wait()


def _python_path() -> str:
    return os.pathsep.join([str(ROOT), str(ROOT / "python"), os.environ.get("PYTHONPATH", "")])


def distil(
    folder: Path, rows: Sequence[dict[str, Any]], world_seed: int, *, accepted: int, at_most: int
) -> Path:
    """Ask the teacher until each question has so many accepted samples, and return the file of samples.

    Parameters
    ----------
    folder
        Where questions and samples are written.
    rows
        Questions with their right answers.
    world_seed
        Of the teacher's world.
    accepted, at_most
        Accepted samples after which a question is asked no more, and samples of it at most.
    """
    from octomed.distill.recipe import load_distill_recipe
    from octomed.distill.run import distill

    asked = write_rows(folder / "questions.jsonl", rows)
    with teacher_server(world_seed) as endpoint:
        recipe = {
            "name": "science",
            "model": str(write_tokenizer(folder / "tokenizer")),
            "prompt": _PROMPT,
            "sources": [{"name": "world", "path": str(asked), "format": _QUESTIONS}],
            "curate": {"accept": {"answer": "match", "match": "exact"}},
            "teacher": {"endpoint": endpoint, "model": "teacher", "seeds": True},
            "samples": accepted,
            "until": {"accepted": accepted, "at_most": at_most},
            "output": {"path": str(folder / "samples")},
        }
        distill(load_distill_recipe(_written(folder / "distill.yaml", recipe)))
    return folder / "samples/samples.jsonl"


_QUESTIONS = {"question": "question", "answer": "answer", "response": "answer"}


def pack(folder: Path, name: str, source: Path, row_format: str, curate: dict[str, Any], **keys: Any) -> Path:
    """Pack a file of rows, and return the run's folder.

    Parameters
    ----------
    folder
        Where the run goes, below `packed`.
    name
        The run's name.
    source
        File of rows.
    row_format
        Name of their format.
    curate
        The rules of curation.
    **keys
        More keys of the recipe.
    """
    import octomed

    recipe = {
        "name": name,
        "model": str(write_tokenizer(folder / "tokenizer")),
        "prompt": _PROMPT,
        "sources": [{"name": "world", "path": str(source), "format": row_format}],
        **({"curate": curate} if curate else {}),
        "pack": {"capacity": CAPACITY, "buckets": [], "seed": 17},
        "output": {"path": str(folder / "packed" / name)},
        "work": {"path": str(folder / "work")},
        **keys,
    }
    octomed.pack(_written(folder / f"pack-{name}.yaml", recipe), workers=1)
    return folder / "packed" / name


def train(folder: Path, name: str, run: Path, steps: int, shape: dict[str, Any], **keys: Any) -> Path:
    """Train a model on a packed run, and return the exported folder.

    Parameters
    ----------
    folder
        Where runs and models go.
    name
        The training's name.
    run
        Output of `pack`.
    steps
        Packs that are trained on, one a step.
    shape
        `model` of the recipe: a configuration, or the folder of weights to begin with.
    **keys
        More keys of the recipe.
    """
    from octomed.train.recipe import load_train_recipe
    from octomed.train.run import train as run_training

    recipe = {
        "run_name": name,
        "run_folder": str(folder / "trained" / name),
        "max_seq_len": CAPACITY,
        "model": shape,
        "tokenizer": {"name": str(folder / "tokenizer")},
        "train_loader": {
            "dataset": {"remote": str(run), "local": str(folder / "cache"), "num_canonical_nodes": 1},
            "num_workers": 0,
        },
        "scheduler": {"name": "cosine_with_warmup", "t_warmup": "0.05dur", "alpha_f": 0.1},
        "algorithms": {"gradient_clipping": {"clipping_threshold": 1.0}},
        "max_duration": f"{steps}ba",
        "global_train_batch_size": 1,
        "precision": "fp32",
        "threads_per_rank": 1,
        "callbacks": {"report": None, "trace_log": None, "speed_monitor": None},
        "console_log_interval": f"{max(1, steps // 4)}ba",
        "export_folder": str(folder / "models" / name),
        **keys,
    }
    run_training(load_train_recipe(_written(folder / f"train-{name}.yaml", recipe)))
    return folder / "models" / name


def random_model(width: int, layers: int, heads: int) -> dict[str, Any]:
    """Return `model` of a training recipe: random weights of a small size."""
    return {
        "config": {
            "model_type": "qwen2",
            "vocab_size": len(WORDS),
            "hidden_size": width,
            "intermediate_size": 3 * width,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": heads,
            "max_position_embeddings": CAPACITY,
            "tie_word_embeddings": False,
            "eos_token_id": WORDS.index("<end>"),
            "pad_token_id": WORDS.index("<pad>"),
        }
    }


def _written(file: Path, recipe: dict[str, Any]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(recipe, indent=1), encoding="utf-8")  # YAML takes JSON
    return file
