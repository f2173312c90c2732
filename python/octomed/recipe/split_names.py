"""Splits that names of files and folders say: for certain (`TestSet`), or in doubt (`unseen`, `labtest`)."""

from __future__ import annotations

import os
import re
import unicodedata

from octomed.recipe.kinds import COMPRESSED, KINDS

HELD_OUT = "heldout"
_WORDS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
    "heldout": HELD_OUT, "holdout": HELD_OUT,
}  # fmt: skip
_COMPOUND = re.compile(rf"({'|'.join(sorted(_WORDS, reverse=True))})(?:sets?|data|splits?|files?|s)?")
_WITHOUT_SPACES = {"训练": "train", "訓練": "train", "测试": "test", "測試": "test", "テスト": "test"}
_TRAIN = re.compile(r"train(?!ee|er|.*(?:te?st|val|dev))|.*(?<!s)train(?:ing|set)?$")
"""`trainfull` and `medqatrain`; no `strain`, and no `trainval`."""
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_HELD_OUT = re.compile(r"(?<![a-z])(?:held|hold)[\W_]*out(?![a-z])")
_DOUBT = re.compile(
    r"test(?!i(?!ng)|o|es$|am)"  # no `testicular`, `testosterone`, `testes`, `testament`
    r"|eval|held|holdout|holdback|withheld|unseen|bench(?:marks?)?$|hidden$|blind$|leaderboard|ood$|tst$"
    r"|(?:val|valid|dev)(?:mini|small|large|full|hard|easy|part|test|[a-z]$)"
    r"|.*(?:tests?|tests?set|(?:held|hold)out|evals?|dev|devset|valset|val|benchmark|评测|评估|验证|驗證|検証)$"
    r"|.*(?:评测|评估|验证|驗證|検証)"
)
_NO_DOUBT = re.compile(
    r"(?:la|con|pro|at|de|grea|fas|shor|ho|hot|fit|wet|fat|swee|smar|ligh|brigh|tigh|quie|nea)tests?$"
    r"|.*(?:inter|trie|survi|appro|remo|arri|revi|medie|carni|festi|(?<![a-z])ri|(?<![a-z])o|na|hea|prime)vals?$"
    r"|.*(?:std?|web)dev$"
)
"""Words that only end like a split's: `interval`, `latest`, `retrieval`."""
SHARD = re.compile(r"(.+?)-\d{5}-of-\d{5}(?:-[0-9a-f]+)?$")
_NUMBER = re.compile(r"(?<=.)[\W_]*\d*$")


def canonical(name: str) -> str:
    """Return the name that a split has here: `dev` is `validation` and `eval` is `test`, as in `datasets`."""
    return _WORDS.get(name.lower(), name)


def stem(relative: str) -> str:
    """Return a file's name without the endings that say its kind and compression; other dots stay."""
    name = os.path.basename(relative)
    for endings in (COMPRESSED, KINDS):
        front, ending = os.path.splitext(name)
        if ending.lower() in endings:
            name = front
    return name


def shards_of(name: str) -> str:
    """Return what all shards of a name have in common."""
    shard = SHARD.match(name)
    return shard[1] if shard else _NUMBER.sub("", name) or name


def split_named(relative: str) -> str | None:
    """Return the split that a file's own name says, or that of its nearest folder that says one."""
    *folders, _ = relative.split("/")
    for part in [stem(relative), *reversed(folders)]:
        found = _said(part)
        if len(found) == 1:
            return found.pop()
        if found:  # `dev-test` is no train at any rate; of `train-dev` nobody knows
            return None if "train" in found else shards_of(part)
    return None


def split_in_doubt(relative: str) -> str | None:
    """Return the name that stands for a split, if it may well be one next to files that have one."""
    *folders, _ = relative.split("/")
    for part in [stem(relative), *reversed(folders)]:
        if len(_said(part)) > 1 or any(
            _DOUBT.match(word) and not _NO_DOUBT.match(word) for word in _words(part)
        ):
            return shards_of(part)
    return None


def _words(part: str) -> list[str]:
    spaced = _CAMEL.sub(" ", unicodedata.normalize("NFKC", part)).lower()
    return [word for word in re.split(r"[\W_\d]+", _HELD_OUT.sub(f" {HELD_OUT} ", spaced)) if word]


def _said(part: str) -> set[str]:
    """Return the splits that a name says for certain."""
    words = _words(part)
    found = {_WORDS[match[1]] for word in words if (match := _COMPOUND.fullmatch(word))}
    found |= {split for word in words for text, split in _WITHOUT_SPACES.items() if text in word}
    return found or {"train" for word in words if _TRAIN.match(word)}
