"""The servers as fixtures: a process each, started when first used; a test gets it as if just started.

`fast_s3`, `gcs`, `azure`, `hub`, `web` set the environment that names them; `proxy` does not, for it wants a
server behind it first: `proxy.front(url)` returns the environment. Several may be used by one test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers.process import Kind, Served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CLEARED = (
    "AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "S3_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_SKIP_SIGNATURE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE",
    "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy",
)  # fmt: skip


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Served]]:
    """Servers by kind; each is started once."""
    started: dict[tuple[Kind, bool], Served] = {}

    def start(kind: Kind, *, tls: bool = False) -> Served:
        if (kind, tls) not in started:
            started[kind, tls] = Served(kind, tmp_path_factory.mktemp(f"served-{kind}"), tls=tls)
        started[kind, tls].forget()
        return started[kind, tls]

    yield start
    for server in started.values():
        server.stop()


def _fixture(kind: Kind, name: str) -> Callable[..., Served]:
    @pytest.fixture(name=name)
    def made(served: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
        server = served(kind)
        if kind != "proxy":
            in_environment(monkeypatch, server.environment)
        yield server
        forget_clients()

    return made


def in_environment(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    """Name a server in the environment, and no other of its kind."""
    for name in _CLEARED:
        monkeypatch.delenv(name, raising=False)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    forget_clients()


def forget_clients() -> None:
    """Have clients made anew, of the environment as it is now and without a recipe's options."""
    from octomed.stores.buckets import forget_buckets
    from octomed.stores.options import configure

    configure([])
    forget_buckets()


fast_s3 = _fixture("s3", "fast_s3")
gcs = _fixture("gcs", "gcs")
azure = _fixture("azure", "azure")
hub = _fixture("hub", "hub")
web = _fixture("web", "web")
proxy = _fixture("proxy", "proxy")
