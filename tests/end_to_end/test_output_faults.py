"""Runs into each store while it fails: the same bytes, or a sentence that says what is wrong."""

from __future__ import annotations

import threading
import time

import octomed
import pytest
from octomed.errors import StorageError

from . import runs
from .test_output_at_address import contents, local, small

__all__ = ["local", "small"]

RETRIED = ["error_500", "error_503", "error_429", "reset", "late_500", "late_reset", "html"]
SAID = [
    ({"readonly": True}, "writ"),
    ({"keys": ["nobody"], "anonymous": False}, "credentials"),
    ({"quota": 30_000}, "quota|full|space"),
]


@pytest.fixture(params=["fast_s3", "gcs", "azure"])
def store(request):
    return request.getfixturevalue(request.param)


def is_as(local, store, folder):
    assert contents(store.download("run", folder)) == local
    assert octomed.verify(folder).findings == ()


def test_a_fifth_of_all_requests_fails(small, store, tmp_path, local):
    store.set(rate=0.2, kinds=RETRIED, in_a_row=3)
    runs.pack(small, f"output.path={store.root}/run")
    store.set(rate=0.0)
    is_as(local, store, tmp_path / "got")


@pytest.mark.parametrize(("rules", "said"), SAID)
def test_what_a_store_refuses_is_said_and_the_run_goes_on_later(small, store, tmp_path, local, rules, said):
    store.set(**rules)
    with pytest.raises(StorageError, match=said) as raised:
        runs.pack(small, f"output.path={store.root}/run")
    assert store.root in raised.value.message
    assert raised.value.hint
    assert not [name for name in store.names("run/") if name.endswith((".json", "index.json")) and "/." not in name]
    store.set(readonly=False, keys=None, anonymous=True, quota=None)
    runs.pack(small, f"output.path={store.root}/run")
    is_as(local, store, tmp_path / "got")
