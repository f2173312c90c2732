"""Files of a run, from a folder or an object store."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.errors import OctomedError, StorageError
from octomed.names import shown
from octomed.plain_names import fault_of, path_below
from octomed.storage import storage_error
from octomed.store import LocalStore
from octomed.stream.downloads import client_of
from octomed.urls import is_url, join

if TYPE_CHECKING:
    from collections.abc import Callable

    from octomed.stream.downloads import Client

_Content = tuple[int, str]
"""Size and digest of what came."""

FIRST_PAUSE = 1.0
"""Seconds before a second attempt; each later pause is twice as long."""
_PAGE_BYTES = 512
_TWICE = 2
_MISSING_CODES = {"404", "NoSuchKey", "NoSuchBucket"}
_MISSING_CLASSES = {"NotFound", "ResourceNotFoundError"}
_REFUSED_CODES = {"401", "403", "ExpiredToken", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
_REFUSED_CLASSES = {
    "NoCredentialsError",
    "DefaultCredentialsError",
    "RefreshError",
    "Forbidden",
    "Unauthorized",
    "ClientAuthenticationError",
}


@dataclass
class Source:
    """Where a run's files are, which are only read.

    It is no `octomed.store.Store`: Streaming's clients, of which each process has its own, bring whole files
    and list none.

    Attributes
    ----------
    location
        A folder, or ``s3://``, ``gs://``, ``az://`` or ``hf://``.
    attempts
        How often a file of an object store is asked for before that is an error; the pause between two
        doubles from one second.
    timeout
        Seconds that one answer may take.
    commits
        Of a run on the hub: the commit that its first file came from, from which all others come.
    """

    location: str
    attempts: int = 5
    timeout: float = 60.0
    commits: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    _clients: dict[int, Client] = field(default_factory=dict, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the clients behind: connections belong to a process."""
        return self.__dict__ | {"_clients": {}}

    @property
    def remote(self) -> bool:
        """Whether the files are in an object store."""
        return is_url(self.location)

    @property
    def longest(self) -> float:
        """Seconds after which a file of an object store has come, or will not come."""
        return self.attempts * self.timeout + 2.0**self.attempts

    def address(self, name: str) -> str:
        """Return where a file is, as users write it."""
        return join(self.location, name)

    def read(self, name: str, check: Callable[[bytes], object] | None = None) -> bytes:
        """Read a file.

        Parameters
        ----------
        name
            Of the file.
        check
            Raises where content is not what it should be: a store is then asked again, for what is between it
            and here may have answered.

        Raises
        ------
        FileNotFoundError
            When there is none.
        StorageError
            When it cannot be read, in any of the attempts, or its name leads out of the run.
        """
        self._check(name)
        if not self.remote:
            data = LocalStore(Path(self.location), through_links=True).read(name)
            if check is not None:
                check(data)
            return data
        with tempfile.TemporaryDirectory(prefix="octomed-") as folder:
            target = Path(folder, "file")
            self._download(name, target, lambda path: check and check(path.read_bytes()))
            return target.read_bytes()

    def fetch(self, name: str, target: Path, check: Callable[[Path], object] | None = None) -> None:
        """Bring a file to ``target``, which does not exist: by a link where one disk holds both.

        Parameters
        ----------
        name
            Of the file.
        target
            Where it goes.
        check
            As of `read`, of the file that came.

        Raises
        ------
        FileNotFoundError, StorageError
            As `read`.
        """
        self._check(name)
        if self.remote:
            self._download(name, target, check or _anything)
            return
        path = path_below(Path(self.location), name, through_links=True)
        try:
            os.link(os.path.realpath(path), target)  # of a link itself there would be no file in the cache
        except FileNotFoundError:
            raise
        except OSError:
            self._copy(path, target)
        if check is not None:
            check(target)

    def _check(self, name: str) -> None:
        """Refuse a name, out of a run's own files, that is not one below the run."""
        fault = fault_of(name)
        if fault is not None:
            message = f"`{self.location}`: the name `{shown(name)}` {fault}"
            raise StorageError(message, "do not trust this run")

    @staticmethod
    def _copy(path: Path, target: Path) -> None:
        try:
            shutil.copyfile(path, target)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise storage_error("copy to the cache", path, error) from error

    def _download(self, name: str, target: Path, check: Callable[[Path], object]) -> None:
        address = self.address(name)
        pause, wrong = FIRST_PAUSE, list[_Content]()
        for attempt in range(1, self.attempts + 1):
            try:
                self._client().download(address, str(target), self.timeout)
            except ImportError as error:
                raise StorageError(f"cannot read `{address}`: {error}", "install that package") from error
            except Exception as error:
                self._forget(target)
                _raise_final(address, error)
                if attempt == self.attempts:
                    raise _gave_up(address, attempt, error) from error
            else:
                if self._is_right(address, target, check, wrong, last=attempt == self.attempts):
                    return
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 spreads the ranks' attempts
            pause *= 2

    def _is_right(
        self,
        address: str,
        target: Path,
        check: Callable[[Path], object],
        wrong: list[_Content],
        *,
        last: bool,
    ) -> bool:
        """Say whether content is what it should be; raise what is wrong with it once that is certain.

        The same wrong bytes for the third time are what the store has. A page of HTML is somebody else's.
        """
        try:
            check(target)
        except OctomedError as error:
            with target.open("rb") as file:
                is_page = file.read(_PAGE_BYTES).lstrip()[:9].lower().startswith((b"<!doctype", b"<html"))
            found: _Content = _octomed.file_digest(str(target))
            self._forget(target)
            if is_page and last:
                raise _page_in_place(address) from error
            wrong.append(found)
            if last or (wrong.count(found) > _TWICE and not is_page):
                raise
            return False
        return True

    @staticmethod
    def _forget(target: Path) -> None:
        """Forget what a failed attempt has left."""
        with contextlib.suppress(OSError):
            target.unlink()

    def _client(self) -> Client:
        """Return this process's client: one that was forked would share its sockets."""
        process = os.getpid()
        if process not in self._clients:
            self._clients = {process: client_of(self.location, self.commits)}
        return self._clients[process]


def _anything(_: Path) -> None:
    """Take what comes."""


def _raise_final(address: str, error: Exception) -> None:
    """Raise what no further attempt can fix."""
    response = getattr(error, "response", None)
    code = str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
    code = code or str(getattr(error, "status_code", None) or getattr(error, "code", ""))
    kind = type(error).__name__
    if isinstance(error, FileNotFoundError) or code in _MISSING_CODES or kind in _MISSING_CLASSES:
        raise FileNotFoundError(address) from error
    if code in _REFUSED_CODES or kind in _REFUSED_CLASSES:
        reason = f"the store refuses access ({kind if kind in _REFUSED_CLASSES else code or kind})"
        raise StorageError(f"cannot read `{address}`: {reason}", "check the credentials") from None


def _gave_up(address: str, attempts: int, error: Exception) -> StorageError:
    return StorageError(
        f"cannot read `{address}` after {attempts} attempts: {error}",
        "once the store answers, run the same command again: it resumes from the last checkpoint",
    )


def _page_in_place(address: str) -> StorageError:
    return StorageError(
        f"cannot read `{address}`: a page of HTML comes in its place", "check the endpoint and the proxy"
    )
