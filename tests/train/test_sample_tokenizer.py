"""The embedded tokenizer is what its script writes, and packs the sample exactly."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import octomed
import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "python/octomed/sample/tokenizer"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_tokenizer", ROOT / "scripts/make_tokenizer.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_writes_these_bytes(script, tmp_path):
    script.write_tokenizer(script.make_tokenizer(ROOT / "python/octomed/sample"), tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


def test_it_has_4096_entries_and_its_controls_come_last(script):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    assert tokenizer.get_vocab_size() == 4096
    ids = [tokenizer.token_to_id(text) for text in script.CONTROLS]
    assert ids == list(range(4096 - len(ids), 4096))


def test_our_encoder_agrees_with_the_library_s(script):
    from tokenizers import Tokenizer

    theirs = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    theirs.encode_special_tokens = True
    texts = [*script.sample_texts(ROOT / "python/octomed/sample"), "心电图 <|reserved_1800|> œdème\n\t🩺"]
    ours = octomed.Tokenizer.from_file(str(FOLDER / "tokenizer.json")).encode_batch(texts)
    edges = list(ours.offsets)
    for number, text in enumerate(texts):
        expected = theirs.encode(text, add_special_tokens=False).ids
        assert list(ours.ids[edges[number] : edges[number + 1]]) == expected
