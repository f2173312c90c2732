"""Ids of whole tokenizer folders against `AutoTokenizer`, and what is said of folders that cannot be followed."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from octomed import _octomed
from octomed.errors import DataError, RecipeError
from octomed.pipeline.model import resolve_model

from . import tokenizer_folders as folders

transformers = pytest.importorskip("transformers")
logging.getLogger("transformers").setLevel(logging.ERROR)

TEMPLATES = (
    "{% for m in messages %}<|s|>{{ m.role }}\n{{ m.content }}<|e|>\n{% endfor %}",
    "{% for m in messages %}{% if m.role == 'user' %}<|s|> {{ m.content }} [/I]{% else %} {{ m.content }} <|e|>{% endif %}{% endfor %}",
    "<|s|>{% for m in messages %}{{ m.role }}: {{ m.content | trim }}<|e|>{% endfor %}",
    "{% for m in messages %}{{ m.content }}<|e|>{% endfor %}",
    "{% for m in messages %}x<|s|>{{ m.role }}{% generation %} {{ m.content }}<|e|>{% endgeneration %}\n{% endfor %}",
)


SETTINGS = settings(
    max_examples=int(os.environ.get("OCTOMED_CASES", "150")), deadline=None, suppress_health_check=list(HealthCheck)
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
                text = file.read_text().replace(old, new if file.suffix == ".jinja" else json.dumps(new)[1:-1])
                file.write_text(text)
        theirs = transformers.AutoTokenizer.from_pretrained(str(folder))
    return ours, theirs


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
    if any(special in text for special in theirs.all_special_tokens for _, text in messages):
        return  # typed special tokens stay text here
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
    if any(special in text for special in theirs.all_special_tokens for _, text in messages):
        return
    expected = theirs.apply_chat_template(asked(messages), tokenize=True)
    assert ours[0] == expected, theirs.convert_ids_to_tokens(expected)


@SETTINGS
@given(files=folders.folders(plain_controls=True), template=st.sampled_from(TEMPLATES), messages=turns())
def test_masks_equal_the_rule_over_offsets(files, template, messages):
    ours, theirs = both(files, template, messages)
    if isinstance(ours, RecipeError | DataError):
        return
    model = files["tokenizer.json"]["model"]
    marked = model.get("continuing_subword_prefix") or model.get("end_of_word_suffix")
    if model["type"] == "BPE" and (model["unk_token"] is None or (marked and model["byte_fallback"])):
        return  # the offsets of `tokenizers` count lost characters, and bytes with marks, wrongly
    if any(special in text for special in theirs.all_special_tokens for _, text in messages):
        return
    ids, spans, text, _, supervised = ours
    encoding = theirs(text, add_special_tokens=False, return_offsets_mapping=True)
    assert encoding["input_ids"] == ids
    supervised = [tuple(len(text.encode()[:edge].decode()) for edge in span) for span in supervised]
    answers = [turn for turn, (role, _) in enumerate(messages) if role == "assistant"]
    expected = [False] * len(ids)
    for (start, end), turn in zip(supervised, answers, strict=True):
        prompt = theirs.apply_chat_template(asked(messages[:turn]), tokenize=False, add_generation_prompt=True)
        written = len(os.path.commonprefix([prompt, text[:start]]))
        inside = [
            (start <= first or (written <= first and end_of > start and not text[first:start].strip())) and end_of <= end
            for first, end_of in encoding["offset_mapping"]
        ]
        marked = [n for n, is_inside in enumerate(inside) if is_inside]
        if marked:
            assert marked == list(range(marked[0], marked[-1] + 1)) or "zero"
            expected[marked[0] : marked[-1] + 1] = [True] * (marked[-1] + 1 - marked[0])
    found = [any(start <= n < end for start, end in spans) for n in range(len(ids))]
    assert found == expected, (theirs.convert_ids_to_tokens(ids), encoding["offset_mapping"], text, supervised)
