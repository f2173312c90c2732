# ruff: noqa: T201 a program, too
"""Bits of sound files flipped one at a time, and what becomes of a reader of each: a campaign.

Every file is read in a forked child, so that an abort is a figure and not the end of the campaign::

    python -m tests.foreign.flips --flips 20000 --seed 1
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import os
import random
import resource
import select
import signal
import struct
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.errors import OctomedError
from octomed.pipeline.inputs.read import blocks_of
from octomed.pipeline.inputs.tasks import tasks_of
from octomed.recipe import InputFile

from . import samples

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HUNG_SECONDS = 20
MUCH_MEMORY = 2 * 2**30
HARMLESS = frozenset({"same", "exit 3", "other text"})
"""A flipped bit in a text that nothing checks is another text; what is not in here is a fault of ours."""
CHECKED = frozenset({("rest", "checksums.parquet")})
"""Where each bit of every text is under a checksum."""


def input_file(path: Path) -> InputFile:
    """Describe a file as the plan of a run does."""
    found = path.stat()
    kind = "arrow" if path.suffix == ".arrow" else "parquet"
    return InputFile("only", 0, str(path), path.name, found.st_size, found.st_mtime_ns, kind, None)


def mapping_for(path: Path) -> Any:
    """Return a row format that reads the file."""
    if path.name.startswith("fastparquet"):
        return _octomed.Mapping({"question": "question", "response": "responses"})
    return _octomed.Mapping({"question": "question", "options": "options", "response": "responses"})


def digest(path: Path, mapping: Any) -> str:
    """Read a file as a run does, and return its number of rows and a digest of them."""
    seen = hashlib.sha256()
    count = 0
    for task in tasks_of(input_file(path), mapping, ""):
        begin = 0
        for block in blocks_of(task, mapping, target=2**14):
            numbers = list(range(begin, begin + block.rows))
            for row in _octomed.raw_rows(block, numbers):
                seen.update(repr(row.to_pylist()).encode())
            begin += block.rows
            count += block.rows
    return f"{count} {seen.hexdigest()[:16]}"


def outcome(path: Path, mapping: Any, whole: str) -> str:
    """Tell in one word what becomes of a reader, and of a fault what it says."""
    try:
        found = digest(path, mapping)
    except OctomedError as error:
        return f"exit {error.exit_code}: {error.message}"
    except Exception as error:  # noqa: BLE001 what the campaign counts
        return f"exit 70: {type(error).__name__}: {error}"
    if found == whole:
        return "same"
    return "other text" if found.split()[0] == whole.split(maxsplit=1)[0] else f"other rows: {found}"


def footer_begin(data: bytes) -> int:
    """Return where the footer of a Parquet or Arrow file begins; its end for a stream."""
    if data[-4:] == b"PAR1":
        return len(data) - 8 - struct.unpack("<I", data[-8:-4])[0]
    if data[-6:] == b"ARROW1":
        return len(data) - 10 - struct.unpack("<i", data[-10:-6])[0]
    return len(data)


def run(path: Path, bits: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Flip the bits one at a time, and yield what becomes of each."""
    data = path.read_bytes()
    mapping = mapping_for(path)
    whole = digest(path, mapping)
    at = 0
    while at < len(bits):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _child(path, data, mapping, whole, bits[at:], writing)
        os.close(writing)
        for result in _results(reading, child):
            yield bits[at], result
            at += 1
        os.close(reading)
    path.write_bytes(data)


def _child(  # noqa: PLR0913, PLR0917 all that it needs
    path: Path, data: bytes, mapping: Any, whole: str, bits: Sequence[int], out: int
) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (6 * 2**30, 6 * 2**30))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with open(path, "r+b", buffering=0) as file:
        file.write(data)
        for bit in bits:
            place, mask = bit // 8, 1 << bit % 8
            os.pwrite(file.fileno(), bytes([data[place] ^ mask]), place)
            result = outcome(path, mapping, whole)
            os.pwrite(file.fileno(), data[place : place + 1], place)
            much = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > MUCH_MEMORY
            line = result.encode("utf-8", "backslashreplace")[:300].replace(b"\n", b" ")
            os.write(out, line + (b" MUCH MEMORY" if much else b"") + b"\n")
            if much:
                os._exit(0)
    os._exit(0)


def _results(reading: int, child: int) -> Iterator[str]:
    rest = b""
    while True:
        ready, _, _ = select.select([reading], [], [], HUNG_SECONDS)
        if not ready:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            yield "hang"
            return
        chunk = os.read(reading, 65536)
        if not chunk:
            break
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        yield f"killed: {signal.Signals(os.WTERMSIG(status)).name}"


def main() -> None:
    """Run the campaign and print its figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--flips", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--log")
    options = parser.parse_args()
    draw = random.Random(options.seed)
    log = open(options.log, "w") if options.log else None  # noqa: SIM115 as long as the process
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        paths = [path for path in samples.write_all(Path(folder)) if options.only in path.name]
        harmful: list[tuple[str, int, str]] = []
        totals: dict[str, collections.Counter[str]] = {}
        for path in paths:
            data = path.read_bytes()
            footer = footer_begin(data)
            begin = time.monotonic()
            for part, low, high in (("footer", footer, len(data)), ("rest", 0, footer)):
                count = min(options.flips // len(paths) // 2, 8 * (high - low))
                bits = draw.sample(range(8 * low, 8 * high), count)
                tally: collections.Counter[str] = collections.Counter()
                for bit, result in run(path, bits):
                    tally[word(result)] += 1
                    if word(result) not in HARMLESS or (
                        (part, path.name) in CHECKED and result == "other text"
                    ):
                        harmful.append((path.name, bit, result))
                    if log:
                        print(
                            json.dumps([path.name, part, bit, bit // 8 - low, result]), file=log, flush=True
                        )
                if count:
                    totals[f"{path.name} {part}"] = tally
                    print(f"{path.name:22} {part:7} {count:6} {dict(tally)}", flush=True)
            print(f"  {time.monotonic() - begin:.1f} s", file=sys.stderr)
    total = sum(totals.values(), collections.Counter())
    print("total", total.total(), dict(total), flush=True)
    sys.exit(f"not harmless: {harmful}" if harmful else 0)


def word(result: str) -> str:
    """Return the class of a result."""
    much = " MUCH" if result.endswith("MUCH MEMORY") else ""
    return (result.split(":", maxsplit=1)[0] if not result.startswith("killed") else result) + much


if __name__ == "__main__":
    main()
