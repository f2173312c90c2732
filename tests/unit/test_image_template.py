"""Chat templates with images against `transformers`; `rust/text/tests/images.rs` compares the ids."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from octomed import _octomed
from octomed.errors import DataError, RecipeError

from . import chat_oracle as oracle

IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"
NAMES = {"qwen2.5-vl": ("qwen2_5_vl", "qwen2.5"), "qwen3-vl": ("qwen3_vl", "qwen3")}
ROLES = ("system", "user", "assistant", "tool")


def parts_of(content, images):
    """Give the typed parts that `apply_chat_template` wants for a content with images at these bytes."""
    if not images:
        return content
    raw, before, parts = content.encode(), 0, []
    for at, _ in images:
        parts += [{"type": "text", "text": raw[before:at].decode()}] if at > before else []
        parts.append({"type": "image"})
        before = at
    return [*parts, *([{"type": "text", "text": raw[before:].decode()}] if before < len(raw) else [])]


def typed(messages, images):
    pairs = zip(messages, images, strict=True)
    return [{"role": role, "content": parts_of(content, own)} for (role, content), own in pairs]


PIECES = st.one_of(oracle.PIECES, st.sampled_from([IMAGE, *IMAGE.replace("><", "> <").split(), "<image>"]))


@st.composite
def conversations(draw, roles):
    """Draw turns, and for each turn its images: places in bytes, ascending, and tokens."""
    contents = st.lists(PIECES, max_size=4).map("".join)
    system = [("system", draw(contents))] * draw(st.integers(0, 1))
    middle = draw(st.lists(st.tuples(st.sampled_from(ROLES[1:]), contents), max_size=3))
    messages = [*system, ("user", draw(contents)), *middle, ("assistant", draw(contents))]
    images = []
    for role, content in messages:
        places = st.integers(0, len(content)).map(lambda at, text=content: len(text[:at].encode()))
        own = st.lists(st.tuples(places, st.integers(1, 9)), max_size=3).map(sorted)
        images.append(draw(own) if role in roles else [])
    return messages, images


def templates(name):
    published, vocabulary = NAMES[name]
    source = oracle.published(published)
    if source is None:
        pytest.skip("the trl package, which carries the published templates, is not installed")
    controls = _octomed.Tokenizer.builtin(vocabulary).special_tokens()
    built_in = _octomed.ChatTemplate(name, controls, builtin=True)
    return source, built_in, _octomed.ChatTemplate(source, controls, oracle.VARIABLES)


def takes(name):
    return ROLES if name == "qwen2.5-vl" else ("user", "tool")


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None)
@given(data=st.data(), supervise=st.sampled_from(["all", "last"]))
def test_templates_with_images_equal_transformers(name, data, supervise):
    source, built_in, compiled = templates(name)
    messages, images = data.draw(conversations(takes(name)))
    text, controls, spans = built_in.render(messages, supervise, images)
    assert text == oracle.apply(source, typed(messages, images))
    assert compiled.render(messages, supervise, images) == (text, controls, spans)
    raw = text.encode()
    vision = [(start, end) for start, end, number in controls if 151652 <= number <= 151656]
    assert b"".join(raw[start:end] for start, end in vision).decode() == IMAGE * sum(map(len, images))
    assert not any(start < b and a < end for start, end in vision for a, b in spans)


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_qwen3_vl_refuses_images_that_it_would_leave_out(role):
    source, built_in, compiled = templates("qwen3-vl")
    messages = [("system", "s"), ("user", "q"), ("assistant", "a")]
    images = [[(1, 4)] if own == role else [] for own, _ in messages]
    assert IMAGE not in oracle.apply(source, typed(messages, images))
    for template in (built_in, compiled):
        assert not template.takes_images(role)
        with pytest.raises(DataError, match=f"role `{role}` has an image"):
            template.render(messages, "all", images)


@pytest.mark.parametrize("name", ["qwen2.5", "qwen2_5"])
def test_templates_of_text_models_refuse_images(name):
    controls = _octomed.Tokenizer.builtin("qwen2.5").special_tokens()
    source = oracle.published(name) if name == "qwen2_5" else name
    if source is None:
        pytest.skip("trl is not installed")
    template = _octomed.ChatTemplate(source, controls, oracle.VARIABLES, builtin=source == name)
    with pytest.raises(RecipeError, match="writes no images"):
        template.render([("user", "q"), ("assistant", "a")], "all", [[(0, 4)], []])


@pytest.mark.parametrize("name", ["qwen2_5_vl_training", "qwen3_vl_training"])
@settings(deadline=None, max_examples=40)
@given(data=st.data(), supervise=st.sampled_from(["all", "last"]))
def test_training_templates_give_the_same(name, data, supervise):
    source = oracle.published(name)
    if source is None:
        pytest.skip("trl is not installed")
    short = name.replace("_training", "").replace("2_5", "2.5").replace("_", "-")
    _, built_in, _ = templates(short)
    messages, images = data.draw(conversations(takes(short)))
    controls = _octomed.Tokenizer.builtin(NAMES[short][1]).special_tokens()
    compiled = _octomed.ChatTemplate(source, controls, oracle.VARIABLES)
    assert compiled.render(messages, supervise, images) == built_in.render(messages, supervise, images)
