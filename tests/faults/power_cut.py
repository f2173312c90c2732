"""What a power cut may leave of a folder, given what was asked of the disk.

A process runs with `power_cut.c` loaded, which notes each file that is made, written, synced, renamed and
removed below one folder. `PowerCut.strike` then takes from the folder what need not have been on the disk:

- A file written since its last sync keeps its bytes, loses all, some, or has zeros for some.
- What happened to the names in a folder since the folder's last sync happened up to some moment, and no
  later: as file systems with a journal have it. Folders differ in that moment, which no journal allows.

So a state that it leaves may be worse than any that a disk would leave.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import random

SOURCE = Path(__file__).with_name("power_cut.c")


def build(folder: Path) -> Path:
    """Compile the layer; skip the test where that is not possible."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("a C compiler makes the layer that drops what was not synced")
    if not sys.platform.startswith("linux"):
        pytest.skip("the layer stands between a process and Linux")
    library = folder / "power_cut.so"
    command = [compiler, "-O1", "-shared", "-fPIC", "-w", "-o", str(library), str(SOURCE), "-lpthread"]
    subprocess.run(command, check=True, capture_output=True)
    return library


@dataclass
class _Folder:
    """Names in a folder: as they are on the disk, and what happened to them since."""

    durable: dict[str, int] = field(default_factory=dict)
    since: list[list[tuple[str, int | None]]] = field(default_factory=list)

    def at(self, moment: int) -> dict[str, int]:
        names = dict(self.durable)
        for changes in self.since[:moment]:
            for name, inode in changes:
                names.pop(name, None)
                if inode is not None:
                    names[name] = inode
        return names

    def sync(self) -> None:
        self.durable, self.since = self.at(len(self.since)), []


class PowerCut:
    """A folder whose power can be cut.

    Parameters
    ----------
    root : Path
        The folder; what it holds now is on the disk.
    scratch : Path
        An empty folder of the same file system, outside of the root.
    library : Path
        What `build` made.
    """

    def __init__(self, root: Path, scratch: Path, library: Path) -> None:
        self.root, self.scratch = root.resolve(), scratch.resolve()
        self.log, self.kept = self.scratch / "log", self.scratch / "kept"
        self.library = library
        self.begin()

    def begin(self) -> None:
        """Take the folder as it is for what is on the disk."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.kept.mkdir(parents=True)
        self.folders: dict[int, _Folder] = {}
        self.unsynced: set[int] = set()
        for path, folders, files in os.walk(self.root):
            names = {name: os.lstat(Path(path, name)).st_ino for name in [*folders, *files]}
            self.folders[os.stat(path).st_ino] = _Folder(names)

    @property
    def environment(self) -> dict[str, str]:
        """What the process must have in its environment."""
        return {
            "LD_PRELOAD": str(self.library),
            "POWER_CUT_ROOT": str(self.root),
            "POWER_CUT_KEPT": str(self.kept),
            "POWER_CUT_LOG": str(self.log),
        }

    def strike(self, draw: random.Random) -> list[str]:
        """Leave of the folder what a power cut might leave, once the process has ended; say what was lost."""
        self._replay()
        places = self._places()
        after = self.scratch / "after"
        lost: list[str] = []
        self._rebuild(self.root.stat().st_ino, after, places, draw, lost)
        for path in self.root.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for path in after.iterdir():
            path.rename(self.root / path.name)
        self.begin()
        return lost

    def _replay(self) -> None:
        lines = self.log.read_bytes().split(b"\n")[:-1] if self.log.exists() else []
        inodes = {str(self.root): self.root.stat().st_ino}
        for path, folders, _ in os.walk(self.root):
            inodes |= {os.path.join(path, name): os.stat(os.path.join(path, name)).st_ino for name in folders}
        made: dict[str, int] = {}
        for line in lines:
            what, number, rest = os.fsdecode(line).split(" ", 2)
            inode = int(number)
            if what == "write":
                self.unsynced.add(inode)
            elif what == "sync":
                self.unsynced.discard(inode)
                if inode in self.folders:
                    self.folders[inode].sync()
            else:
                if what == "folder":
                    made[rest] = inode
                    self.folders[inode] = _Folder()
                self._change(what, inode, rest.split("\t"), inodes | made)

    def _change(self, what: str, inode: int, paths: list[str], inodes: dict[str, int]) -> None:
        changes: dict[int, list[tuple[str, int | None]]] = {}
        for path, left in zip(paths, [None if what in {"rename", "remove"} else inode, inode], strict=False):
            folder, name = os.path.split(path)
            changes.setdefault(inodes.get(folder, 0), []).append((name, left))
        for folder_inode, names in changes.items():
            self.folders.setdefault(folder_inode, _Folder()).since.append(names)

    def _places(self) -> dict[int, Path]:
        """Where each file's bytes are now."""
        places = {}
        for folder in (self.kept, self.root):
            for path, _, files in os.walk(folder):
                places |= {os.lstat(Path(path, name)).st_ino: Path(path, name) for name in files}
        return places

    def _rebuild(
        self, inode: int, target: Path, places: dict[int, Path], draw: random.Random, lost: list[str]
    ) -> None:
        target.mkdir()
        folder = self.folders[inode]
        moment = draw.randint(0, len(folder.since))
        if moment < len(folder.since):
            lost.append(f"{len(folder.since) - moment} changes of names in `{target.name}`")
        for name, found in folder.at(moment).items():
            if found in self.folders:
                self._rebuild(found, target / name, places, draw, lost)
            elif found in places:
                shutil.copy2(places[found], target / name, follow_symlinks=False)
                if found in self.unsynced:
                    _lose(target / name, draw)
                    lost.append(f"bytes of `{name}`")


def _lose(path: Path, draw: random.Random) -> None:
    """Leave of a file's bytes what need not have been lost."""
    data = bytearray(path.read_bytes())
    where = draw.randint(0, len(data))
    how = draw.choice(["all", "empty", "cut", "zeros at the end", "a hole"])
    if how == "empty":
        del data[:]
    elif how == "cut":
        del data[where:]
    elif how == "zeros at the end":
        data[where:] = bytes(len(data) - where)
    elif how == "a hole":
        end = min(len(data), where + 4096)
        data[where:end] = bytes(end - where)
    path.write_bytes(data)
