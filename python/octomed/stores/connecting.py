"""Clients of obstore: endpoint, credentials, proxy and certificates, put into its terms.

obstore reads the variables of each store itself; here is what a recipe's options say instead, and what other
tools call otherwise.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from obstore.store import AzureStore, GCSStore, HTTPStore, S3Store

from octomed.errors import RecipeError, StorageError
from octomed.names import shown
from octomed.stores.aws_keys import AwsKeys, machine_may_have_keys, profile_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from obstore.store import ClientConfig, RetryConfig

    from octomed.stores.address import Address
    from octomed.stores.options import StoreOptions

    Client = S3Store | GCSStore | AzureStore | HTTPStore

__all__ = ["connect", "connect_web", "no_credentials"]

FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 20.0
"""Seconds between the attempts of a part, as between all others: `octomed.stores.attempts`."""

_CONNECT_SECONDS = 10.0
_SLOWEST = 20
"""How many times the patience for a silence a whole answer may take."""

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "S3_ENDPOINT_URL")
_AZURE_SECRETS = (
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_SAS_KEY",
)
_BUNDLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def connect(root: Address, options: StoreOptions, *, retries: int = 0) -> Client:
    """Return a client for a bucket or container.

    Parameters
    ----------
    root
        An address without a key.
    options
        What the recipe says of it.
    retries
        How often the client itself repeats a request: for parts of an upload, which only it sees.

    Raises
    ------
    StorageError
        When there are no credentials, or a file of certificates cannot be read.
    RecipeError
        When a profile is named that there is not.
    """
    make: Callable[[Address, StoreOptions, RetryConfig], Client]
    make = {"s3": _s3, "gs": _gs, "az": _az}[root.scheme]
    return make(root, options, retry_config(retries))


def connect_web(url: str, options: StoreOptions, headers: Mapping[str, str] | None = None) -> HTTPStore:
    """Return a client for what is below a web address.

    Parameters
    ----------
    url
        The address, with its query where it has one.
    options
        What the recipe says of it.
    headers
        What is sent with each request; `Authorization` is left out when another host is redirected to.
    """
    client = _client(options, url)
    if headers:
        client["default_headers"] = dict(headers)
    return HTTPStore(url, client_options=client, retry_config=retry_config(0))


def retry_config(retries: int) -> RetryConfig:
    """Return how often and when the client itself repeats a request."""
    return {
        "max_retries": retries,
        "retry_timeout": timedelta(minutes=15),
        "backoff": {
            "init_backoff": timedelta(seconds=FIRST_PAUSE),
            "max_backoff": timedelta(seconds=_LONGEST_PAUSE),
            "base": 2,
        },
    }


def _client(options: StoreOptions, endpoint: str | None) -> ClientConfig:
    made: ClientConfig = {
        "connect_timeout": timedelta(seconds=min(options.timeout, _CONNECT_SECONDS)),
        "read_timeout": timedelta(seconds=options.timeout),
        "timeout": timedelta(seconds=options.timeout * _SLOWEST),
        "allow_http": endpoint is not None and urlsplit(endpoint).scheme == "http",
        "pool_max_idle_per_host": str(options.connections),
    }
    if options.proxy:
        made["proxy_url"] = options.proxy
        excluded = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
        if excluded:
            made["proxy_excludes"] = excluded
    bundle = options.ca_bundle or next(filter(None, map(os.environ.get, _BUNDLES)), None)
    if bundle:
        made["root_certificate"] = _certificates(Path(bundle))
    return made


def _certificates(bundle: Path) -> bytes:
    try:
        return bundle.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StorageError(
            f"cannot read the certificates `{shown(str(bundle))}`: {reason}",
            f"correct `ca_bundle` below `stores`, or {', '.join(f'`{one}`' for one in _BUNDLES)}",
            error.errno,
        ) from error


def _s3(root: Address, options: StoreOptions, retry: RetryConfig) -> Client:
    values = profile_values(options.profile)
    endpoint = options.endpoint or _first(*_ENDPOINTS) or values.get("endpoint_url")
    region = options.region or _first("AWS_REGION", "AWS_DEFAULT_REGION") or values.get("region")
    config: Any = {"region": region or "us-east-1"}
    if endpoint:
        config |= {"endpoint": endpoint.rstrip("/"), "aws_endpoint_url_s3": endpoint.rstrip("/")}
    if options.requester_pays:
        config["request_payer"] = True
    if options.kms_key:
        config |= {"server_side_encryption": "aws:kms", "sse_kms_key_id": options.kms_key}
    provider: Any = None
    if options.anonymous or _is_true("AWS_SKIP_SIGNATURE"):
        config["skip_signature"] = True
    elif AwsKeys(options).found():
        provider = AwsKeys(options)
    elif not machine_may_have_keys():
        raise no_credentials(root)
    client = _client(options, endpoint)
    return S3Store(
        root.root, config=config, client_options=client, retry_config=retry, credential_provider=provider
    )


def _gs(root: Address, options: StoreOptions, retry: RetryConfig) -> Client:
    _refuse(root, options, "profile", "role", "region", "kms_key")
    emulator = os.environ.get("STORAGE_EMULATOR_HOST")
    if emulator and "://" not in emulator:
        emulator = f"http://{emulator}"
    endpoint = options.endpoint or emulator or os.environ.get("GOOGLE_BASE_URL")
    config: Any = {}
    if endpoint:
        config["base_url"] = endpoint.rstrip("/")
    if options.anonymous or (emulator and not options.endpoint):
        config["skip_signature"] = True
    client = _client(options, endpoint)
    if options.requester_pays:
        project = _first("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT")
        if not project:
            raise RecipeError(f"`{root}`: `requester_pays` needs a project", "set `GOOGLE_CLOUD_PROJECT`")
        client["default_headers"] = {"x-goog-user-project": project}
    return GCSStore(root.root, config=config, client_options=client, retry_config=retry)


def _az(root: Address, options: StoreOptions, retry: RetryConfig) -> Client:
    _refuse(root, options, "profile", "role", "region", "kms_key", "requester_pays")
    account, _, container = root.root.partition("/")
    parts = _connection_string()
    endpoint = options.endpoint or _first("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")
    endpoint = endpoint or parts.get("BlobEndpoint")
    config: Any = {"account_name": account}
    if endpoint:
        config["endpoint"] = endpoint.rstrip("/")
    elif _is_true("AZURE_STORAGE_USE_EMULATOR"):
        endpoint = os.environ.get("AZURITE_BLOB_STORAGE_URL") or "http://127.0.0.1:10000"
    key = os.environ.get("AZURE_ACCOUNT_ACCESS_KEY") or parts.get("AccountKey")
    if options.anonymous:
        config["skip_signature"] = True
    elif key and not _first(*_AZURE_SECRETS):
        config["account_key"] = key
    elif "SharedAccessSignature" in parts:
        config["sas_key"] = parts["SharedAccessSignature"]
    client = _client(options, endpoint)
    return AzureStore(container, config=config, client_options=client, retry_config=retry)


def _refuse(root: Address, options: StoreOptions, *names: str) -> None:
    """Refuse options that mean nothing to a store."""
    for name in names:
        if getattr(options, name):
            raise RecipeError(f"`{root}`: `{name}` below `stores` is only for S3", "leave it out")


def _connection_string() -> dict[str, str]:
    text = os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
    return dict(part.split("=", 1) for part in text.split(";") if "=" in part)


def no_credentials(root: Address) -> StorageError:
    """Return the error for a store that nobody signs in to."""
    return StorageError(
        f"cannot reach `{root}`: there are no credentials",
        "set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or write a `profile` below `stores`, "
        "or `anonymous: true` for what is public",
    )


def _first(*names: str) -> str | None:
    return next(filter(None, map(os.environ.get, names)), None)


def _is_true(name: str) -> bool:
    return os.environ.get(name, "").lower() in {"1", "true", "yes", "y"}
