"""Small inputs, a small model and small blocks: runs of many blocks and shards that take a second."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import octomed
import pyarrow as pa
import pyarrow.parquet as pq
from octomed.cli.app import run as command_line
from octomed.recipe import load_recipe
from streaming.base.compression import decompress
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

BLOCK_BYTES = 16_000
TASK_BYTES = 50_000
PAUSE = 0.005
WORDS = [
    "fever",
    "cough",
    "心电图",
    "murmur",
    "oedème",
    "µg",
    "β-blocker",
    "<|im_end|>",
    "sepsis",
    "İstanbul",
    "tibia",
    "étude",
]
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CONTROLS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def write_model(folder: Path) -> None:
    """A byte-level vocabulary without merges, so that a run spends no second on loading it."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(PATTERN), behavior="isolated", invert=False)
    bytes_of = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, bytes_of])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, normalized=False) for text in CONTROLS])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))


def sentence(draw: random.Random, words: int) -> str:
    return " ".join(draw.choice(WORDS) for _ in range(words))


def question_rows(seed: int, count: int) -> list[dict[str, Any]]:
    """Rows of the `octomed` format, a few of which repeat an earlier one."""
    draw = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for number in range(count):
        if rows and draw.random() < 0.05:
            rows.append(draw.choice(rows))
            continue
        responses = [sentence(draw, draw.randint(3, 60)) for _ in range(draw.randint(1, 3))]
        rows.append(
            {"question": f"{number}? {sentence(draw, 5)}", "options": ["a", "b"], "responses": responses}
        )
    return rows


def chat_rows(seed: int, count: int) -> list[dict[str, Any]]:
    draw = random.Random(seed)

    def turns(number: int) -> list[dict[str, str]]:
        pairs = [(f"{number} {sentence(draw, 4)}", sentence(draw, 20)) for _ in range(draw.randint(1, 3))]
        return [
            {"role": role, "content": content}
            for pair in pairs
            for role, content in zip(("user", "assistant"), pair, strict=True)
        ]

    return [{"messages": turns(number)} for number in range(count)]


def write_lines(path: Path, rows: list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def write_parquet(path: Path, rows: list[dict[str, Any]], group: int = 50) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=group)
    return path


def make_inputs(folder: Path, *, rows: int = 150) -> None:
    """Three sources in two folders and three formats; one has a row without a trace."""
    write_lines(folder / "data/questions/a.jsonl", question_rows(1, rows))
    write_lines(folder / "data/questions/b.jsonl", [*question_rows(2, rows), *question_rows(1, 5)])
    write_parquet(folder / "data/chats/c.parquet", chat_rows(3, rows))
    array = [
        {"Question": f"{number}", "Complex_CoT": "because", "Response": "r " * (number % 40 + 1)}
        for number in range(rows // 2)
    ]
    array.append({"Question": "empty", "Complex_CoT": "because", "Response": " "})
    (folder / "data/chains.json").write_text(json.dumps(array), encoding="utf-8")


def values() -> dict[str, Any]:
    """The recipe over `make_inputs`, as values that a test may change."""
    return {
        "version": 1,
        "name": "small",
        "model": "model",
        "template": "qwen2.5",
        "system": "Think.",
        "sources": [
            {"name": "questions", "path": "data/questions/*.jsonl", "format": "octomed"},
            {"name": "chats", "path": "data/chats", "format": "messages"},
            {"name": "chains", "path": "data/chains.json", "format": "huatuo-o1"},
        ],
        "pack": {"capacity": 1024, "buckets": [256, 512], "seed": 3},
        "output": {"path": "out", "compression": "zstd:1", "hashes": ["xxh3_64"], "shard_size": 20_000},
        "work": {"path": "store"},
    }


def one_source(path: str, format_: Any = "octomed", **keys: Any) -> dict[str, Any]:
    """The recipe over one source."""
    recipe = values()
    recipe["sources"] = [{"name": "only", "path": path, "format": format_, **keys}]
    return recipe


def write_recipe(folder: Path, recipe: dict[str, Any]) -> Path:
    """Write the recipe (JSON is YAML) and the model beside it."""
    if not (folder / "model").exists():
        write_model(folder / "model")
    path = folder / "recipe.yaml"
    path.write_text(json.dumps(recipe, indent=1, ensure_ascii=False), encoding="utf-8")
    return path


def pack(path: Path, *overrides: str, **options: Any) -> Any:
    """Pack in this process and see that the sums agree."""
    summary = octomed.pack(load_recipe(path, overrides), **{"workers": 2, **options})
    assert summary.sums_agree
    return summary


def fails(capsys: Any, *arguments: str | Path) -> tuple[int, str]:
    """Run a command that fails: the exit code and what it says."""
    capsys.readouterr()
    code = command_line([str(word) for word in arguments])
    return code, capsys.readouterr().err


def start(path: Path, *options: str, **settings: Any) -> subprocess.Popen[str]:
    """Start `octomed pack` in a process of its own, with small blocks and workers that `pause` after each."""
    return start_verb("pack", str(path), *options, **settings)


def start_verb(*words: str, **settings: Any) -> subprocess.Popen[str]:
    """Start a verb as `start` starts `octomed pack`."""
    driver = Path(__file__).with_name("driver.py")
    folders = [str(Path(octomed.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(folders)} | settings.pop("env", {})
    block, task = settings.pop("sizes", (BLOCK_BYTES, TASK_BYTES))
    sizes = [str(block), str(task), str(settings.pop("pause", PAUSE))]
    return subprocess.Popen(
        [sys.executable, str(driver), *sizes, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        **settings,
    )


def contents(folder: Path) -> dict[str, str]:
    """Digest of every file of a run; of `octomed.json` what is outside `run`.

    Pages show the recipe as it was written, and are none of what is verified.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if not path.is_file() or name in {".octomed.lock", ".octomed-run.json", "README.md", "report.html"}:
            continue
        data = path.read_bytes()
        if name == "octomed.json":
            value = json.loads(data)
            del value["run"]
            data = json.dumps(value, sort_keys=True).encode()
        found[name] = hashlib.sha256(data).hexdigest()
    assert "octomed.json" in found
    return found


def remove_output(path: Path) -> None:
    """Remove the output beside a recipe, and leave the store."""
    shutil.rmtree(path.parent / "out")


def unpack(folder: Path) -> list[Path]:
    """Unpack every shard of a run beside itself, as Streaming does, and return the raw files."""
    raw = []
    for shard in sorted(folder.glob("*/shard.*.mds.zstd")):
        raw.append(shard.with_suffix(""))
        raw[-1].write_bytes(decompress("zstd", shard.read_bytes()))
    return raw


def damage(path: Path) -> None:
    """Flip a bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def rejects(folder: Path) -> list[dict[str, Any]]:
    """All rejects of a run, source by source in the order of names."""
    return [
        row
        for path in sorted((folder / "rejects").glob("*.parquet"))
        for row in pq.ParquetFile(path).read().to_pylist()
    ]


def texts(folder: Path) -> list[str]:
    """The text of every trace of a run in ``out`` beside its model."""
    tokenizer = Tokenizer.from_file(str(folder.parent / "model/tokenizer.json"))
    found = []
    for index in folder.glob("*/index.json"):
        for row in octomed.MDSReader(index.parent):
            ends = row["lengths"].cumsum()
            pieces = np.split(row["input_ids"], ends[:-1])
            found += [tokenizer.decode(ids.tolist(), skip_special_tokens=False) for ids in pieces]
    return found


def provenance(folder: Path) -> list[dict[str, Any]]:
    return [
        row
        for path in sorted((folder / "provenance").glob("*.parquet"))
        for row in pq.ParquetFile(path).read().to_pylist()
    ]
