"""The hub's calls that huggingface_hub makes for data sets, and the resolving of files: large ones redirect.

What changes a dataset is in `hub_writes.py`.

Objects are named `owner/name/path`. What a repository holds when it is asked for is a commit, and stays.
"""

from __future__ import annotations

import hashlib
import json
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote

from tests.servers.hub_writes import Writes
from tests.servers.message import Answer, Request, part_of

if TYPE_CHECKING:
    from tests.servers.objects import Objects, Stored
    from tests.servers.rules import Rules

LARGE = 4096
"""Files of so many bytes are elsewhere, as the hub has large ones."""
SIGNATURE = "planted-signature"
"""Stands in the query of where large files are; nobody may keep it."""
_REFUSALS = {
    "none": (401, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}),
    "wrong": (401, {"X-Error-Message": "Invalid credentials in Authorization header"}),
    "expired": (401, {"X-Error-Message": "Invalid credentials in Authorization header"}),
    "readonly": (403, {"X-Error-Message": "Forbidden"}),
}
_Tree = dict[str, "Stored"]


class Hub:
    """Data sets under `hf://datasets/owner/name[@revision]/path`."""

    def __init__(self, objects: Objects, rules: Rules) -> None:
        self.objects, self.rules = objects, rules
        self.commits: dict[tuple[str, str], _Tree] = {}
        self.large: dict[str, Stored] = {}
        self.writes = Writes(objects, LARGE)

    def who(self, request: Request) -> str | None:
        return request.headers.get("authorization", "").removeprefix("Bearer ") or None

    def busy(self, status: int) -> Answer:
        return Answer(status, b"busy", {"Content-Type": "text/plain"})

    def full(self) -> Answer:
        return Answer(413)

    def answer(self, request: Request) -> Answer:
        if request.path.startswith("/cdn/"):
            return self._large(request)
        changes = request.writes and "/paths-info/" not in request.path
        why = self.rules.refusal(self.who(request), writes=changes, said=None)
        if why is not None:
            return Answer(_REFUSALS[why][0], b"", _REFUSALS[why][1])
        if changes and (done := self.writes.answer(request)) is not None:
            return done
        words = [unquote(word) for word in request.raw_path.strip("/").split("/")]
        if words[:2] == ["api", "datasets"]:
            return self._api(request, words[2:])
        if words[0] == "datasets" and words[3:4] == ["resolve"]:
            return self._resolve(request, f"{words[1]}/{words[2]}", words[4], "/".join(words[5:]))
        return _missing("EntryNotFound")

    def _api(self, request: Request, words: list[str]) -> Answer:
        repository, what = "/".join(words[:2]), words[2] if len(words) > 2 else "revision"
        if not self.objects.names(f"{repository}/"):
            return Answer(
                401, b"", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}
            )
        found = self._commit(repository, words[3] if len(words) > 3 else "main")
        if found is None:
            return _missing("RevisionNotFound")
        commit, tree = found
        if what == "revision":
            names = [{"rfilename": name} for name in sorted(tree)]
            said = {"id": repository, "sha": commit, "siblings": names}
            said |= {"private": self.writes.is_private(repository)}
            return _json(said | {"tags": [], "downloads": 0, "likes": 0})
        if what == "tree":
            return self._tree(request, tree, "/".join(words[4:]))
        if what == "paths-info":
            form = parse_qs(request.body.decode())
            wanted = json.loads(request.body)["paths"] if request.body[:1] == b"{" else form.get("paths", [])
            return _json([_entry(name, tree[name]) for name in wanted if name in tree])
        return _missing("EntryNotFound")

    def _tree(self, request: Request, tree: _Tree, folder: str) -> Answer:
        prefix = f"{folder}/" if folder else ""
        below = sorted(name for name in tree if name.startswith(prefix))
        if not below:
            return _missing("EntryNotFound")
        entries = [_entry(name, tree[name]) for name in below]
        if request.query.get("recursive", "").lower() != "true":
            folders = {name[len(prefix) :].partition("/")[0] for name in below if "/" in name[len(prefix) :]}
            entries = [one for one in entries if "/" not in one["path"][len(prefix) :]]
            entries += [
                {"type": "directory", "path": prefix + one, "oid": "0", "size": 0} for one in sorted(folders)
            ]
        begin = int(request.query.get("cursor") or 0)
        end = begin + self.rules.page
        answer = _json(entries[begin:end])
        if end < len(entries):
            query = {**request.query, "cursor": str(end)}
            rest = "&".join(f"{name}={quote(value)}" for name, value in query.items())
            answer.headers["Link"] = (
                f'<http://{request.headers["host"]}{request.raw_path}?{rest}>; rel="next"'
            )
        return answer

    def _resolve(self, request: Request, repository: str, revision: str, name: str) -> Answer:
        found = self._commit(repository, revision)
        if found is None:
            return _missing("RevisionNotFound")
        commit, tree = found
        if name not in tree:
            return _missing("EntryNotFound")
        stored = tree[name]
        headers = {"X-Repo-Commit": commit, "ETag": f'"{_oid(stored)}"'}
        if len(stored.data) < LARGE:
            return part_of(request, stored.data, headers)
        digest = _sha256(stored)
        self.large[digest] = stored
        place = f"http://{request.headers['host']}/cdn/{digest}?X-Amz-Signature={SIGNATURE}"
        linked = {"X-Linked-Size": str(len(stored.data)), "X-Linked-ETag": f'"{digest}"', "Location": place}
        return Answer(302, b"", headers | linked)

    def _large(self, request: Request) -> Answer:
        stored = self.large.get(request.path.rpartition("/")[2])
        if stored is None or request.query.get("X-Amz-Signature") != SIGNATURE:
            return Answer(403)
        said = {"ETag": f'"{_sha256(stored)}"', "Last-Modified": formatdate(stored.modified, usegmt=True)}
        return part_of(request, stored.data, said)

    def _commit(self, repository: str, revision: str) -> tuple[str, _Tree] | None:
        """Return a commit and its files; a branch is what is there now."""
        prefix = f"{repository}/"
        with self.objects.lock:
            now = {name.removeprefix(prefix): self.objects.get(name) for name in self.objects.names(prefix)}
        tree = {name: stored for name, stored in now.items() if stored is not None}
        digest = hashlib.sha1(
            repr(sorted((name, one.etag) for name, one in tree.items())).encode()
        ).hexdigest()
        if tree:
            self.commits.setdefault((repository, digest), tree)
        if revision == "main":
            return (digest, tree) if tree else None
        found = self.commits.get((repository, revision))
        return None if found is None else (revision, found)


def _entry(name: str, stored: Stored) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": name, "size": len(stored.data), "oid": _oid(stored)}
    if len(stored.data) >= LARGE:
        entry["lfs"] = {"oid": _sha256(stored), "size": len(stored.data), "pointerSize": 134}
    return entry


def _oid(stored: Stored) -> str:
    return hashlib.sha1(f"blob {len(stored.data)}\0".encode() + stored.data).hexdigest()


def _sha256(stored: Stored) -> str:
    return hashlib.sha256(stored.data).hexdigest()


def _missing(code: str) -> Answer:
    return Answer(404, b"", {"X-Error-Code": code, "X-Error-Message": code})


def _json(value: Any) -> Answer:
    return Answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})
