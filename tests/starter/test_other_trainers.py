"""Settings of other trainers that name datasets: what they say of rows is what the recipe says."""

from __future__ import annotations

import json

import octomed
import pytest
from octomed.errors import RecipeError
from octomed.starter.starting import start
from ruamel.yaml import YAML

from tests.starter.rows import CHAT, written

CHATS = [{"who": "person", "said": "Why?"}, {"who": "bot", "said": "So."}]
INFO = {
    "own": {"file_name": "own.jsonl", "columns": {"prompt": "Q", "response": "A"}},
    "plain": {"file_name": "plain.jsonl"},
    "chat": {
        "file_name": "chat.jsonl",
        "formatting": "sharegpt",
        "columns": {"messages": "turns"},
        "tags": {"role_tag": "who", "content_tag": "said", "user_tag": "person", "assistant_tag": "bot"},
    },
    "preferences": {"file_name": "none.jsonl", "ranking": True},
    "elsewhere": {"ms_hub_url": "a/b"},
}
AXOLOTL = """
base_model: Qwen/Qwen2.5-3B-Instruct
sequence_len: 8192
datasets:
  - path: data/chat.jsonl
    type: chat_template
    field_messages: turns
    message_property_mappings: {role: who, content: said}
    roles: {assistant: [bot], user: [person]}
  - path: json
    data_files: data/own.jsonl
    type: {field_instruction: Q, field_output: A}
  - path: data/plain.jsonl
    type: alpaca
"""
SWIFT = [
    {"dataset_path": "own.jsonl", "columns": {"Q": "query", "A": "response"}},
    {"ms_dataset_id": "a/b"},
]


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data"
    written([{"Q": "Why?", "A": "So."}], "jsonl", folder, "own")
    written([{"instruction": "Why?", "input": "", "output": "So."}], "jsonl", folder, "plain")
    written([{"turns": CHATS}], "jsonl", folder, "chat")
    return folder


def packed(paths, folder):
    """Pack a starter recipe: its values, and how many traces there are."""
    started = start(paths, folder)
    assert started.problem is None, started.problem
    (folder / "recipe.yaml").write_text(started.text, encoding="utf-8")
    summary = octomed.pack(folder / "recipe.yaml", workers=1)
    return YAML(typ="safe", pure=True).load(started.text), started.notes, summary.traces


def test_a_dataset_info_of_llama_factory(data, tmp_path):
    (data / "dataset_info.json").write_text(json.dumps(INFO), encoding="utf-8")
    values, notes, traces = packed(["data/dataset_info.json"], tmp_path)
    assert [one["name"] for one in values["sources"]] == ["own", "plain", "chat"]
    assert traces == 3
    assert any("preferences" in note for note in notes)
    assert any("ms_hub_url" in note for note in notes)


@pytest.mark.usefixtures("data")
def test_a_configuration_of_axolotl(tmp_path):
    (tmp_path / "axolotl.yml").write_text(AXOLOTL, encoding="utf-8")
    values, _, traces = packed(["axolotl.yml"], tmp_path)
    assert traces == 3
    assert (values["pack"]["capacity"], values["model"]) == (8192, "Qwen/Qwen2.5-3B-Instruct")


def test_a_dataset_info_of_ms_swift(data, tmp_path):
    (data / "dataset_info.json").write_text(json.dumps(SWIFT), encoding="utf-8")
    values, notes, traces = packed(["data/dataset_info.json"], tmp_path)
    assert values["sources"][0]["format"] == {"question": "Q", "response": "A"}
    assert traces == 1
    assert any("entry 1" in note for note in notes)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("recipe.yaml", "sources: []", "is a recipe already"),
        ("other.yaml", "a: 1", "names no `datasets`"),
        ("broken.yaml", "a: [", "cannot be read"),
        ("dataset_info.json", "{}", "there is no dataset"),
        ("dataset_info.json", "[1", "cannot be read"),
    ],
)
def test_settings_that_name_nothing(name, text, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match=said):
        start([name], tmp_path)


def test_a_path_to_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match=r"there is no `nothing\.jsonl`"):
        start(["nothing.jsonl"], tmp_path)


def test_files_of_one_name_get_names_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("a", "b"):
        written([{"messages": CHAT}], "jsonl", tmp_path / folder, "chats")
    values, _, _ = packed(["a/chats.jsonl", "b/chats.jsonl"], tmp_path)
    assert [one["name"] for one in values["sources"]] == ["chats", "chats-2"]
