"""Ids of `octomed.Tokenizer` against `tokenizers`, over real vocabularies and hostile text."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tokenizers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from octomed.errors import DataError, RecipeError, StorageError
from octomed.pipeline.models.tokenizer import Tokenizer

from tests.unit.tokenizer_vocabularies import MAKERS, vocabulary

LONG = int(os.environ.get("OCTOMED_TOKENIZER_STRINGS", "1000000"))

HARD = st.sampled_from(
    [
        *(
            "the",
            " patient",
            "WORLD",
            "helloWorld",
            " of",
            "'s",
            "'LL",
            "'\u017f",
            "'\u212a",
            "n't",
            " ",
            "  ",
        ),
        *(
            "\n",
            "\r\n",
            " \n  \n",
            ".\n/",
            "\t",
            "\u00a0",
            "\u3000",
            "\u0085",
            "\u200b",
            "\ufeff",
            "\0",
            "\x7f",
        ),
        *(
            "1",
            "1234567",
            "٣",
            "१२",
            "½",
            "Ⅷ",
            "𝟘",
            ",",
            "...",
            " ((",
            "/",
            "<",
            "|>",
            "中文字符",
            "患者。",
            "ひらがな",
        ),
        *(
            "カ・",
            "\u3099",
            "한국어",
            "\u1112\u1161\u11ab",
            "\uac00\u11a8",
            "e\u0301",
            "\u0301",
            "a\u0323\u0307",
        ),
        *(
            "a\u0307\u0323",
            "\u0958",
            "\u2126",
            "\uf900",
            "\U0002f80c",
            "\u0344",
            "ﬁ",
            "İ",
            "ǅ",
            "ʰ",
            "ª",
            "Привет",
        ),
        *(
            "שָׁלוֹם",
            "हिन्दी",
            "ไทย",
            "👩\u200d⚕\ufe0f",
            "🇨🇭",
            "\U0010ffff",
            "\ue000",
            "\U00010d4a",
            "\u0897",
            "\U00018d09",
        ),
        *(
            "<|im_end|>",
            "<|endoftext|>",
            "<|im_start|>",
            "<tool_call>",
            "</tool_call",
            "<think>",
            "<EOT>",
            "<｜User｜>",
        ),
    ]
)
TEXT = st.lists(
    st.one_of(
        HARD,
        HARD,
        HARD,
        st.text(max_size=8),
        st.text(alphabet="abcdefgABCDEFG '", max_size=20),
        st.builds(lambda piece, times: piece * times, HARD, st.integers(1, 60)),
    ),
    max_size=24,
).map("".join)


def both(name: str) -> tuple[Tokenizer, tokenizers.Tokenizer]:
    content = vocabulary(name)
    if content is None:
        pytest.skip("the package that carries the vocabulary is not installed")
    path = Path(os.environ["OCTOMED_TEST_FOLDER"]) / f"{name}.json"
    path.write_text(content, encoding="utf-8")
    theirs = tokenizers.Tokenizer.from_str(content)
    theirs.encode_special_tokens = True
    return Tokenizer.from_file(path), theirs


@pytest.fixture(scope="module", params=list(MAKERS))
def pair(request, tmp_path_factory):
    os.environ["OCTOMED_TEST_FOLDER"] = str(tmp_path_factory.mktemp("vocabularies"))
    return request.param, *both(request.param)


def their_ids(theirs: tokenizers.Tokenizer, texts: list[str]) -> list[list[int]]:
    return [one.ids for one in theirs.encode_batch_fast(texts, add_special_tokens=False)]


def test_known_vocabularies_take_the_fast_path(pair) -> None:
    name, ours, _ = pair
    expected = 'tokenizers crate: its normaliser is "NFKC"' if name == "anthropic" else "byte-level BPE"
    assert ours.path == expected


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=st.lists(TEXT, min_size=1, max_size=8))
def test_ids_equal(pair, texts: list[str]) -> None:
    _, ours, theirs = pair
    batch = ours.encode_batch(texts)
    assert [ids.tolist() for ids in batch] == their_ids(theirs, texts)


@pytest.mark.long
def test_ids_equal_for_many_strings(pair) -> None:
    """`pytest -m long`: OCTOMED_TOKENIZER_STRINGS strings for each vocabulary, a million by default."""
    name, ours, theirs = pair
    random = np.random.default_rng(len(name))
    pieces = [*HARD.elements] + [chr(code) for code in random.integers(1, 0xD800, 600)]
    pieces += [chr(code) for code in random.integers(0xE000, 0x110000, 400)]
    for _ in range(max(1, LONG // 1000)):
        lengths = random.integers(1, 16, 1000)
        texts = ["".join(pieces[at] for at in random.integers(0, len(pieces), length)) for length in lengths]
        batch = ours.encode_batch(pa.array(texts))
        theirs_now = their_ids(theirs, texts)
        assert batch.offsets[-1] == sum(map(len, theirs_now))
        for text, ids, expected in zip(texts, batch, theirs_now, strict=True):
            assert ids.tolist() == expected, repr(text)


@pytest.mark.parametrize("run", ["a", " ", "\n", "中", "!", "9", "e\u0301", "\0"])
def test_runs_of_a_megabyte(pair, run: str) -> None:
    name, ours, theirs = pair
    if name not in {"qwen", "deepseek", "tekken"}:
        pytest.skip("three patterns are enough for a slow oracle")
    text = run * ((1 << 20) // len(run.encode()))
    assert ours.encode_batch([text])[0].tolist() == their_ids(theirs, [text])[0]


def forms(texts: list[str]) -> list[object]:
    chunked = pa.chunked_array([texts[:1], texts[1:]], type=pa.string())
    arrays = [pa.array(texts, kind) for kind in (pa.string(), pa.large_string(), pa.string_view())]
    sliced = pa.array(["before", *texts, "after"]).slice(1, len(texts))
    return [texts, tuple(texts), chunked, sliced, *arrays]


def test_every_form_of_strings_gives_the_same() -> None:
    tokenizer = Tokenizer.builtin("qwen3")
    texts = ["Fever, 39.5 °C", "", "患者", "a longer string than a view holds inline"]
    expected = [ids.tolist() for ids in tokenizer.encode_batch(texts)]
    for form in forms(texts):
        for threads in (None, 1, 3):
            batch = tokenizer.encode_batch(form, threads=threads)
            assert [ids.tolist() for ids in batch] == expected
            assert (batch.ids.dtype, batch.offsets.dtype, len(batch)) == (np.uint32, np.int64, 4)
    assert [tokenizer.decode(ids) for ids in batch] == texts
    assert len(tokenizer.encode_batch([])) == 0


def test_bad_rows_are_named() -> None:
    tokenizer = Tokenizer.builtin("qwen2.5")
    broken = pa.array([b"fine", b"\xff\xfe"]).cast(pa.binary()).view(pa.string())
    for rows, message in [
        (["fine", "\ud800"], "row 1"),
        (["fine", None], "row 1"),
        (pa.array(["fine", None]), "row 1 is null"),
        (broken, "row 1 is not UTF-8"),
    ]:
        with pytest.raises(DataError, match=message):
            tokenizer.encode_batch(rows)
    with pytest.raises(DataError, match="threads is 0"):
        tokenizer.encode_batch(["a"], threads=0)
    with pytest.raises(DataError, match="token id 4000000000"):
        tokenizer.decode([4_000_000_000])


def test_bad_files_are_refused(tmp_path) -> None:
    with pytest.raises(StorageError, match="cannot read the tokenizer"):
        Tokenizer.from_file(tmp_path / "absent.json")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(RecipeError, match="cannot be used"):
        Tokenizer.from_file(tmp_path)
    with pytest.raises(RecipeError, match="qwen2.5"):  # noqa: RUF043
        Tokenizer.builtin("gpt-5")


BPE = {
    "added_tokens": [],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True},
    "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True},
    "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []},
}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "a git-LFS pointer"),
        (b"\xef\xbb\xbf{}", "begins with a byte order mark"),
        ("{}".encode("utf-16"), "text in UTF-16"),
        (b"", "is empty"),
        (b"<!DOCTYPE html><html></html>", "an HTML page"),
        (b"[]", "expected struct"),
        (json.dumps(BPE | {"model": BPE["model"] | {"vocab": {"a": 0, "b": 2**32}}}).encode(), ""),
    ],
)
def test_a_file_that_is_no_tokenizer_is_named(tmp_path, content, said):
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        Tokenizer.from_file(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_built_in_has_the_published_ids() -> None:
    tokenizer = Tokenizer.builtin("qwen2.5")
    assert (tokenizer.vocabulary_size, Tokenizer.builtin("qwen3").vocabulary_size) == (151_665, 151_669)
    assert tokenizer.token_to_id("Hello") == 9707
    assert tokenizer.special_tokens["<|im_start|>"] == 151_644
    assert 151_645 not in tokenizer.encode_batch(["<|im_end|>"]).ids


def test_one_text_is_encoded_as_one_of_many():
    tokenizer = Tokenizer.builtin("qwen2.5")
    for text in ("Fever and a stiff neck.", "", "<|im_end|> 心电图 \n"):
        assert tokenizer.encode(text).tolist() == tokenizer.encode_batch([text])[0].tolist()


@pytest.mark.parametrize("text", ["text", "", b"text", bytearray(b"text")])
def test_one_text_where_many_are_wanted_is_refused(text):
    """A text is a sequence as well, of characters."""
    with pytest.raises(DataError, match="takes many texts") as caught:
        Tokenizer.builtin("qwen2.5").encode_batch(text)
    assert "encode_batch([text])" in caught.value.hint


@pytest.mark.parametrize("texts", [["a"], ("a",), pa.array(["a"]), None, 3, b"a"])
def test_many_texts_where_one_is_wanted_are_refused(texts):
    with pytest.raises(DataError, match="`encode` takes one text"):
        Tokenizer.builtin("qwen2.5").encode(texts)
