"""Where credentials of stores are found, for `octomed doctor`: names, and never what they hold."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from octomed.report.diagnosis import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

_STORES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "s3": (
        (
            "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE",
            "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3",
            "S3_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION",
        ),
        ("~/.aws/credentials", "~/.aws/config"),
    ),
    "gs": (
        (
            "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_PATH",
            "GOOGLE_SERVICE_ACCOUNT_KEY", "STORAGE_EMULATOR_HOST",
        ),
        ("~/.config/gcloud/application_default_credentials.json",),
    ),
    "az": (
        (
            "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_SAS_TOKEN",
            "AZURE_STORAGE_SAS_KEY", "AZURE_STORAGE_CONNECTION_STRING", "AZURE_CLIENT_ID",
            "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_STORAGE_ENDPOINT",
        ),
        (),
    ),
    "hf": (("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT"), ("~/.cache/huggingface/token",)),
}  # fmt: skip
_NETWORK = (
    "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
)  # fmt: skip
_FILES = ("GOOGLE_APPLICATION_CREDENTIALS", "AWS_WEB_IDENTITY_TOKEN_FILE", "AZURE_FEDERATED_TOKEN_FILE",
          "SSL_CERT_FILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # fmt: skip
"""Variables that name a file, which has to be there."""


def credentials() -> Iterator[Finding]:
    """Yield where credentials are found for each kind of store, and what changes the network."""
    for scheme, (variables, files) in _STORES.items():
        found = [f"${name}" for name in variables if os.environ.get(name)]
        found += [path for path in files if _is_file(path)]
        yield _found(f"{scheme}://", found, variables)
    network = [
        f"${name}" for name in _NETWORK for spelling in (name, name.lower()) if os.environ.get(spelling)
    ]
    yield _found("network", list(dict.fromkeys(network)), _NETWORK)


def _found(name: str, found: list[str], variables: tuple[str, ...]) -> Finding:
    said = ", ".join(found) if found else "none found"
    named = (one for one in variables if one in _FILES and os.environ.get(one))
    gone = next((one for one in named if not _is_file(os.environ[one])), None)
    complaint = f"${gone} names no file that may be read" if gone else None
    return Finding.judged("credentials", name, said, complaint, found=found)


def _is_file(path: str) -> bool:
    whole = os.path.expanduser(path)  # noqa: PTH111 a `Path` raises where there is no home
    return os.path.isfile(whole) and os.access(whole, os.R_OK)  # noqa: PTH113 whatever it says
