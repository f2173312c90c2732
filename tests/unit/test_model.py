"""`model:` and `template:`: what each form of them resolves to, and what is said when it cannot be."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest
from octomed import _octomed
from octomed.errors import RecipeError
from octomed.pipeline.models.model import (
    BUILTIN_MODELS,
    BUILTIN_TEMPLATES,
    PUBLISHED_TEMPLATES,
    resolve_model,
)

from . import chat_oracle as oracle

SOURCE = "{% for m in messages %}{{ m.content }}</s>{% endfor %}"


def tokenizer(**added):
    return SimpleNamespace(special_tokens=lambda: [*oracle.CONTROLS, *added.items()])


@pytest.fixture
def folder(tmp_path):
    """Give a folder as `save_pretrained` leaves it, without a chat template."""
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "tokenizer.json").write_text("{}")
    config = {"bos_token": {"content": "<s>", "special": True}, "eos_token": "</s>", "unk_token": None}
    (tmp_path / "m" / "tokenizer_config.json").write_text(json.dumps(config))
    (tmp_path / "m" / "special_tokens_map.json").write_text(
        json.dumps({"eos_token": "x", "pad_token": "<pad>"})
    )
    return tmp_path


def configure(folder, **values):
    file = folder / "m" / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


@pytest.mark.parametrize(
    ("model", "vocabulary", "template"),
    [
        ("qwen2.5", "qwen2.5", "qwen2.5"),
        ("qwen2.5-vl", "qwen2.5", "qwen2.5-vl"),
        ("qwen3-vl", "qwen3", "qwen3-vl"),
        ("Qwen/Qwen2.5-7B-Instruct", "qwen2.5", "qwen2.5"),
        ("Qwen/Qwen2.5-VL-7B-Instruct", "qwen2.5", "qwen2.5-vl"),
        ("Qwen/Qwen3-VL-4B-Instruct", "qwen3", "qwen3-vl"),
    ],
)
def test_models_inside_the_package_need_no_network(model, vocabulary, template, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    resolved = resolve_model(model, None, base=tmp_path)
    assert (resolved.vocabulary, resolved.template, resolved.builtin_template) == (vocabulary, template, True)
    assert resolved.describe() == {
        "name": model,
        "vocabulary": f"built-in {vocabulary}",
        "template": f"built-in {template}",
    }
    assert resolved.chat_template(tokenizer()).content_hash


@pytest.mark.parametrize(
    "model",
    [
        "Qwen/Qwen2.5-7B",
        "Qwen/Qwen2.5-Math-7B-Instruct",
        "Qwen/Qwen3-8B",
        "Qwen/Qwen3-VL-4B-Thinking",
        "me/Qwen2.5-7B-Instruct",
        "Qwen/Qwen2.5-7B-Instruct-x",
    ],
)
def test_other_hub_models_are_fetched(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(RecipeError, match="is not built in") as caught:
        resolve_model(model, None, base=tmp_path)
    assert "`pip install '.[hub]'` in OctoMed's folder" in caught.value.hint


def test_a_folder_gives_vocabulary_template_and_special_tokens(folder):
    (folder / "m" / "chat_template.jinja").write_text(SOURCE)
    (folder / "m" / "chat_template.json").write_text('{"chat_template": "later"}')
    configure(folder, chat_template="last", extra_special_tokens={"image_token": "<image>"})
    resolved = resolve_model("m", None, base=folder)
    assert resolved.vocabulary == b"{}"
    assert (resolved.template, resolved.builtin_template) == (SOURCE, False)
    expected = {"bos_token": "<s>", "eos_token": "x", "image_token": "<image>", "pad_token": "<pad>"}
    assert dict(resolved.variables) == expected
    configure(folder, added_tokens_decoder={})  # newer folders say all in one file
    del expected["pad_token"]
    assert dict(resolve_model("m", None, base=folder).variables) == expected | {"eos_token": "</s>"}
    assert resolve_model(str(folder / "m"), None, base=folder.parent).template == SOURCE
    assert resolve_model("m/tokenizer.json", None, base=folder).template == SOURCE
    (folder / "m" / "chat_template.jinja").unlink()
    assert resolve_model("m", None, base=folder).template == "later"
    (folder / "m" / "chat_template.json").unlink()
    assert resolve_model("m", None, base=folder).template == "last"


def test_a_list_of_named_templates_gives_the_default(folder):
    named = [{"name": "rag", "template": "r"}, {"name": "default", "template": "d"}]
    configure(folder, chat_template=named)
    assert resolve_model("m", None, base=folder).template == "d"
    configure(folder, chat_template=named[:1])
    assert resolve_model("m", None, base=folder).template == "r"
    configure(folder, chat_template=[named[0], {"name": "tool_use", "template": "t"}])
    with pytest.raises(RecipeError, match="there are `rag`, `tool_use`") as caught:
        resolve_model("m", None, base=folder)
    assert "template:" in caught.value.hint


def test_the_recipe_s_template_comes_first(folder):
    configure(folder, chat_template="own")
    (folder / "mine.jinja").write_text(SOURCE)
    resolved = resolve_model("m", "mine.jinja", base=folder)
    assert (resolved.template, resolved.template_name) == (SOURCE, str(folder / "mine.jinja"))
    assert resolve_model("m", SOURCE, base=folder).template == SOURCE
    resolved = resolve_model("m", "qwen3-vl", base=folder)
    assert (resolved.template, resolved.builtin_template) == ("qwen3-vl", True)
    resolved = resolve_model("qwen2.5", "mine.jinja", base=folder)
    assert (resolved.vocabulary, resolved.template) == ("qwen2.5", SOURCE)
    assert resolved.variables["eos_token"] == "<|im_end|>"


@pytest.mark.parametrize(
    ("model", "template", "message", "hint"),
    [
        ("nothing", None, "is not a built-in model, folder or hub id", "`qwen2.5`"),
        ("./nothing", None, "does not exist", "tokenizer.json"),
        ("nothing/tokenizer.json", None, "does not exist", "tokenizer.json"),
        ("empty", None, "has no `tokenizer.json`", "save_pretrained"),
        ("m", None, "has no chat template", "template:"),
        ("qwen2.5", "nothing.jinja", "is neither a built-in template nor a file", "`llama-3`"),
        ("llama-3", None, "is not a built-in model", "`qwen2.5`"),
    ],
)
def test_what_cannot_be_found_is_said(folder, model, template, message, hint):
    (folder / "empty").mkdir()
    with pytest.raises(RecipeError, match=message) as caught:
        resolve_model(model, template, base=folder)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"), [(b"{", "is not JSON"), (b"[]", "not hold a JSON object"), (b"\xff", "UTF-8")]
)
def test_broken_files_are_said(folder, text, message):
    (folder / "m" / "tokenizer_config.json").write_bytes(text)
    with pytest.raises(RecipeError, match=message):
        resolve_model("m", SOURCE, base=folder)


BESIDE = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.json",
    "config.json",
)


def refused(folder, name, content, message):
    """Read a folder that has one damaged file, and return the hint."""
    file = folder / "m" / name
    before = file.read_bytes() if file.exists() else None
    file.write_bytes(content)
    with pytest.raises(RecipeError, match=message) as caught:
        resolve_model("m", None if name == "chat_template.json" else SOURCE, base=folder)
    file.write_bytes(before) if before is not None else file.unlink()
    assert name in caught.value.message
    str(caught.value).encode()
    return caught.value.hint


@pytest.mark.parametrize("name", BESIDE)
def test_nesting_without_end_is_refused_with_the_file(folder, name):
    for deep in (b"[" * 100_000, b'{"a":' * 100_000, b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}"):
        refused(folder, name, deep, "more than 100 deep")
    refused(folder, name, b'{"a":' * 101 + b"1" + b"}" * 101, "more than 100 deep")


@pytest.mark.parametrize("name", BESIDE)
@pytest.mark.parametrize("value", [["\ud800"], "a\udfff", {"content": "\udc00"}, {"\ud800": 1}])
@pytest.mark.parametrize("key", ["additional_special_tokens", "eos_token", "chat_template"])
def test_half_a_character_is_refused_with_the_file(folder, name, key, value):
    content = json.dumps({key: value}).encode()
    assert "whole character" in refused(folder, name, content, r"`\\ud[89c-f]..`, one half of a character")


def test_whole_characters_in_two_halves_are_text(folder):
    configure(folder, chat_template=SOURCE + "\U0001f600")
    assert resolve_model("m", None, base=folder).template.endswith("\U0001f600")


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_what_is_no_json_is_named(folder, name):
    for content, message, hint in (
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 7\n", "git-LFS", "git lfs pull"),
        (b"<!DOCTYPE html><html>log in</html>", "an HTML page", "download the file itself"),
        (b"\xef\xbb\xbf{}", "byte order mark", "remove it"),
        ("{}".encode("utf-16"), "text in UTF-16", "iconv"),
        (b"PK\x03\x04", "a zip archive", "save_pretrained"),
        (b" \n", "is empty", "save_pretrained"),
    ):
        assert hint in refused(folder, name, content, message)


def test_numbers_without_end_are_refused(folder):
    (folder / "m" / "added_tokens.json").write_text('{"a": Infinity}')
    with pytest.raises(RecipeError, match="not as `transformers` writes them"):
        resolve_model("m", SOURCE, base=folder)


def test_errors_of_a_template_name_it(folder):
    configure(folder, chat_template="{{ strftime_now('%Y') }}")
    resolved = resolve_model("m", None, base=folder)
    with pytest.raises(RecipeError, match=r"tokenizer_config\.json: .*date") as caught:
        resolved.chat_template(tokenizer())
    assert caught.value.hint


@pytest.mark.skipif(
    not oracle.published_names(), reason="trl, which carries the published templates, is not installed"
)
def test_published_templates_are_known_by_their_hash(folder):
    files = {"qwen2.5": "qwen2_5", "qwen2.5-vl": "qwen2_5_vl", "qwen3-vl": "qwen3_vl", "llama-3": "llama3"}
    assert set(files) == set(BUILTIN_TEMPLATES) == set(PUBLISHED_TEMPLATES.values())
    configure(folder, bos_token="<|begin_of_text|>")
    for name, file in files.items():
        source = oracle.published(file)
        for text in (source, source.removesuffix("\n"), source.removesuffix("\n") + "\n"):
            resolved = resolve_model("m", text, base=folder)
            assert (resolved.template, resolved.builtin_template) == (name, True)
        assert not resolve_model("m", source + " ", base=folder).builtin_template
    configure(folder, bos_token="<s>")
    assert not resolve_model("m", oracle.published("llama3"), base=folder).builtin_template


def test_the_hub_s_files_are_read_like_a_folder_s(folder, monkeypatch):
    errors = SimpleNamespace(
        EntryNotFoundError=type("EntryNotFoundError", (OSError,), {}),
        HfHubHTTPError=type("HTTP", (OSError,), {}),
    )
    errors.LocalEntryNotFoundError = type("LocalEntryNotFoundError", (errors.EntryNotFoundError,), {})
    asked = []

    def download(model, name):
        asked.append((model, name))
        if not (folder / "m" / name).exists():
            raise errors.EntryNotFoundError(name)
        return str(folder / "m" / name)

    hub = SimpleNamespace(hf_hub_download=download, errors=errors)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", errors)
    configure(folder, chat_template=SOURCE)
    resolved = resolve_model("a/b", None, base=folder)
    assert (resolved.name, resolved.template, resolved.vocabulary) == ("a/b", SOURCE, b"{}")
    assert ("a/b", "chat_template.jinja") in asked

    def offline(*_):
        raise errors.LocalEntryNotFoundError("no connection\nmore")

    hub.hf_hub_download = offline
    said = r"cannot be fetched from the hub: no connection(\nhint|$)"  # notes are matched as well
    with pytest.raises(RecipeError, match=said) as caught:
        resolve_model("a/b", None, base=folder)
    assert "folder" in caught.value.hint


def test_built_in_names_are_those_of_the_engine():
    for _, template in BUILTIN_MODELS.values():
        assert template in BUILTIN_TEMPLATES
    for name in BUILTIN_TEMPLATES:
        assert _octomed.ChatTemplate(name, oracle.CONTROLS, builtin=True).content_hash
