"""Who meets on which corpus, and how each is run once."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.compare import measure, vocabulary
from bench.compare.contestants import octomed_path
from bench.compare.contests import Entry, fresh, has
from bench.images.corpus import Plan, write_corpus
from octomed.mds import MDSReader

MODULES = "bench.images.contestants"
MODEL = "qwen2.5-vl"
GROUPS = (1, 8)
"""Values of `pack.traces_per_image` that are measured."""
#: Modules without which a contestant is skipped, and why it may be missing.
NEEDS = {
    "processor": ("datasets", "streaming", "torchvision", "transformers", "trl"),
    "llama_factory": ("llamafactory.data", "datasets", "torchvision"),
    "ms_swift": ("swift.template", "datasets", "torchvision"),
    "assembled": ("awkward", "gigatoken", "seqpacker", "streaming", "torchvision"),
    "floor": ("zstandard",),
}


@dataclass(frozen=True)
class Place:
    """Where a comparison lies, and how many images it has."""

    scratch: Path
    images: int
    few: int
    """Images of the contestants that map rows in Python, which would take minutes otherwise."""

    @property
    def tokenizer(self) -> str:
        """Folder of the vocabulary."""
        return str(vocabulary.write(self.scratch / "vocabulary").parent)

    def corpus(self, images: int, text_rows: float = 0.0, form: str = "parquet") -> Path:
        """A corpus of this size, made when it does not stand."""
        folder = self.scratch / f"corpus-{images}-{round(100 * text_rows)}-{form}"
        if not (folder / "corpus.json").exists():
            shutil.rmtree(folder, ignore_errors=True)
            write_corpus(Plan(images, text_rows=text_rows, format=form), folder, workers=2)
        for path in folder.rglob("*"):
            if path.is_file():
                path.read_bytes()  # everyone finds the inputs in the page cache
        return folder


def recipe(corpus: Path, out: Path, store: Path, options: dict[str, Any]) -> dict[str, Any]:
    """A recipe; `options` are `verify`, `traces_per_image` and whether images are left out."""
    described = json.loads((corpus / "corpus.json").read_text())
    form: Any = "octomed"
    if options.get("text_only"):
        form = {"preset": "octomed", "images": None, "image_columns": []}
    elif described["format"] == "jsonl":
        form = {"preset": "octomed", "image_root": str(corpus / "images")}
    return {
        "name": "bench",
        "model": MODEL,
        "sources": [{"name": "corpus", "path": f"{corpus}/part-*.{described['format']}", "format": form}],
        "images": {"verify": options.get("verify", "decode"), "store": options.get("store", "original")},
        "pack": {"capacity": 16_384, "traces_per_image": options.get("traces_per_image", 1)},
        "output": {"path": str(out), "compression": "zstd:1", "hashes": ["xxh3_64"], "shard_size": "128MiB"},
        "work": {"path": str(store)},
    }


def figures(out: Path) -> dict[str, Any]:
    """What a finished run says of itself, and what its packs hold of images."""
    found = octomed_path.figures(out)
    counts = json.loads((out / "octomed.json").read_text())["counts"]
    packs = [pack for stream in out.glob("len-*") for pack in MDSReader(stream)]
    return found | {
        "images": counts.get("images", 0),
        "image_bytes": counts.get("image_bytes", 0),
        "copied_bytes": sum(len(pack["images"]) for pack in packs),
        "copies": sum(len(pack["image_offsets"]) // 4 - 1 for pack in packs if len(pack["image_offsets"])),
        "shown": sum(len(pack["image_refs"]) // 4 for pack in packs),
    }


def octomed(place: Place, name: str, corpus: Path, **options: Any) -> Entry:
    """`octomed pack` into an empty folder with an empty working store."""
    out, store = place.scratch / "out" / "octomed", place.scratch / "store"

    def run() -> measure.Run:
        fresh(out)
        fresh(store)
        file = place.scratch / "recipe.yaml"
        file.write_text(json.dumps(recipe(corpus, out, store, options), indent=2), encoding="utf-8")
        made = measure.run(name, octomed_path.command(file), place.scratch / "octomed.log")
        made.figures = figures(out)
        made.figures["store_mb"] = sum(f.stat().st_size for f in store.rglob("*") if f.is_file()) / 1e6
        fresh(out)
        fresh(store)
        return made

    return Entry(name, run)


def peer(place: Place, name: str, module: str, corpus: Path, **given: Any) -> Entry:
    """A contestant that is a module of its own."""
    out, scratch = place.scratch / "out" / module, place.scratch / "caches" / module

    def run() -> measure.Run:
        fresh(out)
        fresh(scratch).mkdir(parents=True)
        told = {"corpus": str(corpus), "tokenizer": place.tokenizer, "out": str(out), "scratch": str(scratch)}
        command = [sys.executable, "-m", f"{MODULES}.{module}", json.dumps(told | given)]
        extra = {"HF_HOME": str(scratch), "DISABLE_VERSION_CHECK": "1"}  # the latter is LLaMA-Factory's
        made = measure.run(name, command, place.scratch / f"{module}.log", extra)
        made.figures["written_mb"] = sum(f.stat().st_size for f in out.rglob("shard.*")) / 1e6
        fresh(out)
        fresh(scratch)
        return made

    return Entry(name, run)


def missing(module: str) -> str | None:
    """Why a contestant cannot take part here, or None."""
    absent = [need for need in NEEDS.get(module, ()) if not has(need)]
    return f"not installed: {', '.join(absent)}" if absent else None


def ours(place: Place, corpus: Path) -> list[Entry]:
    """octomed by its choices, and the text-only pack of the same traces."""
    made = [
        octomed(place, f"octomed {verify}/{group}", corpus, verify=verify, traces_per_image=group)
        for verify in ("header", "decode")
        for group in GROUPS
    ]
    return [*made, octomed(place, "octomed text only", corpus, text_only=True)]


def bounds(place: Place, corpus: Path, copied: dict[int, int]) -> list[Entry]:
    """What the bounds are made of: the floor for each number of copies, and the decoder."""
    made = [
        peer(place, f"floor/{group}", "floor", corpus, copied_bytes=size) for group, size in copied.items()
    ]
    return [*made, peer(place, "decoder", "decoder", corpus)]


def assembled(place: Place, corpus: Path) -> list[Entry]:
    """The assembled parts, by headers and with decoding."""
    return [
        peer(place, f"assembled {verify}", "assembled", corpus, verify=verify)
        for verify in ("header", "decode")
    ]


Made = Callable[[Place, Path], list[Entry]]


def slow(place: Place, corpus: Path) -> list[Entry]:
    """Contestants that map rows in Python."""
    return [
        peer(place, module, module, corpus)
        for module in ("processor", "llama_factory", "ms_swift")
        if missing(module) is None
    ]
