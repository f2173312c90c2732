"""Datasets of the Hugging Face hub: one commit, listed by the hub's client, read by ranges."""

from __future__ import annotations

import os
import re
import threading
from datetime import datetime, timezone
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from octomed.aside import aside
from octomed.errors import StorageError
from octomed.stores.attempts import Failed
from octomed.stores.connecting import connect_web
from octomed.stores.faults import Refused, fault_of_kind, fault_of_status
from octomed.stores.web import WebBucket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obstore import ObjectMeta
    from obstore.store import HTTPStore

    from octomed.stores.address import Address
    from octomed.stores.faults import Fault
    from octomed.stores.options import StoreOptions

__all__ = ["HubBucket"]

_COMMIT = re.compile(r"[0-9a-f]{40}")
_NO_TIME = datetime.fromtimestamp(0, timezone.utc)
_PAGE = 1_000
"""Files that the hub lists at once."""


class HubBucket(WebBucket):
    """The files of a dataset at a commit.

    Parameters
    ----------
    root
        With `owner/name@revision`; a branch or a tag is resolved to a commit once.
    options
        What the recipe says of it.
    """

    def __init__(self, root: Address, options: StoreOptions) -> None:
        super().__init__(root, options)
        self.endpoint = (
            options.endpoint or os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
        ).rstrip("/")
        self.repository, _, self.revision = root.root.partition("@")
        self._ranges = True
        self._resolving = threading.RLock()
        self._commit = self.revision if _COMMIT.fullmatch(self.revision) else ""

    @property
    def commit(self) -> str:
        """The commit that is read.

        Raises
        ------
        StorageError
            When the hub does not say, or has no such dataset or revision.
        """
        with self._resolving:
            if not self._commit:
                self._commit = self._resolved()
            return self._commit

    def get_ready(self) -> None:
        """Resolve the revision, outside of any other request."""
        _ = self.commit

    def head(self, key: str) -> ObjectMeta:
        """Return size and digest of a file."""
        found = self._called("get_paths_info", paths=[key], revision=self._commit)
        for one in found:
            if one.path == key and hasattr(one, "size"):
                return _described(one)
        raise Refused(fault_of_kind("missing"))

    def listed(self, prefix: str) -> Iterator[ObjectMeta]:
        """Yield the files whose paths begin with a prefix, in order."""
        folder = prefix.rpartition("/")[0]
        revision = self.commit

        def request() -> list[ObjectMeta]:
            settings: dict[str, Any] = {
                "recursive": True,
                "revision": revision,
                "path_in_repo": folder or None,
            }
            found = self._called("list_repo_tree", **settings)
            return [_described(one) for one in found if hasattr(one, "size")]

        try:
            files = self.attempts.run(request)
        except Failed as failed:
            if failed.fault.kind == "missing":
                return
            raise failed.error("list", str(self.root.child(folder))) from None
        yield from sorted(
            (one for one in files if one["path"].startswith(prefix)), key=lambda one: one["path"]
        )

    def version(self, meta: ObjectMeta) -> str | None:
        """Return the digest of the content, as the hub has it."""
        return meta["e_tag"]

    def is_version(self, meta: ObjectMeta, version: str) -> bool:  # noqa: ARG002
        """Say yes: nothing changes in a commit, and what sends the bytes calls them otherwise."""
        return True

    def _resolved(self) -> str:
        try:
            return str(self.attempts.run(lambda: self._called("dataset_info", revision=self.revision).sha))
        except Failed as failed:
            if failed.fault.kind == "missing":
                raise StorageError(
                    f"cannot read `{self.root}`: the hub shows no such dataset or revision",
                    "correct the address; for one that is not public, set `HF_TOKEN`",
                ) from None
            raise failed.error("read", str(self.root)) from None

    def _target(self, key: str) -> tuple[HTTPStore, str]:
        url = self.endpoint
        with self._making:
            if url not in self._stores:
                token = self._token()
                headers = {"authorization": f"Bearer {token}"} if token else None
                self._stores[url] = connect_web(url, self.options, headers)
            return self._stores[url], f"datasets/{self.repository}/resolve/{self._commit}/{key}"

    def _token(self) -> str | None:
        if self.options.anonymous:
            return None
        from huggingface_hub import get_token  # noqa: PLC0415 of an extra

        return os.environ.get("HF_TOKEN") or get_token()

    def _called(self, name: str, **settings: Any) -> Any:  # noqa: ANN401 of the hub's client
        """Call the hub's client, and put what it raises into words without what it says."""
        try:
            from huggingface_hub import HfApi  # noqa: PLC0415 of an extra
        except ModuleNotFoundError:
            raise StorageError(f"`{self.root}` needs `huggingface_hub`", "`pip install '.[hub]'`") from None
        api = HfApi(endpoint=self.endpoint, token=self._token() or False)
        call = getattr(api, name)

        try:  # the hub's client gives most of its requests no limit of time
            found = aside(
                partial(call, self.repository, **self._kind(name), **settings), self.options.timeout
            )
            return list(self._in_pieces(found)) if name == "list_repo_tree" else found
        except TimeoutError:
            raise Refused(fault_of_kind("unreachable", "it does not answer in time")) from None
        except Exception as error:  # noqa: BLE001 its client raises those of the package that it uses
            raise Refused(_fault_of(error)) from None

    def _in_pieces(self, found: Iterator[Any]) -> Iterator[Any]:
        """Yield what a listing finds, page by page, each of which has the time of a request."""
        while piece := aside(lambda: list(islice(found, _PAGE)), self.options.timeout):
            yield from piece

    @staticmethod
    def _kind(name: str) -> dict[str, str]:
        return {} if name == "dataset_info" else {"repo_type": "dataset"}


def _described(file: Any) -> ObjectMeta:  # noqa: ANN401 `RepoFile`
    lfs = file.lfs
    digest = file.blob_id if lfs is None else lfs.sha256
    return {"path": file.path, "size": file.size, "e_tag": digest, "last_modified": _NO_TIME, "version": None}


def _fault_of(error: Exception) -> Fault:
    """Say what an error of the hub's client means, by its class and the status of the answer."""
    names = {one.__name__ for one in type(error).__mro__}
    if "GatedRepoError" in names:
        return fault_of_kind("refused", "the dataset wants its conditions to be accepted")
    if names & {"EntryNotFoundError", "RepositoryNotFoundError", "RevisionNotFoundError"}:
        return fault_of_kind("missing")
    if names & {"OfflineModeIsEnabled", "LocalEntryNotFoundError"}:
        return fault_of_kind("unable", "the hub's client is told to be offline (`HF_HUB_OFFLINE`)")
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(status, int):
        return fault_of_status(status)
    return fault_of_kind("unreachable")
