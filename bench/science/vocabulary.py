"""The world's own vocabulary, one word a token, as a model folder that the product reads like any other."""

from __future__ import annotations

import json
from pathlib import Path

from bench.science.teacher import OPENINGS
from bench.science.world import ACTIONS, DRUGS, MECHANISMS, ORDER, STATES

SPECIAL = ("<pad>", "<ask>", "<reply>", "<end>")
_OTHERS = (
    "<unk>",
    "<think>",
    "</think>",
    "Answer:",
    ":",
    "?",
    ",",
    "to",
    "end",
    "chain",
    "walk",
    "effects",
    "rest",
)
WORDS = (*SPECIAL, *_OTHERS, *STATES, *ACTIONS, *MECHANISMS, *DRUGS, *ORDER, *OPENINGS)
TEMPLATE = (
    "{% for message in messages %}{{ ('<ask> ' if message.role == 'user' else '<reply> ') + message.content"
    " + ' <end>' }}{% endfor %}{% if add_generation_prompt %}{{ '<reply> ' }}{% endif %}"
)


def write_tokenizer(folder: Path) -> Path:
    """Write the folder of a tokenizer, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    added = [
        {"id": place, "content": word, "single_word": False, "lstrip": False, "rstrip": False}
        | {"normalized": False, "special": True}
        for place, word in enumerate(SPECIAL)
    ]
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "WordLevel",
            "vocab": {word: place for place, word in enumerate(WORDS)},
            "unk_token": "<unk>",
        },
    }
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<end>",
        "pad_token": "<pad>",
        "chat_template": TEMPLATE,
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, indent=1), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")
    return folder
