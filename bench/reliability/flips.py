"""One flipped bit in each kind of file, and what becomes of it."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.reliability import forked, small
from bench.reliability.bytes_of import contents, difference

INPUTS = "input"
STORED = {
    "ids of a block": "store/blocks/*/*.ids",
    "index of a block": "store/blocks/*/*.index",
    "task.json": "store/blocks/*/task.json",
    "registered run": "store/runs/*.json",
}
WRITTEN = {
    "manifest": "out/.octomed-run.json",
    "octomed.json": "out/octomed.json",
    "shard": "out/*/shard*",
    "index.json": "out/*/index.json",
    "provenance": "out/provenance/*.parquet",
    "rejects": "out/rejects/*.parquet",
}
CACHED = "cached shard"
CHECKSUMMED = ("parquet", "gzip", "bzip2", "xz")
"""Formats of which a reader can tell that they are damaged, as they are written here."""

UNCHECKED = ("zstd", "lz4", "brotli")
"""Compressed by a library that writes no checksum: what a flipped bit unpacks to is another file."""


class Flips:
    """A finished run, of which each case gets a copy."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.base, self.case = folder / "base", folder / "case"
        shutil.rmtree(folder, ignore_errors=True)
        self.recipe = small.write_all(self.base)
        self.files = json.loads(self.recipe.read_text())["sources"]
        ended = forked.octomed("pack", self.recipe)
        assert ended.code == 0, ended.said
        self.expected = contents(self.base / "out")
        self.counts = _rows(self.base)
        self.kinds = [*(f"{INPUTS} {one['name']}" for one in self.files), *STORED, *WRITTEN, *[CACHED] * 2]

    def run(self, number: int) -> dict[str, Any]:
        """Flip a bit of a file of the kind that is this number's turn."""
        draw = random.Random(f"{self.seed}/flip/{number}")
        kind = self.kinds[number % len(self.kinds)]
        shutil.rmtree(self.case, ignore_errors=True)
        shutil.copytree(self.base, self.case)
        if kind.startswith(INPUTS):
            return {"kind": kind, **self._input(kind.split(" ", 1)[1], draw)}
        if kind == CACHED:
            return {"kind": kind, **self._cached(draw)}
        file = flip(self.case, (STORED | WRITTEN)[kind], draw)
        judge = self._stored if kind in STORED else self._written
        return {"kind": kind, **judge(file, draw)}

    def _input(self, source: str, draw: random.Random) -> dict[str, Any]:
        """A damaged input is refused by name, or its rows are all accounted for."""
        path = next(one["path"] for one in self.files if one["name"] == source)
        for folder in ("out", "store"):
            shutil.rmtree(self.case / folder)
        file = flip(self.case, path, draw)
        skip = ["--set", f"sources.{source}.on_bad_file=skip"] if draw.random() < 0.5 else []
        ended = forked.octomed("pack", self.case / "recipe.yaml", *skip)
        case = {"file": file, "skip": bool(skip), "code": ended.code}
        if ended.code in {2, 3, 4}:
            named = Path(path).name in ended.said
            return {**case, **_found(named, ended.said)}
        if ended.code != 0:
            return {**case, "outcome": f"WRONG: exit {ended.code}", "detail": ended.said[-1500:]}
        return {**case, **self._accounted(source)}

    def _accounted(self, source: str) -> dict[str, Any]:
        counts, before = _rows(self.case), self.counts
        if counts == before and _packs(contents(self.case / "out")) == _packs(self.expected):
            return {"outcome": "harmless"}
        if f"{source}/" in json.dumps(counts["skipped"]) or counts["left out"] != before["left out"]:
            return {"outcome": "found and named"}
        if counts["rows"] == before["rows"] and source not in CHECKSUMMED:
            return {"outcome": "reads as other rows, all counted"}
        if source in UNCHECKED:
            return {"outcome": "unseen, as its writer left out the checksum"}
        return {"outcome": "WRONG: other rows without a word", "detail": f"{before} {counts}"}

    def _stored(self, file: str, draw: random.Random) -> dict[str, Any]:
        """A damaged store is made again, or refused by name."""
        if draw.random() < 0.7:
            shutil.rmtree(self.case / "out")
        ended = forked.octomed("pack", self.case / "recipe.yaml")
        return {"file": file, "code": ended.code, **self._same(ended, Path(file).name)}

    def _same(self, ended: forked.Ended, name: str) -> dict[str, Any]:
        if ended.code in {2, 3, 4}:
            return _found(name in ended.said, ended.said)
        if ended.code != 0:
            return {"outcome": f"WRONG: exit {ended.code}", "detail": ended.said[-1500:]}
        differing = difference(self.case / "out", self.expected)
        if differing:
            return {"outcome": "WRONG: other bytes, exit 0", "detail": differing}
        return {"outcome": "made again, same bytes" if "again" in ended.said else "harmless"}

    def _written(self, file: str, draw: random.Random) -> dict[str, Any]:
        """`verify` finds the damage and names the file; the same command goes on or says what to do."""
        verified = forked.octomed("verify", self.case / "out")
        case = {"file": file, "code": verified.code}
        if verified.code == 0:
            return {**case, "outcome": "WRONG: not found", "detail": ""}
        if verified.code not in {2, 3, 4}:
            return {**case, "outcome": f"WRONG: exit {verified.code}", "detail": verified.said[-1500:]}
        found = _found(Path(file).name in verified.said or _stem(file) in verified.said, verified.said)
        if found["outcome"] != "found and named":
            return {**case, **found}
        options = ["--replace"] if draw.random() < 0.5 else []
        ended = forked.octomed("pack", self.case / "recipe.yaml", *options)
        if ended.code not in {0, 2, 3, 4}:
            return {**case, "outcome": f"WRONG: exit {ended.code} of pack", "detail": ended.said[-1500:]}
        return {**case, **found}

    def _cached(self, draw: random.Random) -> dict[str, Any]:
        """A reader of another process sees the batches it should, or says what is wrong."""
        cache = self.folder / "cache"
        if not cache.exists():
            self.batches = _batches(self.base / "out", cache)
            assert self.batches.returncode == 0, self.batches.stderr
        flipped = self.folder / "flipped"
        shutil.rmtree(flipped, ignore_errors=True)
        shutil.copytree(cache, flipped)
        file = flip(flipped, "**/*.mds", draw)
        found = _batches(self.base / "out", flipped)
        if found.returncode != 0:
            return {"file": file, **_found(".mds" in found.stderr, found.stderr)}
        same = found.stdout == self.batches.stdout
        return {
            "file": file,
            "outcome": "made again, same bytes" if same else "WRONG: other batches without a word",
        }


def flip(folder: Path, pattern: str, draw: random.Random) -> str:
    """Flip one bit of one file; returns its name and the bit."""
    path = draw.choice(
        sorted(path for path in folder.glob(pattern) if path.is_file() and path.stat().st_size)
    )
    status = path.stat()
    data = bytearray(path.read_bytes())
    bit = draw.randrange(8 * len(data))
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # as a disk does it
    return str(path.relative_to(folder))


def _found(named: bool, said: str) -> dict[str, Any]:
    return (
        {"outcome": "found and named"}
        if named
        else {"outcome": "WRONG: no file is named", "detail": said[-1500:]}
    )


def _stem(file: str) -> str:
    """Files of one kind that are named together: `provenance/len-00256-*.parquet`."""
    return re.sub(r"\d+\.parquet$", "", Path(file).name)


def _rows(folder: Path) -> dict[str, Any]:
    """What a run says of its rows."""
    counts = json.loads((folder / "out/octomed.json").read_text())["counts"]
    sources = counts["sources"].items()
    left_out = {name: [one["rows_refused"], one["rejected"]] for name, one in sorted(sources)}
    return {"rows": counts["rows"], "left out": left_out, "skipped": counts["files_skipped"]}


def _packs(files: dict[str, str]) -> dict[str, str]:
    """What a run says of its rows, without the recipe."""
    return {name: digest for name, digest in files.items() if "/" in name}


_READER = """
import hashlib, sys
from octomed.stream import PackedDataset
dataset = PackedDataset(sys.argv[1], batch_size=1, cache=sys.argv[2], quiet=True, shuffle=False)
digest = hashlib.sha256()
for at in range(dataset.num_samples):
    row = dataset[at]
    for key in sorted(row):
        digest.update(key.encode() + getattr(row[key], "tobytes", lambda: repr(row[key]).encode())())
print(digest.hexdigest())
"""


def _batches(run: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", _READER, str(run), str(cache)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
