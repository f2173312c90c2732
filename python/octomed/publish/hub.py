"""A dataset of the Hugging Face hub that a run is put to, by the hub's own client."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from octomed.errors import RecipeError, StorageError
from octomed.file_names import CARD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_ADDRESS = re.compile(r"hf://datasets/([\w.-]+/[\w.-]+)/?")
_ENDPOINT = "https://huggingface.co"
_NOT_FOUND = 404
_AGAIN = "once that is mended, the same command goes on"
_NO_ROOM = ("the hub has no room for it", "see the owner's storage on the hub")
_REFUSALS = {
    401: ("the hub does not take the token", "`hf auth login` asks for another"),
    403: ("the token does not allow it", "use one with the right to write to what the owner has"),
    413: _NO_ROOM,
    429: ("too many requests", "wait a while; the same command goes on"),
    507: _NO_ROOM,
}
"""What answers of the hub mean, and what to do about them."""
_PIECE = 2**20


def repository_of(address: str) -> str:
    """Return `owner/name` of the address of a dataset.

    Raises
    ------
    RecipeError
        When it is none of a whole dataset.

    Examples
    --------
    >>> repository_of("hf://datasets/octomed/films")
    'octomed/films'
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        message = f"`{address}` is not the address of a dataset"
        raise RecipeError(message, "write `hf://datasets/owner/name`: a run is a dataset of its own")
    return found[1]


@dataclass(frozen=True)
class RemoteFile:
    """A file of a dataset: its size, and the digest that the hub has of it (of a large one SHA-256)."""

    size: int
    digest: str
    is_large: bool

    def is_same(self, path: Path) -> bool:
        """Tell whether a file of this machine has the same bytes."""
        size = path.stat().st_size
        if size != self.size:
            return False
        hashed = hashlib.sha256() if self.is_large else hashlib.sha1(f"blob {size}\0".encode())  # noqa: S324 git's own
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                hashed.update(piece)
        return hashed.hexdigest() == self.digest


class HubDataset:
    """A dataset of the hub.

    Parameters
    ----------
    repository
        `owner/name`.

    Raises
    ------
    StorageError
        When the client is not installed, or there is no token.
    """

    def __init__(self, repository: str) -> None:
        try:
            import huggingface_hub  # noqa: PLC0415 of an extra
        except ModuleNotFoundError:
            message = "pushing to the hub needs `huggingface_hub`, which is not installed"
            raise StorageError(message, "`pip install '.[hub]'` in OctoMed's folder") from None
        self.repository = repository
        self.endpoint = (os.environ.get("HF_ENDPOINT") or _ENDPOINT).rstrip("/")
        token = os.environ.get("HF_TOKEN") or huggingface_hub.get_token()
        if not token:
            message = "there is no token of the Hugging Face hub"
            raise StorageError(
                message, "`hf auth login` asks for one, or set `HF_TOKEN`; it needs the right to write"
            )
        self._api: Any = huggingface_hub.HfApi(endpoint=self.endpoint, token=token)
        self._hub: Any = huggingface_hub
        self._hub.utils.disable_progress_bars()

    @property
    def page(self) -> str:
        """The address of its page."""
        return f"{self.endpoint}/datasets/{self.repository}"

    def is_private(self) -> bool | None:
        """Tell whether it is private; None where there is no such dataset, or none that the token may see."""
        try:
            with self._in_words("look at"):
                return bool(self._api.dataset_info(self.repository).private)
        except FileNotFoundError:
            return None

    def create(self, *, private: bool) -> None:
        """Make it, where there is none."""
        with self._in_words("make"):
            try:
                self._api.create_repo(self.repository, repo_type="dataset", private=private, exist_ok=True)
            except FileNotFoundError:
                raise self._no_owner() from None

    def files(self) -> dict[str, RemoteFile]:
        """Return what it holds, by name."""
        with self._in_words("list"):
            try:
                found = self._api.list_repo_tree(self.repository, repo_type="dataset", recursive=True)
                return {one.path: _remote(one) for one in found if hasattr(one, "size")}
            except self._hub.errors.EntryNotFoundError:  # nothing was committed yet
                return {}

    def read(self, name: str) -> bytes | None:
        """Return what a small file of it holds; None where there is none."""
        utils = self._hub.utils
        place = f"{self.page}/resolve/main/{quote(name)}"
        with self._in_words("read"):
            answer = utils.get_session().get(place, headers=utils.build_hf_headers(token=self._api.token))
            try:
                utils.hf_raise_for_status(answer)
            except self._hub.errors.EntryNotFoundError:
                return None
            return bytes(answer.content)

    def commit(self, files: Mapping[str, Path], gone: Sequence[str], message: str) -> None:
        """Put files and remove others, all at once or none.

        Parameters
        ----------
        files
            By name, where they lie here.
        gone
            Names of files to be removed.
        message
            What is said of it in the dataset's history.
        """
        operations = [
            *(self._hub.CommitOperationDelete(name) for name in gone),
            *(self._hub.CommitOperationAdd(name, str(path)) for name, path in files.items()),
        ]
        with self._in_words("write to"):
            self._api.create_commit(
                self.repository, operations, commit_message=message, repo_type="dataset", num_threads=4
            )

    @contextlib.contextmanager
    def _in_words(self, what: str) -> Iterator[None]:
        """Say of an error of the client what it means: nothing that a server says is shown."""
        try:
            yield
        except (RecipeError, StorageError, FileNotFoundError):
            raise
        except Exception as error:
            names = {one.__name__ for one in type(error).__mro__}
            status = getattr(getattr(error, "response", None), "status_code", None)
            if "RepositoryNotFoundError" in names and what == "look at":
                raise FileNotFoundError(self.repository) from None
            raise self._said(what, names, status, error) from error

    def _said(self, what: str, names: set[str], status: object, error: Exception) -> StorageError:
        place = f"cannot {what} `hf://datasets/{self.repository}`"
        if "OfflineModeIsEnabled" in names:
            return StorageError(f"{place}: `HF_HUB_OFFLINE` is set", "unset it")
        if isinstance(status, int):
            if status == _NOT_FOUND:
                return self._no_owner()
            why, hint = _REFUSALS.get(status, (f"the hub answers {status}", _AGAIN))
            return StorageError(f"{place}: {why}", hint)
        if isinstance(error, OSError) or names & {"ConnectError", "TimeoutException", "TransportError"}:
            return StorageError(f"{place}: the hub cannot be reached at `{self.endpoint}`", _AGAIN)
        if isinstance(error, ValueError) and CARD in str(error):
            return StorageError(
                f"{place}: the hub refuses the header of `{CARD}`", "correct it, and push again"
            )
        return StorageError(f"{place}: {type(error).__name__}")

    def _no_owner(self) -> StorageError:
        owner, _, name = self.repository.partition("/")
        message = f"there is no dataset `{name}` of `{owner}` that the token may see, and none can be made"
        return StorageError(message, "correct the address; the owner is a user or an organization of the hub")


def _remote(one: Any) -> RemoteFile:  # noqa: ANN401 `RepoFile`
    if one.lfs is None:
        return RemoteFile(one.size, one.blob_id, is_large=False)
    return RemoteFile(one.size, one.lfs.sha256, is_large=True)
