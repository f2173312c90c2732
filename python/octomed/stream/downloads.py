"""Clients that bring whole files of object stores: the stores' own, forked with a loader's workers.

The clients that packs are read and written with may not be forked. Streaming 0.13 has such clients, too, but
passes Google's and Azure's neither a time limit nor an endpoint, has all of them repeat requests for minutes
by themselves, asks S3 twice for each file and slows itself down after a failure, and knows of the hub no
revision, and no way without a second copy on the disk.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from octomed.urls import hub_parts, scheme_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Client", "client_of"]


class Client(Protocol):
    """Brings files, from one store, in one process."""

    def download(self, address: str, target: str, timeout: float) -> None:
        """Write a file's content to a path; raises whatever the store's own client does."""


def client_of(location: str, commits: dict[str, str]) -> Client:
    """Return a client for what is below an address.

    Parameters
    ----------
    location
        ``s3://``, ``gs://``, ``az://`` or ``hf://``.
    commits
        Of data sets on the hub, by name and revision: noted at the first file, and asked for from then on.

    Raises
    ------
    ImportError
        When a package is missing.
    """
    makers: dict[str | None, Callable[[], Client]] = {
        "gs": _Google,
        "az": _Azure,
        "hf": lambda: _Hub(commits),
    }
    if {"GCS_KEY", "GCS_SECRET"} <= set(os.environ):  # Google's store by the protocol of S3
        makers["gs"] = lambda: _S3(
            endpoint_url="https://storage.googleapis.com",
            region_name="auto",
            aws_access_key_id=os.environ["GCS_KEY"],
            aws_secret_access_key=os.environ["GCS_SECRET"],
        )
    return makers.get(scheme_of(location), _S3)()


class _S3:
    """AWS's client for S3; our attempts are the only ones.

    Parameters
    ----------
    settings
        Of the client, where the environment does not have them.
    """

    def __init__(self, **settings: str) -> None:
        endpoint = _first("S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
        self._settings: dict[str, str] = {**({"endpoint_url": endpoint} if endpoint else {}), **settings}
        self._clients: dict[float, Any] = {}
        self._pays = os.environ.get("MOSAICML_STREAMING_AWS_REQUESTER_PAYS", "").split(",")

    def download(self, address: str, target: str, timeout: float) -> None:
        """Write a file's content to a path."""
        bucket, _, name = address.partition("://")[2].partition("/")
        payer = {"RequestPayer": "requester"} if bucket in map(str.strip, self._pays) else {}
        answer = self._client(timeout).get_object(Bucket=bucket, Key=name, **payer)
        with Path(target).open("wb") as file, contextlib.closing(answer["Body"]) as body:
            file.writelines(body.iter_chunks(2**20))

    def _client(self, timeout: float) -> Any:  # noqa: ANN401 of boto3
        if timeout not in self._clients:
            from boto3.session import Session  # noqa: PLC0415 only for such addresses
            from botocore import UNSIGNED  # noqa: PLC0415
            from botocore.config import Config  # noqa: PLC0415

            session = Session()
            signs = "aws_access_key_id" in self._settings or session.get_credentials() is not None
            config = Config(
                connect_timeout=timeout,
                read_timeout=timeout,
                retries={"total_max_attempts": 1},
                **({} if signs else {"signature_version": UNSIGNED}),  # as public buckets are read
            )
            self._clients[timeout] = session.client("s3", config=config, **self._settings)
        return self._clients[timeout]


class _Google:
    """Google's client, with a time limit; our attempts are the only ones."""

    def __init__(self) -> None:
        from google.auth import default  # noqa: PLC0415 only for such addresses
        from google.auth.exceptions import DefaultCredentialsError  # noqa: PLC0415
        from google.cloud.storage import Client as GoogleClient  # noqa: PLC0415

        try:
            credentials, project = default()
        except DefaultCredentialsError:
            if "STORAGE_EMULATOR_HOST" not in os.environ:
                raise
            self._client: Any = GoogleClient.create_anonymous_client()
        else:
            self._client = GoogleClient(credentials=credentials, project=project)

    def download(self, address: str, target: str, timeout: float) -> None:
        """Write a file's content to a path."""
        bucket, _, name = address.partition("://")[2].partition("/")
        blob = self._client.bucket(bucket).blob(name)
        blob.download_to_filename(target, timeout=timeout, retry=None)


class _Azure:
    """Azure's client, with a time limit and an endpoint; our attempts are the only ones."""

    def __init__(self) -> None:
        from azure.storage import blob  # noqa: PLC0415 only for such addresses

        self._blob: Any = blob
        self._services: dict[tuple[str, float], Any] = {}

    def download(self, address: str, target: str, timeout: float) -> None:
        """Write a file's content to a path."""
        account, container, name = address.partition("://")[2].split("/", 2)
        client = self._service(account, timeout).get_blob_client(container=container, blob=name)
        with Path(target).open("wb") as file:
            client.download_blob().readinto(file)

    def _service(self, account: str, timeout: float) -> Any:  # noqa: ANN401 of Azure
        if (account, timeout) not in self._services:
            endpoint = _first("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")
            self._services[account, timeout] = self._blob.BlobServiceClient(
                endpoint or f"https://{account}.blob.core.windows.net",
                credential=_azure_credential(account),
                retry_total=0,
                connection_timeout=timeout,
                read_timeout=timeout,
            )
        return self._services[account, timeout]


def _azure_credential(account: str) -> Any:  # noqa: ANN401 what Azure's client takes
    key = _first("AZURE_ACCOUNT_ACCESS_KEY", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY")
    if key:
        return {"account_name": account, "account_key": key}
    signature = _first("AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY")
    if signature:
        return signature
    if (os.environ.get("AZURE_SKIP_SIGNATURE") or "").lower() in {"1", "true"}:
        return None
    from azure.identity import (  # noqa: PLC0415 only where there is no key
        AzureCliCredential,
        ChainedTokenCredential,
        DefaultAzureCredential,
    )

    return ChainedTokenCredential(AzureCliCredential(), DefaultAzureCredential())


class _Hub:
    """Files of a data set on the hub; the commit that the first of them came from is that of all others."""

    def __init__(self, commits: dict[str, str]) -> None:
        self._commits = commits

    def download(self, address: str, target: str, timeout: float) -> None:
        """Write a file's content to a path."""
        name, revision, path = hub_parts(address)
        commit = self._commits.get(f"{name}@{revision}", revision)
        endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"
        url = f"{endpoint}/datasets/{name}/resolve/{quote(commit, safe='')}/{quote(path)}"
        request = urllib.request.Request(url, headers={"Accept-Encoding": "identity"})  # noqa: S310 an endpoint
        token = _token()
        if token:
            request.add_unredirected_header("Authorization", f"Bearer {token}")  # large files are elsewhere
        redirects = _Redirects()
        with _opened(request, redirects, timeout) as answer, Path(target).open("wb") as file:
            shutil.copyfileobj(answer, file, 2**20)
            expected = answer.headers.get("Content-Length")
            if expected is not None and file.tell() != int(expected):
                raise ConnectionError(f"{file.tell()} bytes came in place of {expected}")
        found = redirects.commit or answer.headers.get("X-Repo-Commit")
        if found:
            self._commits.setdefault(f"{name}@{revision}", found)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Keeps what a redirect says of the commit; what is redirected to is only bytes."""

    commit: str | None = None

    def redirect_request(self, *arguments: Any) -> urllib.request.Request | None:  # noqa: ANN401 of urllib
        """Follow a redirect."""
        self.commit = self.commit or arguments[4].get("X-Repo-Commit")
        return super().redirect_request(*arguments)


def _opened(request: urllib.request.Request, redirects: _Redirects, timeout: float) -> Any:  # noqa: ANN401
    """Send a request; the code of a refusal is an attribute of the error, as other clients have it."""
    try:
        return urllib.request.build_opener(redirects).open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 404:  # noqa: PLR2004
                raise FileNotFoundError(request.full_url) from None
            raise HubError(error.code) from None


class HubError(Exception):
    """The hub refuses.

    Parameters
    ----------
    status_code
        Of its answer.
    """

    def __init__(self, status_code: int) -> None:
        super().__init__(f"the hub answers {status_code}")
        self.status_code = status_code


def _token() -> str | None:
    token = _first("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
    if token:
        return token
    home = os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface"
    path = Path(os.environ.get("HF_TOKEN_PATH") or Path(home, "token"))
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def _first(*names: str) -> str | None:
    return next(filter(None, map(os.environ.get, names)), None)
