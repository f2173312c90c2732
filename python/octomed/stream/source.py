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
from typing import Any

from octomed.errors import StorageError
from octomed.names import shown
from octomed.plain_names import fault_of, path_below
from octomed.storage import storage_error
from octomed.store import LocalStore
from octomed.urls import is_url, join, share_endpoint, streaming_url

_MISSING_CODES = {"404", "NoSuchKey", "NoSuchBucket"}
_MISSING_CLASSES = {"NotFound", "ResourceNotFoundError"}
_REFUSED_CODES = {"401", "403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
_REFUSED_CLASSES = {"NoCredentialsError", "DefaultCredentialsError", "Forbidden", "ClientAuthenticationError"}


@dataclass
class Source:
    """Where a run's files are, which are only read.

    It is no `octomed.store.Store`: Streaming's clients, of which each process has its own, bring whole files
    and list none.

    Attributes
    ----------
    location
        A folder, or ``s3://``, ``gs://`` or ``az://``.
    attempts
        How often a file of an object store is asked for before that is an error; the pause between two
        doubles from one second.
    timeout
        Seconds that one answer may take.
    """

    location: str
    attempts: int = 5
    timeout: float = 60.0
    _clients: dict[int, Any] = field(default_factory=dict, repr=False, compare=False)

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

    def read(self, name: str) -> bytes:
        """Read a file.

        Raises
        ------
        FileNotFoundError
            When there is none.
        StorageError
            When it cannot be read, in any of the attempts, or its name leads out of the run.
        """
        self._check(name)
        if not self.remote:
            return LocalStore(Path(self.location), through_links=True).read(name)
        with tempfile.TemporaryDirectory(prefix="octomed-") as folder:
            target = Path(folder, "file")
            self._download(name, target)
            return target.read_bytes()

    def fetch(self, name: str, target: Path) -> None:
        """Bring a file to ``target``, which does not exist: by a link where one disk holds both.

        Raises
        ------
        FileNotFoundError, StorageError
            As `read`.
        """
        self._check(name)
        if self.remote:
            self._download(name, target)
            return
        path = path_below(Path(self.location), name, through_links=True)
        try:
            os.link(os.path.realpath(path), target)  # of a link itself there would be no file in the cache
        except FileNotFoundError:
            raise
        except OSError:
            self._copy(path, target)

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

    def _download(self, name: str, target: Path) -> None:
        address = self.address(name)
        pause = 1.0
        for attempt in range(1, self.attempts + 1):
            try:
                self._client().download(streaming_url(address), str(target), self.timeout)
            except ImportError as error:
                raise StorageError(f"cannot read `{address}`: {error}", "install that package") from error
            except Exception as error:
                self._clients.clear()
                with contextlib.suppress(OSError):
                    target.unlink()
                _raise_final(address, error)
                if attempt == self.attempts:
                    raise _gave_up(address, attempt, error) from error
            else:
                return
            time.sleep(pause + random.random())  # noqa: S311 spreads the ranks' attempts
            pause *= 2

    def _client(self) -> Any:  # noqa: ANN401 of Streaming
        """Return this process's client: one that was forked would share its sockets."""
        from streaming.base.storage import CloudDownloader  # noqa: PLC0415 loads PyTorch

        process = os.getpid()
        if process not in self._clients:
            share_endpoint()
            self._clients = {process: CloudDownloader.get(streaming_url(self.location))}
        return self._clients[process]


def _raise_final(address: str, error: Exception) -> None:
    """Raise what no further attempt can fix."""
    response = getattr(error, "response", None)
    code = str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
    kind = type(error).__name__
    if isinstance(error, FileNotFoundError) or code in _MISSING_CODES or kind in _MISSING_CLASSES:
        raise FileNotFoundError(address) from error
    if code in _REFUSED_CODES or kind in _REFUSED_CLASSES:
        reason = f"the store refuses access ({code or kind})"
        raise StorageError(f"cannot read `{address}`: {reason}", "check the credentials") from error


def _gave_up(address: str, attempts: int, error: Exception) -> StorageError:
    return StorageError(
        f"cannot read `{address}` after {attempts} attempts: {error}",
        "once the store answers, run the same command again: it resumes from the last checkpoint",
    )
