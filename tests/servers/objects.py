"""Objects in memory with what stores say of them (ETag, generation, time); parts; pages of names."""

from __future__ import annotations

import base64
import bisect
import hashlib
import itertools
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.servers.rules import Rules


@dataclass(frozen=True)
class Stored:
    """An object; its ETag is without quotes."""

    data: bytes
    etag: str
    generation: int
    modified: float


@dataclass(frozen=True)
class Page:
    """A page of a listing: names and objects, prefixes, and where the next begins."""

    found: list[tuple[str, Stored]]
    prefixes: list[str]
    after: str | None


class Full(Exception):
    """The quota would be passed."""


class Objects:
    """Buckets with objects; names are `bucket/key`."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.buckets: set[str] = set()
        self.uploads: dict[str, tuple[str, dict[str, bytes]]] = {}
        self._stored: dict[str, Stored] = {}
        self._order: list[str] | None = None
        self._numbers = itertools.count(int(time.time() * 1e6))
        self._reads: dict[str, int] = {}
        self.lock = threading.RLock()

    def clear(self) -> None:
        with self.lock:
            self.uploads.clear()
            self._stored.clear()
            self._reads.clear()
            self._order = None

    def get(self, name: str) -> Stored | None:
        return self._stored.get(name)

    def names(self, prefix: str = "") -> list[str]:
        with self.lock:
            return [name for name in self._sorted() if name.startswith(prefix)]

    def read(self, name: str) -> Stored | None:
        """Return an object that is read: some are replaced once they have been read often enough."""
        with self.lock:
            found = self._stored.get(name)
            change = self.rules.replace.get(name)
            if change is not None:
                self._reads[name] = self._reads.get(name, 0) + 1
                if self._reads[name] == change["after"]:
                    self.put(name, base64.b64decode(change["data"]))
            return found

    def put(self, name: str, data: bytes, etag: str | None = None) -> Stored:
        """Store an object; raises `Full`."""
        with self.lock:
            if self.rules.quota is not None:
                others = sum(len(one.data) for key, one in self._stored.items() if key != name)
                if others + len(data) > self.rules.quota:
                    raise Full
            if name not in self._stored:
                self._order = None
            made = Stored(data, etag or hashlib.md5(data).hexdigest(), next(self._numbers), self.rules.now)
            self._stored[name] = made
            return made

    def delete(self, name: str) -> bool:
        with self.lock:
            self._order = None
            return self._stored.pop(name, None) is not None

    def begin(self, name: str) -> str:
        """Begin an upload in parts, and return its id."""
        number = f"upload{next(self._numbers)}"
        self.uploads[number] = (name, {})
        return number

    def page(self, bucket: str, prefix: str, delimiter: str, after: str | None, most: int) -> Page:
        """Return names of a bucket past one, and the prefixes that a delimiter makes."""
        most = max(min(most, self.rules.page), 1)
        with self.lock:
            order = self._sorted()
            start = f"{bucket}/{max(prefix, after or '')}"
            found: list[tuple[str, Stored]] = []
            prefixes: list[str] = []
            last = after
            for full in order[bisect.bisect_left(order, start) :]:
                key = full[len(bucket) + 1 :]
                if not full.startswith(f"{bucket}/{prefix}"):
                    break
                if after is not None and (key <= after or _is_below(key, after, delimiter)):
                    continue
                inside = key[len(prefix) :].find(delimiter) if delimiter else -1
                group = key[: len(prefix) + inside + len(delimiter)] if inside >= 0 else None
                if group is not None and prefixes and prefixes[-1] == group:
                    continue
                if len(found) + len(prefixes) == most:
                    return Page(found, prefixes, last)
                last = group or key
                if group is None:
                    found.append((key, self._stored[full]))
                else:
                    prefixes.append(group)
            return Page(found, prefixes, None)

    def _sorted(self) -> list[str]:
        if self._order is None:
            self._order = sorted(self._stored)
        return self._order


def _is_below(key: str, after: str, delimiter: str) -> bool:
    """Tell whether the listing has passed a key with the prefix that stands for it."""
    return bool(delimiter) and after.endswith(delimiter) and key.startswith(after)
