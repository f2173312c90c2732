"""What tests of several folders take."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.servers.fixtures import azure, fast_s3, gcs, hub, proxy, served, web  # noqa: F401 fixtures of all tests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.azure_store import AzureStore
    from tests.google_store import GoogleStore
    from tests.store import Store


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
