"""Real vocabularies that install as packages, as `tokenizer.json` files for both sides of a comparison."""

from __future__ import annotations

import base64
import importlib.util
import json
from collections.abc import Callable  # noqa: TC003
from functools import cache
from pathlib import Path
from typing import Any

File = dict[str, Any]

CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN = CL100K.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def installed(package: str) -> Path | None:
    """Return the folder of a package, without importing it."""
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def alphabet() -> list[str]:
    """Return the character that stands for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


ALPHABET = alphabet()


def written(token: bytes) -> str:
    return "".join(ALPHABET[byte] for byte in token)


def last_merge(token: bytes, ranks: dict[bytes, int]) -> tuple[bytes, bytes] | None:
    """Return the two parts that merge last, or None where ranks do not lead to the token."""
    limit = ranks[token]
    parts = [token[at : at + 1] for at in range(len(token))]
    while len(parts) > 2:
        joined = [ranks.get(left + right, limit) for left, right in zip(parts, parts[1:], strict=False)]  # noqa: RUF007
        best = min(joined)
        if best >= limit:
            return None
        at = joined.index(best)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts[0], parts[1]


def from_ranks(ranks: dict[bytes, int], pattern: str, *, nfc: bool = False) -> File:
    """Write ranks as tiktoken publishes them as the file of a byte-level BPE."""
    ordered = sorted(ranks, key=ranks.__getitem__)
    merges = [last_merge(token, ranks) for token in ordered if len(token) > 1]
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    as_bytes = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    size = max(ranks.values()) + 1
    added = [("<|endoftext|>", True), ("<|im_end|>", True), ("<tool_call>", False)]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": len(ordered) + n, "content": content, "special": special, "single_word": False}
            | {"lstrip": False, "rstrip": False, "normalized": False}
            for n, (content, special) in enumerate(added)
        ]
        if size == len(ordered)
        else [],
        "normalizer": {"type": "NFC"} if nfc else None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, as_bytes]},
        "post_processor": None,
        "decoder": as_bytes,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {written(token): rank for token, rank in ranks.items()},
            "merges": [[written(left), written(right)] for left, right in filter(None, merges)],
        },
    }


def read_ranks(path: Path) -> dict[bytes, int]:
    pairs = (line.split() for line in path.read_bytes().splitlines())
    return {base64.b64decode(token): int(rank) for token, rank in pairs}


def qwen() -> File | None:
    folder = installed("dashscope")
    return folder and from_ranks(read_ranks(folder / "resources" / "qwen.tiktoken"), QWEN, nfc=True)


def litellm_file(name: str) -> Path | None:
    folder = installed("litellm")
    return folder and folder / "litellm_core_utils" / "tokenizers" / name


def litellm_ranks(name: str, pattern: str) -> File | None:
    path = litellm_file(name)
    return path and from_ranks(read_ranks(path), pattern)


def litellm_json(name: str) -> File | None:
    path = litellm_file(name)
    return path and json.loads(path.read_text(encoding="utf-8"))


def llama_like() -> File | None:
    """cl100k with Llama-3's flag: a word that is a token becomes it, whatever the merges say."""
    file = litellm_ranks("9b5ad71b2ce5302211f9c61530b329a4922fc6a4", CL100K)
    return file and file | {"model": file["model"] | {"ignore_merges": True}}


def anthropic_without_nfkc() -> File | None:
    """The Anthropic vocabulary cuts words as GPT-2 does."""
    file = litellm_json("anthropic_tokenizer.json")
    return file and file | {"normalizer": None}


def tekken() -> File | None:
    folder = installed("mistral_common")
    if folder is None:
        return None
    content = json.loads((folder / "data" / "tekken_240911.json").read_text(encoding="utf-8"))
    size = content["config"]["default_vocab_size"] - content["config"]["default_num_special_tokens"]
    ranks = {base64.b64decode(entry["token_bytes"]): entry["rank"] for entry in content["vocab"][:size]}
    return from_ranks(ranks, content["config"]["pattern"])


MAKERS: dict[str, Callable[[], File | None]] = {
    "qwen": qwen,
    "cl100k": lambda: litellm_ranks("9b5ad71b2ce5302211f9c61530b329a4922fc6a4", CL100K),
    "o200k": lambda: litellm_ranks("fb374d419588a4632f3f557e76b4b70aebbca790", O200K),
    "llama-like": llama_like,
    "deepseek": lambda: litellm_json("deepseek_tokenizer.json"),
    "anthropic": lambda: litellm_json("anthropic_tokenizer.json"),
    "anthropic without NFKC": anthropic_without_nfkc,
    "tekken": tekken,
}


@cache
def vocabulary(name: str) -> str | None:
    """Return the file of a vocabulary as JSON text, or None where its package is not installed."""
    file = MAKERS[name]()
    return None if file is None else json.dumps(file, ensure_ascii=False)
