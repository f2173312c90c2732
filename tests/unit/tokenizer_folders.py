"""Tokenizer folders that hypothesis makes up: models, pre-tokenizers, normalisers, added tokens."""

from __future__ import annotations

import json
import string
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from pathlib import Path

CONTROLS = ("<|s|>", "<|e|>")

# Characters of words, white space, marks, and what normalisers change.
LETTERS = "abItuser ▁\n\t.,!1é<>|/[]Ġ#" + "\u0301ﬁ中Ａ"

PIECES = (
    "It",
    " It",
    "▁It",
    "▁",
    "▁▁",
    "us",
    "er",
    "user",
    "▁user",
    "\n",
    "▁\n",
    "in",
    "##er",
    "er</w>",
    "ab",
    "a b",
    "\n\n",
    "▁a",
)

NORMALIZERS: list[Any] = [
    None,
    {"type": "NFC"},
    {"type": "NFKC"},
    {"type": "NFD"},
    {"type": "Lowercase"},
    {"type": "Strip", "strip_left": True, "strip_right": False},
    {"type": "Strip", "strip_left": False, "strip_right": True},
    {"type": "Strip", "strip_left": True, "strip_right": True},
    {"type": "StripAccents"},
    {"type": "Nmt"},
    {"type": "Prepend", "prepend": "▁"},
    {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
    {"type": "Replace", "pattern": {"Regex": "^\\s+|\\s+$"}, "content": ""},
    {"type": "Replace", "pattern": {"String": "a"}, "content": "It"},
    {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        "strip_accents": None,
        "lowercase": True,
    },
    {"type": "ByteLevel"},
    {
        "type": "Sequence",
        "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        ],
    },
]


def _metaspace(scheme: str, split: bool) -> dict[str, Any]:
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split}


def _split(pattern: str, behavior: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": False}


def _bytes(prefix: bool, regex: bool) -> dict[str, Any]:
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}


PRE_TOKENIZERS: list[Any] = [
    None,
    *[_metaspace(scheme, split) for scheme in ("first", "always", "never") for split in (False, True)],
    *[_bytes(prefix, regex) for prefix in (False, True) for regex in (False, True)],
    {"type": "Whitespace"},
    {"type": "WhitespaceSplit"},
    {"type": "BertPreTokenizer"},
    {"type": "CharDelimiterSplit", "delimiter": "e"},
    {"type": "Punctuation", "behavior": "Isolated"},
    {"type": "Digits", "individual_digits": True},
    {"type": "UnicodeScripts"},
    {"type": "FixedLength", "length": 3},
    *[
        _split("\\s+", behavior)
        for behavior in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
    ],
    {
        "type": "Sequence",
        "pretokenizers": [_split(" ?\\w+|\\s+|[^\\s\\w]+", "Isolated"), _bytes(False, False)],
    },
    {
        "type": "Sequence",
        "pretokenizers": [{"type": "Digits", "individual_digits": False}, _metaspace("first", True)],
    },
]


def _alphabet() -> list[str]:
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return [chr(code) for code in shown] + [chr(256 + n) for n in range(len(hidden))]


@st.composite
def models(draw: st.DrawFn) -> dict[str, Any]:  # noqa: C901 a choice for each key of a model
    """Draw a model: BPE, WordPiece, Unigram or WordLevel."""
    words = ["<unk>", *dict.fromkeys([*LETTERS, *string.ascii_letters, *PIECES])]
    kind = draw(st.sampled_from(["BPE", "BPE", "BPE", "WordPiece", "Unigram", "WordLevel"]))
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    if kind == "Unigram":
        pieces = draw(st.permutations(words[1:40] + list(PIECES)))
        fallback = draw(st.booleans())
        vocabulary = [["<unk>", 0.0], *[[word, -1.0 - n / 7] for n, word in enumerate(dict.fromkeys(pieces))]]
        vocabulary += [[token, -20.0] for token in byte_tokens] if fallback else []
        return {"type": kind, "unk_id": 0, "vocab": vocabulary, "byte_fallback": fallback}
    vocabulary = {word: number for number, word in enumerate(words)}
    if kind == "WordLevel":
        return {"type": kind, "vocab": vocabulary, "unk_token": "<unk>"}
    if kind == "WordPiece":
        prefix = draw(st.sampled_from(["##", ""]))
        for letter in LETTERS:
            vocabulary.setdefault(prefix + letter, len(vocabulary))
        return {
            "type": kind,
            "unk_token": "<unk>",
            "continuing_subword_prefix": prefix,
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        }
    fallback = draw(st.booleans())
    for word in [*_alphabet(), *(byte_tokens if fallback else [])]:
        vocabulary.setdefault(word, len(vocabulary))
    prefix, suffix = draw(
        st.sampled_from([(None, None), (None, None), (None, None), ("##", None), (None, "</w>")])
    )
    if prefix:
        for letter in LETTERS:
            vocabulary.setdefault(prefix + letter, len(vocabulary))
    if suffix:
        for letter in LETTERS:
            vocabulary.setdefault(letter + suffix, len(vocabulary))
    merges = [
        ["I", "t"],
        ["▁", "It"],
        ["Ġ", "It"],
        ["u", "s"],
        ["e", "r"],
        ["us", "er"],
        ["▁", "user"],
        ["▁", "\n"],
        ["▁", "▁"],
        ["Ċ", "Ċ"],
        ["\n", "\n"],
        ["▁", "a"],
    ]
    if prefix or suffix:
        merges = []
    merges = draw(st.permutations(merges))[: draw(st.integers(0, len(merges)))] if merges else []
    kept = []
    for left, right in merges:
        if left in vocabulary and right in vocabulary:
            vocabulary.setdefault(left + right, len(vocabulary))
            kept.append([left, right])
    return {
        "type": kind,
        "dropout": None,
        "unk_token": draw(st.sampled_from([None, "<unk>"])),
        "continuing_subword_prefix": prefix,
        "end_of_word_suffix": suffix,
        "fuse_unk": draw(st.booleans()),
        "byte_fallback": fallback,
        "ignore_merges": draw(st.booleans()),
        "vocab": vocabulary,
        "merges": kept,
    }


def flags(special: bool) -> st.SearchStrategy[dict[str, bool]]:
    """Draw the flags of an added token."""
    rare = st.sampled_from([False, False, False, True])
    return st.fixed_dictionaries(
        {
            "single_word": rare,
            "lstrip": rare,
            "rstrip": rare,
            "normalized": rare if special else st.booleans(),
            "special": st.just(special),
        }
    )


@st.composite
def folders(  # noqa: C901, PLR0912 a choice for each file and key
    draw: st.DrawFn, *, plain_controls: bool = False
) -> dict[str, Any]:
    """Draw the files of a folder by their names; `plain_controls` have no flags."""
    model = draw(models())
    texts = dict.fromkeys(CONTROLS, True) | dict.fromkeys(
        draw(
            st.lists(
                st.sampled_from(["<think>", "It", "ab", "\n", " a", "[/I]", "É"]), max_size=3, unique=True
            )
        ),
        False,
    )
    size = len(model["vocab"])
    tokens = []
    for text, special in texts.items():
        plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False) | {"special": True}
        tokens.append({"content": text, **(plain if special and plain_controls else draw(flags(special)))})
    where = draw(st.sampled_from(["file", "config", "split", "both", "legacy"]))
    in_file, beside = {
        "file": (tokens, []),
        "config": ([], tokens),
        "split": (tokens[1:], tokens),
        "both": (tokens, tokens),
        "legacy": (tokens[1:], tokens[:1]),
    }[where]
    numbers = {}
    for token in tokens:
        numbers[token["content"]] = size + len(numbers)
    vocabulary = (
        model["vocab"]
        if isinstance(model["vocab"], dict)
        else {entry[0]: n for n, entry in enumerate(model["vocab"])}
    )
    number, listed = size, []
    for token in in_file:
        if token["content"] in vocabulary:
            listed.append({"id": vocabulary[token["content"]], **token})
        else:
            listed.append({"id": number, **token})
            number += 1
    file = {
        "version": "1.0",
        "truncation": draw(
            st.sampled_from(
                [None, {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}]
            )
        ),
        "padding": draw(
            st.sampled_from(
                [
                    None,
                    {
                        "strategy": {"Fixed": 40},
                        "direction": "Right",
                        "pad_to_multiple_of": None,
                        "pad_id": 0,
                        "pad_type_id": 0,
                        "pad_token": "<unk>",
                    },
                ]
            )
        ),
        "added_tokens": listed,
        "normalizer": draw(st.sampled_from(NORMALIZERS)),
        "pre_tokenizer": draw(st.sampled_from(PRE_TOKENIZERS)),
        "post_processor": None,
        "decoder": None,
        "model": model,
    }
    config: dict[str, Any] = {
        "tokenizer_class": draw(
            st.sampled_from(
                [
                    "PreTrainedTokenizerFast",
                    "PreTrainedTokenizer",
                    "GPT2Tokenizer",
                    "Qwen2Tokenizer",
                    "GPTNeoXTokenizer",
                    "LlamaTokenizer",
                    "GemmaTokenizer",
                    "CohereTokenizer",
                    "BloomTokenizer",
                    "CodeGenTokenizer",
                    None,
                ]
            )
        )
    }
    if draw(st.booleans()):
        config["eos_token"] = draw(st.sampled_from([CONTROLS[1], "<eos>"]))
    if config["tokenizer_class"] is None:
        del config["tokenizer_class"]
    if config.get("tokenizer_class") != "LlamaTokenizer" and draw(st.integers(0, 3)) == 0:
        config["add_prefix_space"] = draw(st.booleans())
    files: dict[str, Any] = {"tokenizer.json": file, "tokenizer_config.json": config}
    if "tokenizer_class" not in config:
        files["config.json"] = {"model_type": draw(st.sampled_from(["qwen3", "llama", "gemma2", "gpt2"]))}
        config.pop("add_prefix_space", None)
    if where == "legacy":
        listed_names = [token["content"] for token in beside]
        config["additional_special_tokens"] = listed_names
        if draw(st.booleans()):
            files["added_tokens.json"] = {text: number + n for n, text in enumerate(listed_names)}
        if draw(st.booleans()):
            files["special_tokens_map.json"] = {
                "eos_token": CONTROLS[1],
                "additional_special_tokens": listed_names,
            }
    elif beside or draw(st.booleans()):
        decoder = {}
        for token in [*in_file, *beside]:
            changes = (
                where == "both" and not (plain_controls and token["special"]) and draw(st.integers(0, 5)) == 0
            )
            changed = draw(flags(token["special"])) if changes else {}
            decoder[str(numbers[token["content"]])] = {**token, **changed}
        config["added_tokens_decoder"] = decoder
    if draw(st.integers(0, 4)) == 0:
        config["extra_special_tokens"] = {"image_token": "<img>"}
    return files


def write(folder: Path, files: dict[str, Any], template: str) -> None:
    """Write a folder's files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value))
    (folder / "chat_template.jinja").write_text(template)


def contents() -> st.SearchStrategy[str]:
    """Draw a turn's text without control tokens."""
    piece = st.one_of(
        st.text(LETTERS, max_size=6), st.sampled_from([*PIECES, " ", "\n", "<think>", "[/I]", "ab"])
    )
    return st.lists(piece, max_size=6).map("".join)
