"""A power cut: what of a journal of calls is on the disk afterwards.

The rules are POSIX's, which promise less than any one file system keeps: what was written and not synced may
be there, may be cut off, or may be zeros; a name that was made, renamed or removed counts once its folder is
synced, and until then each folder has some first part of what was done in it. What a folder had before a lost
rename comes back.
"""

from __future__ import annotations

import os
import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Disk:
    """What the journal's calls did to the files below a folder.

    Attributes
    ----------
    unsynced
        Files, by their present names, whose last bytes were not synced.
    undone
        For each folder, how to undo what was done in it since it was synced, the last deed last: the name,
        and where the former file is kept, if there was one.
    """

    unsynced: set[str] = field(default_factory=set)
    undone: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def read(self, journal: Path) -> None:
        """Take every line of the journal, in the order of the calls."""
        for line in journal.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            self.take(*line.split("\t"))

    def take(self, call: str, path: str, other: str = "", kept: str = "") -> None:
        """Take one call."""
        if call == "write":
            self.unsynced.add(path)
        elif call == "create":
            self.unsynced.add(path)
            self._did(path, "")
        elif call == "mkdir":
            self._did(path, "")
        elif call == "sync":
            self.unsynced.discard(path)
            self.undone.pop(path, None)
        elif call in {"unlink", "rmdir"}:
            self.unsynced.discard(path)
            self._did(path, other)
        elif call == "rename":
            self._renamed(path, other, kept)

    def _renamed(self, source: str, target: str, kept: str) -> None:
        """A file under its new name; its old name does not come back, which only temporary files would."""
        for name in [name for name in self.unsynced if name == source or name.startswith(source + "/")]:
            self.unsynced.discard(name)
            self.unsynced.add(target + name[len(source) :])
        self._did(target, kept)

    def _did(self, path: str, kept: str) -> None:
        self.undone.setdefault(str(Path(path).parent), []).append((path, kept))


def cut_power(disk: Disk, draw: random.Random) -> dict[str, int]:
    """Bring the files into the state that a power cut may leave; returns how much was lost."""
    lost = {"files cut or zeroed": 0, "names undone": 0}
    for path in sorted(disk.unsynced):
        lost["files cut or zeroed"] += int(_lose_bytes(Path(path), draw))
    for deeds in disk.undone.values():
        for path, kept in reversed(deeds[draw.randint(0, len(deeds)) :]):
            lost["names undone"] += 1
            _undo(Path(path), kept)
    return lost


def _lose_bytes(path: Path, draw: random.Random) -> bool:
    if not path.is_file():
        return False
    size, kind = path.stat().st_size, draw.randrange(4)
    if kind == 0:
        return False
    keep = 0 if kind == 1 else draw.randint(0, size)
    os.truncate(path, keep)
    if kind == 3:  # the size is written, the bytes are not
        os.truncate(path, size)
    return True


def _undo(path: Path, kept: str) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    if kept and path.parent.is_dir():
        shutil.copyfile(kept, path)
