"""Exports as the loaders of their trainers read them: TRL's beside us, the others' where they are installed.

`OCTOMED_PEERS` names a folder of virtual environments: `peers-llamafactory`, `peers-ms-swift` and
`peers-axolotl`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from octomed.cli.app import run as octomed
from octomed.export.traces import traces_of
from PIL import Image

HERE = Path(__file__).parent
TEMPLATE = (
    "{% for turn in messages %}<|im_start|>{{ turn.role }}\n{{ turn.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SAMPLE = HERE.parents[1] / "python/octomed/sample/tokenizer"


def exported(run, target, *words):
    assert octomed(["export", str(run), "--output", str(target), *words]) == 0
    return target


def with_template(folder):
    """The sample's tokenizer, with a chat template."""
    target = shutil.copytree(SAMPLE, folder / "tokenizer")
    (target / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    return target


def texts_of(run):
    """The texts of each trace, without what stands for images."""
    return [[turn.text for turn in trace.turns] for trace in traces_of(run)]


def loaded(peer, tmp_path, *words):
    """Rows as the loader of another trainer prints them."""
    folder = os.environ.get("OCTOMED_PEERS")
    python = Path(folder or "", f"peers-{peer}", "bin/python")
    if folder is None or not python.exists():
        pytest.skip(f"no environment with {peer}: OCTOMED_PEERS names none")
    script = HERE / "peers" / f"load_with_{peer.removeprefix('ms-')}.py"
    caches = {
        "HF_HOME": str(tmp_path / "hub"),
        "MODELSCOPE_CACHE": str(tmp_path / "scope"),
        "HF_HUB_OFFLINE": "1",
        "DISABLE_VERSION_CHECK": "1",  # LLaMA-Factory's, of packages that it does not use here
    }
    done = subprocess.run(
        [python, script, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | caches,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line for line in done.stdout.splitlines() if line.startswith("ROW ")]
    return [json.loads(line.removeprefix("ROW ")) for line in lines]


@pytest.mark.parametrize("words", [(), ("--file-type", "parquet", "--images", "embedded")])
def test_trl_gets_conversations_and_pictures(words, run, tmp_path):
    datasets = pytest.importorskip("datasets")
    trl = pytest.importorskip("trl")
    target = exported(run, tmp_path / "out", "--format", "trl", *words)
    (file,) = target.glob("train.*")
    kind = {".jsonl": "json", ".parquet": "parquet"}[file.suffix]
    rows = datasets.load_dataset(kind, data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"))
    assert all(trl.data_utils.is_conversational(row) for row in rows)
    said = [[part["text"] or "" for turn in row["messages"] for part in turn["content"]] for row in rows]
    assert ["".join(one) for one in said] == ["".join(one) for one in texts_of(run)]
    seen = rows[-1]["images"]
    if words:
        assert isinstance(seen[0], Image.Image)  # decoded by the column's type, which the file says
    else:
        assert Image.open(target / seen[0]).size == (40, 30)
    assert [part["type"] for part in rows[-1]["messages"][1]["content"]] == ["image", "text"]


def test_trls_template_renders_an_export_of_text(tmp_path):
    trl = pytest.importorskip("trl")
    datasets = pytest.importorskip("datasets")
    transformers = pytest.importorskip("transformers")
    from tests.export.conftest import make_run

    source = {"name": "asked", "path": "asked.jsonl", "format": "octomed"}
    run = make_run(tmp_path, model="qwen2.5", sources=[source], system=None)
    target = exported(run, tmp_path / "out", "--format", "trl")
    rows = datasets.load_dataset(
        "json", data_files=str(target / "train.jsonl"), split="train", cache_dir=str(tmp_path / "cache")
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(with_template(tmp_path))
    rendered = [trl.apply_chat_template(row, tokenizer)["text"] for row in rows]
    assert all(text in one for one, texts in zip(rendered, texts_of(run), strict=True) for text in texts)


@pytest.mark.parametrize("words", [(), ("--file-type", "parquet", "--images", "embedded")])
def test_llama_factory_reads_its_rows(words, run, tmp_path):
    target = exported(run, tmp_path / "mine", "--format", "llama-factory", *words)
    rows = loaded("llamafactory", tmp_path, target, "mine")
    said = [[one.replace("<image>", "") for one in row["said"]] for row in rows]
    assert said == [([] if len(one) % 2 else [""]) + one for one in texts_of(run)]
    assert rows[-1]["images"] == (["bytes"] if words else [str(target / rows_image(target))])


def rows_image(target):
    """The place of the last row's image."""
    *_, last = (target / "train.jsonl").read_text(encoding="utf-8").splitlines()
    return json.loads(last)["images"][0]


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_ms_swift_reads_its_rows(file_type, run, tmp_path):
    target = exported(run, tmp_path / "mine", "--format", "ms-swift", "--file-type", file_type)
    rows = loaded("ms-swift", tmp_path, target / f"train.{file_type}")
    assert [[one.replace("<image>", "") for one in row["said"]] for row in rows] == texts_of(run)
    assert rows[-1]["images"] == 1


def test_axolotl_learns_what_is_learned(tmp_path):
    from tests.export.conftest import make_run

    sources = [{"name": "spoken", "path": "spoken.jsonl", "format": "messages"}]
    run = make_run(tmp_path, model="qwen2.5", sources=sources, system=None)
    target = exported(run, tmp_path / "mine", "--format", "axolotl")
    rows = loaded("axolotl", tmp_path, target / "train.jsonl", with_template(tmp_path))
    assert [row["learned"].startswith(f"Two {at}") for at, row in enumerate(rows)] == [True] * 4
    assert not any("One" in row["learned"] for row in rows)
    assert rows[0]["all"].count("First 0") == 1
