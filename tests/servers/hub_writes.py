"""The hub's calls that change a dataset: it is made, large files are put, and commits are made of them."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tests.servers.message import Answer, Request

if TYPE_CHECKING:
    from tests.servers.objects import Objects

ATTRIBUTES = b"*.mds filter=lfs diff=lfs merge=lfs -text\n"
"""What the hub puts into a dataset that is made."""


class Writes:
    """Datasets that are written to; `large` is the size from which files go another way."""

    def __init__(self, objects: Objects, large: int) -> None:
        self.objects, self.large = objects, large
        self._private: dict[str, bool] = {}
        self.put: dict[str, bytes] = {}
        self.commits: list[dict[str, Any]] = []

    def answer(self, request: Request) -> Answer | None:
        """Answer what changes something; None for what does not."""
        words = [unquote(word) for word in request.raw_path.strip("/").split("/")]
        if words[:2] == ["api", "datasets"]:
            calls = {"preupload": self._preupload, "commit": self._commit}
            return calls[words[4]](request, "/".join(words[2:4])) if words[4] in calls else None
        if words[:1] == ["lfs"] and request.method == "PUT":
            self.put[words[1]] = bytes(request.body)
            return Answer()
        calls_of = {"create": self._create, "validate-yaml": self._validate, "batch": self._batch}
        return calls_of[words[-1]](request) if words[-1] in calls_of else None

    def is_private(self, repository: str) -> bool:
        made = self.objects.get(f"{repository}/.gitattributes") is not None  # a dataset that was made here
        return made and self._private.get(repository, False)

    def exists(self, repository: str) -> bool:
        return bool(self.objects.names(f"{repository}/"))

    def _create(self, request: Request) -> Answer:
        wanted = json.loads(request.body)
        if wanted["organization"] == "nobody":
            return Answer(404, b'{"error": "no such owner"}', {"X-Error-Message": "no such owner"})
        repository = f"{wanted['organization']}/{wanted['name']}"
        if self.exists(repository):
            return Answer(409, b"{}")
        self._private[repository] = bool(wanted.get("private"))
        self.objects.put(f"{repository}/.gitattributes", ATTRIBUTES)
        return _json({"url": f"http://{request.headers['host']}/datasets/{repository}"})

    def _validate(self, request: Request) -> Answer:
        if "license: no-such-licence" in json.loads(request.body)["content"]:
            return Answer(400, json.dumps({"errors": [{"message": "license"}], "warnings": []}).encode())
        return _json({"errors": [], "warnings": []})

    def _preupload(self, request: Request, _: str) -> Answer:
        wanted = json.loads(request.body)
        files = [
            {"path": one["path"], "uploadMode": "lfs" if one["size"] >= self.large else "regular",
             "shouldIgnore": False}
            for one in wanted["files"]
        ]  # fmt: skip
        return _json({"files": files})

    def _batch(self, request: Request) -> Answer:
        objects = []
        for one in json.loads(request.body)["objects"]:
            place = f"http://{request.headers['host']}/lfs/{one['oid']}"
            actions = {} if one["oid"] in self.put else {"actions": {"upload": {"href": place}}}
            objects.append({"oid": one["oid"], "size": one["size"], **actions})
        return _json({"transfer": "basic", "objects": objects})

    def _commit(self, request: Request, repository: str) -> Answer:
        lines = [json.loads(line) for line in request.body.splitlines() if line.strip()]
        made: dict[str, bytes | None] = {}
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                made[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                if value["oid"] not in self.put:
                    return Answer(400, b"", {"X-Error-Message": "no such object"})
                made[value["path"]] = self.put[value["oid"]]
            elif line["key"] == "deletedFile":
                made[value["path"]] = None
        for name, data in made.items():
            if data is None:
                self.objects.delete(f"{repository}/{name}")
            else:
                self.objects.put(f"{repository}/{name}", data)
        digest = hashlib.sha1(request.body).hexdigest()
        self.commits.append({"repository": repository, "names": sorted(made)})
        place = f"http://{request.headers['host']}/datasets/{repository}/commit/{digest}"
        return _json({"success": True, "commitOid": digest, "commitUrl": place, "hookOutput": ""})


def _json(value: Any) -> Answer:
    return Answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})
