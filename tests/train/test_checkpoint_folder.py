"""The folder of checkpoints, on a disk and in an object store."""

from __future__ import annotations

import pytest

pytest.importorskip("composer")

from octomed.train.checkpoint_folder import open_folder

from tests.stores import FilesConformance


class TestOnDisk(FilesConformance):
    @pytest.fixture
    def stored(self, tmp_path):
        return open_folder(str(tmp_path / "checkpoints"))


class TestInStore(FilesConformance):
    @pytest.fixture
    def stored(self, store):
        store.client().put_object(Bucket="octomed", Key="check/points-of-another", Body=b"")
        return open_folder("s3://octomed/check/points")
