"""Answers of a trained model to questions, sampled here and judged by the rule that accepted its traces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.science.vocabulary import WORDS
from octomed.answers import judge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MOST_TOKENS = 112
"""A response that is longer is cut: the longest trace of the teacher has 90 tokens, a padded one 105."""
TEMPERATURE = 0.6
_ID = {word: place for place, word in enumerate(WORDS)}
_END = _ID["<end>"]


@dataclass(frozen=True)
class Sampled:
    """A response: its words, its tokens with the one that ends it, and whether it ended."""

    text: str
    tokens: int
    is_whole: bool

    def is_right(self, answer: str) -> bool:
        """Tell whether its final answer is the right one."""
        state = judge(self.text, answer, match="exact", finished=self.is_whole)
        return state == "right"


def prompt_ids(question: str) -> list[int]:
    """Return a question's ids as training renders it, up to where the response begins."""
    return [_ID[word] for word in f"<ask> {question} <end> <reply>".split()]


def generate(
    folder: Path, questions: Sequence[str], *, seed: int, temperature: float = TEMPERATURE
) -> list[Sampled]:
    """Sample a response to each question.

    Parameters
    ----------
    folder
        An exported model.
    questions
        Their words.
    seed
        What is drawn follows from it.
    temperature
        0 takes the likeliest token.
    """
    import torch
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="sdpa"
    ).eval()
    lots = torch.Generator().manual_seed(seed)
    prompts = [prompt_ids(question) for question in questions]
    found: list[Sampled | None] = [None] * len(prompts)
    with torch.inference_mode():
        for length in sorted({len(prompt) for prompt in prompts}):  # of one length, so that nothing is padded
            places = [place for place, prompt in enumerate(prompts) if len(prompt) == length]
            ids = torch.tensor([prompts[place] for place in places])
            for place, response in zip(places, _responses(model, ids, temperature, lots), strict=True):
                found[place] = _sampled(response)
    return [one for one in found if one is not None]


def _responses(model: Any, ids: Any, temperature: float, lots: Any) -> list[list[int]]:
    import torch
    from transformers import DynamicCache

    cache, drawn, open_rows = DynamicCache(), [], torch.ones(len(ids), dtype=torch.bool)
    for _ in range(MOST_TOKENS):
        logits = model(input_ids=ids, past_key_values=cache, use_cache=True).logits[:, -1]
        if temperature:
            ids = torch.multinomial((logits / temperature).softmax(-1), 1, generator=lots)
        else:
            ids = logits.argmax(-1, keepdim=True)
        drawn.append(ids[:, 0])
        open_rows &= ids[:, 0] != _END
        if not open_rows.any():
            break
    return torch.stack(drawn, dim=1).tolist()


def _sampled(response: list[int]) -> Sampled:
    is_whole = _END in response
    ids = response[: response.index(_END)] if is_whole else response
    return Sampled(" ".join(WORDS[one] for one in ids), len(ids) + is_whole, is_whole)
