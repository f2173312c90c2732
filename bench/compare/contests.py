"""The contests: which contestants meet, on what, and where each may write."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.compare import measure, vocabulary
from bench.compare.contestants import octomed_path
from bench.compare.sizes import WARM_TRACES, Sizes
from bench.corpus.plan import Plan
from bench.corpus.write import write_corpus

MODULES = "bench.compare.contestants"


@dataclass(frozen=True)
class Place:
    """Folders of one comparison, and the interpreter that runs the contestants."""

    scratch: Path
    memory: Path
    """A folder on memory-backed storage."""
    sizes: Sizes

    @property
    def tokenizer(self) -> Path:
        """Folder of the vocabulary."""
        return vocabulary.write(self.scratch / "vocabulary").parent

    def corpus(self, traces: int, mixed: float = 0.0, duplicates: float = 0.01) -> Path:
        """A corpus of this size, made when it does not stand."""
        plan = Plan(traces, mixed=mixed, duplicates=duplicates)
        folder = self.scratch / f"corpus-{traces}-{round(mixed * 100)}-{round(duplicates * 100)}"
        described = folder / "corpus.json"
        if not described.exists() or json.loads(described.read_text())["traces"] != traces:
            shutil.rmtree(folder, ignore_errors=True)
            write_corpus(plan, folder, workers=2)
        for path in folder.iterdir():
            path.read_bytes()  # everyone finds the inputs in the page cache
        return folder


@dataclass(frozen=True)
class Entry:
    """A contestant: its name, and how to run it once."""

    name: str
    run: Callable[[], measure.Run]


def fresh(folder: Path) -> Path:
    """An empty folder's path that does not exist yet."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return folder


def has(*modules: str) -> bool:
    """Whether these modules can be imported."""
    try:
        return all(importlib.util.find_spec(module) for module in modules)
    except ModuleNotFoundError:  # the package around it
        return False


def peer(place: Place, name: str, module: str, given: dict[str, Any], out: Path | None = None) -> Entry:
    """A contestant that is a module of its own."""
    out = out or place.scratch / "out" / name

    def run() -> measure.Run:
        scratch = fresh(place.scratch / "caches" / name)
        scratch.mkdir(parents=True)
        told = {**given, "out": str(fresh(out)), "scratch": str(scratch)}
        command = [sys.executable, "-m", f"{MODULES}.{module}", json.dumps(told)]
        made = measure.run(name, command, place.scratch / f"{name}.log", {"HF_HOME": str(scratch)})
        made.figures["written_mb"] = sum(f.stat().st_size for f in out.rglob("shard.*")) / 1e6
        shutil.rmtree(out, ignore_errors=True)
        shutil.rmtree(scratch, ignore_errors=True)
        return made

    return Entry(name, run)


def octomed_pack(place: Place, corpus: Path) -> Entry:
    """`octomed pack` into an empty folder with an empty working store."""
    out, store = place.scratch / "out" / "octomed", place.scratch / "store"

    def run() -> measure.Run:
        fresh(out)
        fresh(store)
        file = place.scratch / "recipe.yaml"
        file.write_text(octomed_path.recipe(str(corpus), out, store), encoding="utf-8")
        made = measure.run("octomed", octomed_path.command(file), place.scratch / "octomed.log")
        made.figures = octomed_path.figures(out)
        made.figures["store_mb"] = sum(f.stat().st_size for f in store.rglob("*") if f.is_file()) / 1e6
        fresh(out)
        fresh(store)
        return made

    return Entry("octomed", run)


def path(place: Place) -> Iterator[tuple[str, list[Entry]]]:
    """Rows to packs: the HF path, the assembled parts, `octomed pack`."""
    sizes, tokenizer = place.sizes, str(place.tokenizer)
    rounds = (("warm-up", WARM_TRACES, WARM_TRACES, 0.0), ("path", sizes.hf_traces, sizes.traces, 0.01))
    for name, hf, traces, duplicates in rounds:
        corpus, small = place.corpus(traces, 0.0, duplicates), place.corpus(hf, 0.0, duplicates)
        entries = [
            peer(place, "hf_path", "hf_path", {"corpus": str(small), "tokenizer": tokenizer}),
            peer(place, "assembled", "assembled", {"corpus": str(corpus), "tokenizer": tokenizer}),
        ]
        if has("octomed.cli"):
            entries.append(octomed_pack(place, corpus))
        yield name, entries


def tokenize(place: Place) -> Iterator[tuple[str, list[Entry]]]:
    """Text to ids: English, Chinese, and three questions in ten Chinese."""
    size = place.sizes.tokenize_mb
    share = {"gigatoken": 1, "octomed": 1, "tiktoken": 5, "tokenizers": 25}
    for language, mixed in (("english", 0.0), ("chinese", 1.0), ("mixed", 0.3)):
        traces = max(WARM_TRACES, size * 1_000_000 // (3_000 if mixed else 3_500))
        corpus = str(place.corpus(-(-traces // 10_000) * 10_000, mixed))
        entries = []
        for name, part in share.items():
            if name == "octomed" and not has_tokenizer():
                continue
            given = {"contestant": name, "corpus": corpus, "tokenizer": str(place.tokenizer),
                     "bytes": size * 1_000_000 // part}  # fmt: skip
            entries.append(peer(place, name, "tokenizing", given))
        yield f"tokenize-{language}", entries


def has_tokenizer() -> bool:
    """Whether `octomed` already offers its tokenizer."""
    if not has("octomed"):
        return False
    import octomed

    return hasattr(octomed, "Tokenizer")


def pack(place: Place) -> Iterator[tuple[str, list[Entry]]]:
    """Lengths to packs."""
    counts = {
        "seqpacker": place.sizes.lengths,
        "octomed": place.sizes.lengths,
        "trl": place.sizes.lengths // 80,
    }
    yield (
        "pack",
        [
            peer(place, name, "packing", {"contestant": name, "count": count})
            for name, count in counts.items()
            if name != "octomed" or has("octomed.packing")
        ],
    )


def write(place: Place) -> Iterator[tuple[str, list[Entry]]]:
    """Packs to shards: raw into memory, zstd onto the disk."""
    ids = place.scratch / "ids.u32"
    if not ids.exists():
        corpus = place.corpus(20_000)
        given = {"corpus": str(corpus), "tokenizer": str(place.tokenizer), "ids": str(ids)}
        measure.run(
            "ids", [sys.executable, "-m", f"{MODULES}.make_ids", json.dumps(given)], place.scratch / "ids.log"
        )
    repeats = max(1, round(place.sizes.write_mb * 1e6 / ids.stat().st_size))
    names = ["mdswriter"] + (["octomed"] if has("octomed.mds") else [])
    for name, compression, folder in (
        ("write-raw", None, place.memory),
        ("write-zstd", "zstd:1", place.scratch),
    ):
        given = {"ids": str(ids), "repeats": repeats, "compression": compression}
        contestants = names + (["codec"] if compression else [])
        yield (
            name,
            [
                peer(place, one, "writing", {**given, "contestant": one}, folder / "octomed-bench-out" / one)
                for one in contestants
            ],
        )


ALL = {"path": path, "tokenize": tokenize, "pack": pack, "write": write}
