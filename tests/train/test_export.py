"""What lies beside the weights of an exported model."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("composer")

from octomed.train.export import _copy_tokenizer

COPY = """
import sys
from pathlib import Path
from octomed.train.export import _copy_tokenizer
_copy_tokenizer("octomed/tiny", Path(sys.argv[1]))
_copy_tokenizer("octomed/unknown", Path(sys.argv[1]))
"""
FILES = {"tokenizer.json": "{}", "chat_template.jinja": "x", "preprocessor_config.json": "{}"}


def write(folder):
    folder.mkdir(parents=True)
    for name, text in {**FILES, "model.safetensors": "w", "config.json": "{}"}.items():
        (folder / name).write_text(text)
    return folder


def read(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_the_tokenizer_s_files_come_from_a_folder(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    _copy_tokenizer(str(write(tmp_path / "in")), out)
    assert read(out) == FILES
    _copy_tokenizer(None, out)
    _copy_tokenizer(str(tmp_path / "nothing"), out)
    assert read(out) == FILES


def test_the_tokenizer_s_files_of_a_hub_id_come_from_the_hub_s_cache(tmp_path):
    """In a process of its own: the cache's place is taken when the hub's client is imported."""
    cached, out = tmp_path / "hub/models--octomed--tiny", tmp_path / "out"
    write(cached / "snapshots/1")
    (cached / "refs").mkdir()
    Path(cached, "refs/main").write_text("1")
    out.mkdir()
    environment = os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, "-c", COPY, str(out)], env=environment, check=True)
    assert read(out) == FILES
