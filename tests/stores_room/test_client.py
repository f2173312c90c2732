"""Objects of each store as a store of files."""

from __future__ import annotations

import pytest
from octomed.stores.client import open_store

from tests.stores import StoreConformance


class TestS3(StoreConformance):
    @pytest.fixture
    def stored(self, s3):
        return open_store(s3.address("not/there yet"))


class TestS3AtTheRoot(StoreConformance):
    @pytest.fixture
    def stored(self, fast_s3):
        return open_store(fast_s3.root)


class TestGoogle(StoreConformance):
    @pytest.fixture
    def stored(self, gcs):
        return open_store(f"{gcs.root}/not/there yet")


class TestAzure(StoreConformance):
    @pytest.fixture
    def stored(self, azure):
        return open_store(f"{azure.root}/not/there yet")
