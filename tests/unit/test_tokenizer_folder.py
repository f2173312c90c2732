"""Ids of whole tokenizer folders against `AutoTokenizer`, and folders that cannot be followed."""

from __future__ import annotations

import json
import logging
import os
import re
import string
import subprocess
import sys
import tempfile
from itertools import pairwise, takewhile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from octomed import _octomed
from octomed.errors import DataError, RecipeError
from octomed.pipeline.models.model import resolve_model

from . import tokenizer_folders as folders

transformers = pytest.importorskip("transformers")
logging.getLogger("transformers").setLevel(logging.ERROR)

TEMPLATES = (
    "{% for m in messages %}<|s|>{{ m.role }}\n{{ m.content }}<|e|>\n{% endfor %}",
    """{% for m in messages %}{% if m.role == 'user' %}<|s|> {{ m.content }} [/I]
{%- else %} {{ m.content }} <|e|>{% endif %}{% endfor %}""",
    "<|s|>{% for m in messages %}{{ m.role }}: {{ m.content | trim }}<|e|>{% endfor %}",
    "{% for m in messages %}{{ m.content }}<|e|>{% endfor %}",
    """{% for m in messages %}x<|s|>{{ m.role }}{% generation %} {{ m.content }}<|e|>{% endgeneration %}
{{ '\n' }}{% endfor %}""",
)


SETTINGS = settings(
    max_examples=int(os.environ.get("OCTOMED_CASES", "150")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def ours_of(folder):
    model = resolve_model(str(folder), None, base=folder)
    tokenizer = model.tokenizer()
    controls = tokenizer.special_tokens()
    return tokenizer, _octomed.ChatTemplate(model.template, controls, dict(model.variables))


def both(files, template, messages, *, renamed=None):
    """Encode with ours and with the whole folder by `AutoTokenizer`; ours is an error where it refuses."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "m"
        folders.write(folder, files, template)
        try:
            tokenizer, chat = ours_of(folder)
            ours = (*chat.encode(tokenizer, messages), *chat.render(messages))
        except (RecipeError, DataError) as error:
            ours = error
        for old, new in (renamed or {}).items():
            for file in folder.iterdir():
                text = file.read_text().replace(
                    old, new if file.suffix == ".jinja" else json.dumps(new)[1:-1]
                )
                file.write_text(text)
        theirs = transformers.AutoTokenizer.from_pretrained(str(folder))
    return ours, theirs


def special_in(messages, theirs):
    """Whether a turn holds the text of a special token, which stays text here."""
    return any(special in text for special in theirs.all_special_tokens for _, text in messages)


def measured(files):
    """Whether `tokenizers` measures tokens rightly: not where it loses characters, or marks bytes."""
    model = files["tokenizer.json"]["model"]
    marked = model.get("continuing_subword_prefix") or model.get("end_of_word_suffix")
    return model["type"] != "BPE" or (
        model["unk_token"] is not None and not (marked and model["byte_fallback"])
    )


def common_length(left, right):
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False))
    return sum(1 for _ in pairs)


def asked(messages):
    return [{"role": role, "content": text} for role, text in messages]


def turns():
    return st.lists(folders.contents(), min_size=2, max_size=4).map(
        lambda texts: [("user" if n % 2 == 0 else "assistant", text) for n, text in enumerate(texts)]
    )


@SETTINGS
@given(files=folders.folders(), template=st.sampled_from(TEMPLATES), messages=turns())
def test_ids_equal_those_of_the_whole_folder(files, template, messages):
    ours, theirs = both(files, template, messages)
    if isinstance(ours, RecipeError):
        # Where the normaliser leaves nothing of a token, `tokenizers` panics, or cuts every character.
        assert "leaves nothing" in ours.message or "while it is loaded" in ours.message
        return
    if special_in(messages, theirs):
        return
    expected = theirs.apply_chat_template(asked(messages), tokenize=True)
    if isinstance(ours, DataError) and "does not find it" in ours.message:
        controls = theirs.convert_tokens_to_ids(list(folders.CONTROLS))
        text = theirs.apply_chat_template(asked(messages), tokenize=False)
        written = sum(text.count(control) for control in folders.CONTROLS)
        assert sum(token in controls for token in expected) < written
    elif isinstance(ours, DataError):
        assert "no token for a character" in ours.message
    else:
        assert ours[0] == expected, theirs.convert_ids_to_tokens(expected)


@SETTINGS
@given(
    files=folders.folders(plain_controls=True),
    template=st.sampled_from(TEMPLATES),
    messages=turns(),
    typed=st.lists(st.sampled_from(folders.CONTROLS), min_size=1, max_size=2),
)
def test_typed_control_tokens_stay_text(files, template, messages, typed):
    messages = [(role, text + typed[n % len(typed)] + text) for n, (role, text) in enumerate(messages)]
    sentinels = dict(zip(folders.CONTROLS, ("\ue000", "\ue001"), strict=True))
    ours, theirs = both(files, template, messages, renamed=sentinels)
    if isinstance(ours, RecipeError | DataError):
        return
    if special_in(messages, theirs):
        return
    expected = theirs.apply_chat_template(asked(messages), tokenize=True)
    assert ours[0] == expected, theirs.convert_ids_to_tokens(expected)


@SETTINGS
@given(files=folders.folders(plain_controls=True), template=st.sampled_from(TEMPLATES), messages=turns())
def test_masks_equal_the_rule_over_offsets(files, template, messages):
    ours, theirs = both(files, template, messages)
    if isinstance(ours, RecipeError | DataError):
        return
    if special_in(messages, theirs) or not measured(files):
        return
    ids, spans, text, _, supervised = ours
    encoding = theirs(text, add_special_tokens=False, return_offsets_mapping=True)
    assert encoding["input_ids"] == ids
    supervised = [tuple(len(text.encode()[:edge].decode()) for edge in span) for span in supervised]
    answers = [turn for turn, (role, _) in enumerate(messages) if role == "assistant"]
    expected = [False] * len(ids)
    for (start, end), turn in zip(supervised, answers, strict=True):
        prompt = theirs.apply_chat_template(
            asked(messages[:turn]), tokenize=False, add_generation_prompt=True
        )
        written = common_length(prompt, text[:start])
        inside = [
            (start <= first or (written <= first and end_of > start and not text[written:start].strip()))
            and end_of <= end
            for first, end_of in encoding["offset_mapping"]
        ]
        marked = [n for n, is_inside in enumerate(inside) if is_inside]
        if marked:
            assert marked == list(range(marked[0], marked[-1] + 1)) or "zero"
            expected[marked[0] : marked[-1] + 1] = [True] * (marked[-1] + 1 - marked[0])
    found = [any(start <= n < end for start, end in spans) for n in range(len(ids))]
    assert found == expected, (
        theirs.convert_ids_to_tokens(ids),
        encoding["offset_mapping"],
        text,
        supervised,
    )


GENERATION = (
    "{% for m in messages %}<|s|>{{ m.role }}{% if m.role == 'assistant' %}"
    "{% generation %} {{ m.content }}<|e|>{% endgeneration %}"
    "{% else %} {{ m.content }}<|e|>{% endif %}\n{% endfor %}"
)


@SETTINGS
@given(files=folders.folders(plain_controls=True), messages=turns())
def test_masks_equal_those_of_generation_blocks(files, messages):
    ours, theirs = both(files, GENERATION, messages)
    if isinstance(ours, RecipeError | DataError) or special_in(messages, theirs):
        return
    ids, spans, text, _, supervised = ours
    encoding = theirs(text, add_special_tokens=False, return_offsets_mapping=True)
    offsets = encoding["offset_mapping"]
    edges = [len(text.encode()[:edge].decode()) for span in supervised for edge in span]
    if any(start < edge < end for start, end in offsets for edge in edges) or not measured(files):
        return
    if any(encoding.char_to_token(edge) is None for edge in edges[::2]):
        return  # it then marks nothing at all
    if any(left[1] > right[0] for left, right in pairwise(offsets)):
        return  # `char_to_token` names one of the tokens that share a character
    expected = theirs.apply_chat_template(
        asked(messages), return_dict=True, return_assistant_tokens_mask=True, tokenize=True
    )
    assert [int(any(start <= n < end for start, end in spans)) for n in range(len(ids))] == expected[
        "assistant_masks"
    ]


def bpe(*merges, **values):
    """Make a `tokenizer.json` of single characters and these merges."""
    words = ["<unk>", *dict.fromkeys([*folders.LETTERS, *string.ascii_letters])]
    vocabulary = {word: number for number, word in enumerate(words)}
    for left, right in merges:
        vocabulary.setdefault(left + right, len(vocabulary))
    model = {
        "type": "BPE",
        "unk_token": "<unk>",
        "vocab": vocabulary,
        "merges": [list(pair) for pair in merges],
    }
    added = [token(text, len(vocabulary) + n) for n, text in enumerate(folders.CONTROLS)]
    return {"version": "1.0", "added_tokens": added, "model": model | values.pop("model", {})} | values


def token(content, number=None, **flags):
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False) | {"special": True}
    return ({} if number is None else {"id": number}) | {"content": content} | plain | flags


METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
CHATML = (
    "{% for m in messages %}<|s|>{{ m.role }}\n{{ m.content }}<|e|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|s|>assistant\n{% endif %}"
)
LLAMA2 = (
    "{% for m in messages %}{% if m.role == 'user' %}<|s|>[INST] {{ m.content }} [/INST]{% else %}"
    "{{ ' ' + m.content + '<|e|>' }}{% endif %}{% endfor %}"
)
TURNS = [("user", "ab"), ("assistant", "It is"), ("user", "b"), ("assistant", "It")]
RECIPE = """version: 1
name: rows
model: m
sources:
  - {name: rows, path: rows.jsonl, format: messages, group: text}
pack: {capacity: 4096}
output: {path: run}
work: {path: work}
"""
CLASS = {"tokenizer_class": "PreTrainedTokenizerFast"}


def learned(files, template, messages):
    ours, theirs = both(files, template, messages)
    ids, spans, *_ = ours
    assert ids == theirs.apply_chat_template(asked(messages), tokenize=True)
    return [theirs.convert_ids_to_tokens(ids[start:end]) for start, end in spans]


def test_only_the_first_stretch_of_a_text_gets_its_blank():
    file = bpe(("▁", "\n"), ("▁", "u"), pre_tokenizer=METASPACE)
    ours, theirs = both({"tokenizer.json": file, "tokenizer_config.json": CLASS}, CHATML, TURNS)
    assert ours[0] == theirs.apply_chat_template(asked(TURNS), tokenize=True)
    assert file["model"]["vocab"]["▁\n"] not in ours[0]


def test_the_blank_before_an_answer_is_learned_where_no_prompt_writes_it():
    file = bpe(("▁", "I"), ("▁I", "t"), pre_tokenizer=METASPACE)
    answers = learned({"tokenizer.json": file, "tokenizer_config.json": CLASS}, LLAMA2, TURNS)
    assert answers == [["▁It", "▁", "i", "s", "<|e|>"], ["▁It", "<|e|>"]]


def test_the_line_break_of_a_header_is_not_learned():
    file = bpe(("\n", "\n"), pre_tokenizer=None)
    turns = [("user", "ab"), ("assistant", "\nIt"), ("user", "b"), ("assistant", "It")]
    answers = learned({"tokenizer.json": file, "tokenizer_config.json": CLASS}, CHATML, turns)
    assert answers == [["I", "t", "<|e|>"], ["I", "t", "<|e|>"]]


def test_a_token_of_the_config_alone_ends_the_turn_and_is_told(tmp_path):
    file = bpe()
    end = file["added_tokens"].pop()
    number = end.pop("id")
    for values in (
        {"added_tokens_decoder": {str(number - 1): token("<|s|>"), str(number): end}},
        {"additional_special_tokens": ["<|e|>"]},
        {"extra_special_tokens": {"turn_token": "<|e|>"}},
        {"eos_token": "<|e|>"},
    ):
        files = {"tokenizer.json": file, "tokenizer_config.json": CLASS | values}
        assert learned(files, CHATML, TURNS) == [["I", "t", " ", "i", "s", "<|e|>"], ["I", "t", "<|e|>"]]
        folders.write(tmp_path / "m", files, CHATML)
        (note,) = resolve_model("m", None, base=tmp_path).notes
        assert note.startswith("`<|e|>` is a token only in the files next to `tokenizer.json`")


def test_white_space_that_a_control_token_swallows_is_gone_and_the_token_learned():
    file = bpe()
    for added in file["added_tokens"]:
        added |= {"lstrip": True, "rstrip": True}
    turns = [("user", "ab "), ("assistant", " It \n")]
    answers = learned({"tokenizer.json": file, "tokenizer_config.json": CLASS}, CHATML, turns)
    assert answers == [[" ", "I", "t", "<|e|>"]]


def test_dropout_is_switched_off_and_told(tmp_path):
    files = {
        "tokenizer.json": bpe(("I", "t"), ("a", "b"), model={"dropout": 0.9}),
        "tokenizer_config.json": CLASS,
    }
    folders.write(tmp_path / "m", files, CHATML)
    model = resolve_model("m", None, base=tmp_path)
    assert "dropout" in "".join(model.notes)
    seen = {tuple(ours_of(tmp_path / "m")[1].encode(model.tokenizer(), TURNS)[0]) for _ in range(20)}
    files["tokenizer.json"]["model"]["dropout"] = None
    assert seen == {tuple(both(files, CHATML, TURNS)[0][0])}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"split_special_tokens": True}, "`split_special_tokens`"),
        ({"fix_mistral_regex": True}, "`fix_mistral_regex`"),
        ({"fast_tokenizer_files": ["tokenizer.json", "tokenizer.4.0.json"]}, "`tokenizer.4.0.json`"),
        ({"tokenizer_class": "LlamaTokenizer", "add_prefix_space": True}, "`add_prefix_space: true`"),
        ({"added_tokens_decoder": {"7": "<x>"}}, "are not as `transformers` writes them"),
        ({"added_tokens_decoder": {"x": token("<x>")}}, "are not as `transformers` writes them"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_name(values, said, tmp_path):
    folders.write(tmp_path / "m", {"tokenizer.json": bpe(), "tokenizer_config.json": CLASS | values}, CHATML)
    with pytest.raises(RecipeError, match=re.escape(said)):
        resolve_model("m", None, base=tmp_path)


def test_a_class_that_is_not_known_is_told(tmp_path):
    config = {"tokenizer_class": "MyTokenizer"}
    folders.write(tmp_path / "m", {"tokenizer.json": bpe(), "tokenizer_config.json": config}, CHATML)
    (note,) = resolve_model("m", None, base=tmp_path).notes
    assert note.startswith("the tokenizer's class `MyTokenizer` is not known here")


def test_check_and_plan_tell_of_the_tokenizer_s_files(tmp_path):
    file = bpe(model={"dropout": 0.1})
    file["added_tokens"].pop()
    files = {"tokenizer.json": file, "tokenizer_config.json": CLASS | {"eos_token": "<|e|>"}}
    folders.write(tmp_path / "m", files, CHATML)
    row = {"messages": [{"role": role, "content": text} for role, text in TURNS]}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    for command in ("check", "plan"):
        done = subprocess.run(
            [sys.executable, "-m", "octomed", command, str(recipe)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "note: `<|e|>` is a token only in the files next to" in done.stderr
        assert "`dropout`" in done.stderr


def test_of_many_tokens_three_are_told_and_the_rest_counted(tmp_path):
    config = CLASS | {"additional_special_tokens": [f"<{n}>" for n in range(1200)]}
    folders.write(tmp_path / "m", {"tokenizer.json": bpe(), "tokenizer_config.json": config}, CHATML)
    *first, last = resolve_model("m", None, base=tmp_path).notes
    assert [note.split("`")[1] for note in first] == ["<0>", "<1>", "<2>"]
    assert last.startswith("so are 1,197 more tokens")


@pytest.mark.parametrize("key", ["additional_special_tokens", "extra_special_tokens"])
def test_added_tokens_of_all_files_count(key, tmp_path):
    config = CLASS | {key: [f"<{n}>" for n in range(100_000)]}
    files = {"tokenizer.json": bpe(), "tokenizer_config.json": config}
    older = {"additional_special_tokens": [f"<<{n}>" for n in range(100_000)]}
    for more in ({}, {"special_tokens_map.json": older}):
        folders.write(tmp_path / "m", files | more, CHATML)
        with pytest.raises(RecipeError, match=r"[12]00,002 added tokens, more than 100,000"):
            resolve_model("m", None, base=tmp_path)
