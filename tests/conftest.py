"""What tests of several folders take."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.servers.fixtures import azure, fast_s3, gcs, hub, proxy, served, web  # noqa: F401 fixtures of all tests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.azure_store import AzureStore
    from tests.google_store import GoogleStore
    from tests.servers.s3 import S3, Server
    from tests.store import Store


settings.register_profile("octomed", deadline=None)  # how long an example takes, others on the machine decide
settings.load_profile("octomed")


@pytest.fixture(autouse=True)
def _signals_of_a_fresh_process() -> None:
    """Composer takes Ctrl-C and SIGTERM for itself when it is imported, as any test before may have done."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def _whole_transformers() -> None:
    """A name for what transformers 5 wants of `mistral_common`, which is here without what it depends on."""
    transformers = sys.modules.get("transformers")
    if transformers is None or int(transformers.__version__.split(".")[0]) < 5:
        return
    try:
        _ = transformers.MistralCommonBackend
    except ModuleNotFoundError:
        transformers.MistralCommonBackend = type("MistralCommonBackend", (), {})


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A local S3, empty, whose address only `AWS_ENDPOINT_URL` names."""
    pytest.importorskip("moto.server")
    from tests.store import Store

    made = Store()
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    monkeypatch.delenv("S3_ENDPOINT_URL", raising=False)
    yield made
    os.environ.pop("S3_ENDPOINT_URL", None)  # which opening a run sets
    made.switch_off()


@pytest.fixture
def google_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleStore]:
    """Google's store, where its client and an emulator are installed."""
    for package in ("google.cloud.storage", "gcp_storage_emulator"):
        pytest.importorskip(package, reason="`pip install google-cloud-storage gcp-storage-emulator`")
    from tests.google_store import GoogleStore

    made = GoogleStore(tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    yield made
    made.switch_off()


@pytest.fixture
def azure_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureStore]:
    """Azure's blobs, read by Azure's own client from a server in this process."""
    pytest.importorskip("azure.storage.blob", reason="`pip install azure-storage-blob`")
    from tests.azure_store import AzureStore

    store = AzureStore(monkeypatch)
    yield store
    store.switch_off()


AWS_VARIABLES = (
    "AWS_ENDPOINT_URL_S3", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION",
    "AWS_SKIP_SIGNATURE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "S3_ENDPOINT_URL",
)  # fmt: skip


@pytest.fixture(scope="session")
def s3_server() -> Iterator[Server]:
    """S3, in a process of its own."""
    pytest.importorskip("moto.server")
    from tests.servers.s3 import Server

    server = Server()
    yield server
    server.stop()


@pytest.fixture
def s3(s3_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[S3]:
    """A new bucket of S3, which only variables name; no profile of this machine counts."""
    from octomed.stores.buckets import forget_buckets
    from octomed.stores.options import configure

    from tests.servers.s3 import S3

    bucket = S3(s3_server)
    for name in AWS_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name in ("config", "credentials"):
        variable = "AWS_CONFIG_FILE" if name == "config" else "AWS_SHARED_CREDENTIALS_FILE"
        monkeypatch.setenv(variable, str(tmp_path / "aws" / name))
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    forget_buckets()
    yield bucket
    configure([])
    forget_buckets()
