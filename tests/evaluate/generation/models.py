"""Tiny models in folders, and transformers' own generation to compare with."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import octomed
import torch

from tests.train import tiny

if TYPE_CHECKING:
    from collections.abc import Sequence

TOKENIZER = Path(octomed.__file__).parent / "sample/tokenizer"
VOCABULARY = 4096
END = 4090
"""`<|im_end|>` of the sample's tokenizer."""
TEXT_FAMILIES = {
    "qwen2": tiny.configuration("qwen2"),
    "qwen3": tiny.configuration("qwen2") | {"model_type": "qwen3", "head_dim": 16},
    "llama": tiny.configuration("llama"),
}


def with_tokenizer(folder: Path) -> Path:
    for file in TOKENIZER.iterdir():
        shutil.copy(file, folder)
    return folder


def text_folder(folder: Path, family: str, **values: Any) -> Path:
    """Write a model of random weights; they are scaled up, so that what is likeliest differs by token."""
    from octomed.train.build import build_model, read_configuration

    configuration = TEXT_FAMILIES[family] | {"vocab_size": VOCABULARY, "initializer_range": 0.2} | values
    build_model(read_configuration(None, configuration)).save_pretrained(folder)
    return with_tokenizer(folder)


def stock(folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, attn_implementation="sdpa", dtype=dtype).eval()


def greedy(model: Any, prompt: Sequence[int], most: int, **images: Any) -> list[int]:
    """What transformers generates for a prompt alone, its end left out."""
    made = model.generate(
        torch.tensor([list(prompt)]),
        max_new_tokens=most,
        do_sample=False,
        eos_token_id=END,
        pad_token_id=0,
        **images,
    )
    ids = made[0, len(prompt) :].tolist()
    return ids[:-1] if ids[-1] == END else ids
