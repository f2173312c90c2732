"""Runs into each store while it fails: the same bytes, or a sentence that says what is wrong."""

from __future__ import annotations

import octomed
import pytest
from octomed.errors import StorageError

from . import runs
from .test_output_at_address import contents, local, long, small

__all__ = ["local", "small"]

RETRIED = ["error_500", "error_503", "error_429", "reset", "late_500", "late_reset", "html"]
SAID = {
    "read-only": ({"readonly": True}, "writ"),
    "wrong credentials": ({"keys": ["nobody"], "anonymous": False}, "credentials"),
    "full": ({"quota": 30_000}, "quota|full|space"),
}


@pytest.fixture(params=["fast_s3", long("gcs"), long("azure")])
def store(request):
    return request.getfixturevalue(request.param)


def is_as(local, store, folder):
    assert contents(store.download("run", folder)) == local
    assert octomed.verify(folder).findings == ()


def test_a_fifth_of_all_requests_fails(small, store, tmp_path, local):
    store.set(rate=0.2, kinds=RETRIED, in_a_row=3)
    summary = runs.pack(small, f"output.path={store.root}/run")
    store.set(rate=0.0)
    asked = summary.traffic[store.root]
    assert asked["requests"] > asked["retries"] > 5
    assert asked["bytes_written"] > summary.uploads["bytes"]
    assert f" of them again, {summary.bytes_out:,}"[:16] in str(summary)
    is_as(local, store, tmp_path / "got")


@pytest.mark.parametrize("refusal", list(SAID))
def test_what_a_store_refuses_is_said_and_the_run_goes_on_later(small, store, tmp_path, local, refusal):
    rules, said = SAID[refusal]
    store.set(**rules)
    with pytest.raises(StorageError, match=said) as raised:
        runs.pack(small, f"output.path={store.root}/run")
    assert store.root in raised.value.message
    assert raised.value.hint
    assert not [name for name in store.names("run/") if name.endswith(("octomed.json", "index.json"))]
    store.set(readonly=False, keys=None, anonymous=True, quota=None)
    runs.pack(small, f"output.path={store.root}/run")
    is_as(local, store, tmp_path / "got")
