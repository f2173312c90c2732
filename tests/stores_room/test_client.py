"""Objects of S3 as a store."""

from __future__ import annotations

import pytest
from octomed.stores.client import open_store

from tests.stores import StoreConformance


class TestObjectStore(StoreConformance):
    @pytest.fixture
    def stored(self, s3):
        return open_store(s3.address("not/there yet"))
