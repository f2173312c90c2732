"""The Qwen2.5 vocabulary as `tokenizer.json` and as tiktoken ranks, from the package that carries it.

`dashscope` ships its publisher's rank file, so that every peer tokenizes with the same vocabulary and nothing
is downloaded from a model hub.
"""

from __future__ import annotations

import base64
import itertools
import json
from importlib.resources import files
from pathlib import Path

PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIAL = [
    "endoftext",
    "im_start",
    "im_end",
    "object_ref_start",
    "object_ref_end",
    "box_start",
    "box_end",
    "quad_start",
    "quad_end",
    "vision_start",
    "vision_end",
    "vision_pad",
    "image_pad",
    "video_pad",
]
NOT_SPECIAL = [
    "<tool_call>",
    "</tool_call>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
]
FIRST_ADDED = 151_643


def ranks() -> dict[bytes, int]:
    """Token bytes to rank."""
    text = (files("dashscope") / "resources" / "qwen.tiktoken").read_text(encoding="ascii")
    return {
        base64.b64decode(token): int(rank) for token, rank in (line.split() for line in text.splitlines())
    }


def added_tokens() -> list[tuple[str, bool]]:
    """Content of the added tokens in id order, and whether each is special."""
    return [(f"<|{name}|>", True) for name in SPECIAL] + [(name, False) for name in NOT_SPECIAL]


def byte_letters() -> list[str]:
    """The letter that stands for each byte in a byte-level vocabulary (the GPT-2 alphabet)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(byte) if byte in set(plain) else chr(next(spare)) for byte in range(256)]


def halves(vocabulary: dict[bytes, int], token: bytes, rank: int) -> tuple[bytes, bytes] | None:
    """The merge that makes `token`: the last step of encoding it with all earlier ranks."""
    cuts = [cut for cut in range(1, len(token)) if vocabulary.get(token[:cut], rank) < rank]
    cuts = [cut for cut in cuts if vocabulary.get(token[cut:], rank) < rank]
    if len(cuts) <= 1:
        return (token[: cuts[0]], token[cuts[0] :]) if cuts else None
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 2:
        pairs = [vocabulary.get(left + right, rank) for left, right in itertools.pairwise(parts)]
        best = min(range(len(pairs)), key=pairs.__getitem__)
        if pairs[best] >= rank:
            return None
        parts[best : best + 2] = [parts[best] + parts[best + 1]]
    return parts[0], parts[1]


def merges(vocabulary: dict[bytes, int]) -> list[tuple[bytes, bytes]]:
    """All merges in the order of their ranks."""
    made = (
        halves(vocabulary, token, rank)
        for token, rank in sorted(vocabulary.items(), key=lambda item: item[1])
    )
    return [pair for pair in made if pair is not None]


def added(token: str, number: int, *, special: bool) -> dict[str, object]:
    """One entry of `added_tokens`."""
    return {
        "id": number,
        "content": token,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": special,
    }


def tokenizer_json() -> dict[str, object]:
    """The vocabulary in the format of `tokenizers`."""
    letters, vocabulary = byte_letters(), ranks()

    def spell(token: bytes) -> str:
        return "".join(letters[byte] for byte in token)

    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated", "invert": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            added(token, FIRST_ADDED + index, special=special)
            for index, (token, special) in enumerate(added_tokens())
        ],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]},
        "post_processor": byte_level,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {spell(token): rank for token, rank in vocabulary.items()},
            "merges": [[spell(left), spell(right)] for left, right in merges(vocabulary)],
        },
    }


def write(folder: Path) -> Path:
    """Writes `tokenizer.json` and what transformers wants beside it, unless they stand; returns its path."""
    path = folder / "tokenizer.json"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "model_max_length": 131_072,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    written = path.with_suffix(".part")
    written.write_text(json.dumps(tokenizer_json(), ensure_ascii=False), encoding="utf-8")
    written.rename(path)
    return path
