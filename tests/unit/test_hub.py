"""A hub that does not answer is found out in two seconds, not in half a minute."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from octomed.errors import RecipeError
from octomed.pipeline.models import hub
from octomed.pipeline.models.model import resolve_model


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setattr(hub, "getproxies", dict)


def test_a_port_that_takes_connections_is_reachable():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert hub.reachable(f"http://127.0.0.1:{port}")
    assert not hub.reachable(f"http://127.0.0.1:{port}")


def test_a_proxy_stands_for_the_hub(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy = f"127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setattr(hub, "getproxies", lambda: {"https": proxy})
        monkeypatch.setattr(hub, "proxy_bypass", lambda _: False)
        assert hub.reachable("https://hub.invalid")


@pytest.mark.alone
def test_a_name_that_nobody_looks_up_takes_two_seconds(monkeypatch):
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: time.sleep(30))
    begin = time.monotonic()
    assert not hub.reachable("https://hub.invalid")
    assert time.monotonic() - begin < 2.5


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("taken", "reachable"), [(lambda *_, **__: None, None), (lambda *_, **__: 1 / 0, False)]
)
def test_nothing_of_the_probe_is_raised_in_its_thread(monkeypatch, taken, reachable):
    raised = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    monkeypatch.setattr(socket, "create_connection", taken)
    assert reachable is None or hub.reachable("https://hub.invalid") is reachable
    hub.reachable("https://hub.invalid")
    assert raised == []


@pytest.mark.alone
def test_an_unknown_hub_id_without_a_network_is_one_sentence(tmp_path, monkeypatch):
    pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub, "reachable", lambda _: False)
    begin = time.monotonic()
    said = r"`model: nobody/no-such-model` is not a folder here, and the hub cannot be reached to fetch it"
    with pytest.raises(RecipeError, match=rf"^{said}(\n|$)"):
        resolve_model("nobody/no-such-model", None, base=tmp_path)
    assert time.monotonic() - begin < 5
