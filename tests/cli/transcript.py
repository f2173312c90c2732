"""Whole transcripts of the command line, compared with stored ones.

`OCTOMED_UPDATE_SNAPSHOTS=1 pytest tests/cli` writes them anew; read the difference before you commit it.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

SNAPSHOTS = Path(__file__).parent / "snapshots"

MOVING = (
    (re.compile(r"\b\d+ h \d\d min\b|\b\d+ min \d\d s\b|\b\d+\.\d s\b"), "<time>"),
    (re.compile(r"\b[\d,.]+ (rows|packs|traces)/s"), r"<rate> \1/s"),
    (re.compile(r"\b[\d,.]+ MB/s"), "<rate> MB/s"),
    (re.compile(r"[\d.]+ [kMGT]?B free"), "<disk> free"),
    (re.compile(r"(tokenizer:? +)\S.*"), r"\1<path>"),
    (
        re.compile(r'("(?:seconds|seconds_left|rows_per_second|bytes_per_second|free_bytes)": )[\d.]+'),
        r"\1<moving>",
    ),
    (re.compile(r'("(?:plan|scan|select|write)": )[\d.]+'), r"\1<moving>"),
    (re.compile(r'("time": ")[^"]+'), r"\1<moment>"),
    (re.compile(r'("version": |^octomed )"?\d+\.\d+\.\d+"?', re.MULTILINE), r"\1<version>"),
)


def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `octomed` in a folder, without colour and without a terminal."""
    known = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "octomed", *words],
        cwd=folder,
        env=known | {"COLUMNS": "100", "LANG": "C.UTF-8", "NO_COLOR": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def transcript(folder: Path, *words: str, **environment: str) -> str:
    """Run a command and return what a reader would see, with what moves replaced."""
    done = run(folder, *words, **environment)
    parts = [f"$ octomed {shlex.join(words)}", done.stdout.rstrip("\n")]
    parts += [f"! {line}".rstrip() for line in done.stderr.splitlines()]
    parts.append(f"[exit {done.returncode}]")
    text = "\n".join(part for part in parts if part)
    text = text.replace(str(folder.resolve()), "<folder>")
    for pattern, stands_for in MOVING:
        text = pattern.sub(stands_for, text)
    return text + "\n"


def check(name: str, *transcripts: str) -> None:
    """Compare transcripts with the stored ones of this name."""
    found = "\n".join(transcripts)
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("OCTOMED_UPDATE_SNAPSHOTS"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")
