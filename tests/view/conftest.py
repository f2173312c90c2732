"""A run that pages are made of, and who asks for them."""

from __future__ import annotations

import html
import re
import warnings
from collections import Counter, deque

import pytest

pytest.importorskip("starlette", reason="the extra `view`")
pytest.importorskip("matplotlib", reason="the extra `view`")

from octomed.view.app import application
from octomed.view.pages import Site
from octomed.view.run import ViewedRun
from octomed.view.training import Training

from tests.view import made

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of a client that is to come
    from starlette.testclient import TestClient

_LINKS = re.compile(r'(?:href|src|data-part|data-positions)="(/[^"#]*)')
_NUMBER = re.compile(r"\d+")


class Reader:
    """Asks for pages as a browser would that holds the token."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.client = TestClient(
            application(site), base_url="http://127.0.0.1", raise_server_exceptions=False
        )

    def get(self, address: str, status: int = 200) -> str:
        answer = self.client.get(address)
        assert answer.status_code == status, (address, answer.text[-600:])
        return answer.text

    def links(self, text: str) -> list[str]:
        return [html.unescape(link) for link in _LINKS.findall(text)]

    def crawl(self, first: str, of_a_kind: int = 4) -> dict[str, int]:
        """Follow links, a few of each kind, and return the status of each page."""
        seen: dict[str, int] = {}
        kinds: Counter[str] = Counter()
        waiting = deque([first])
        while waiting:
            address = waiting.popleft()
            kind = _NUMBER.sub("N", address)
            if address in seen or kinds[kind] >= of_a_kind:
                continue
            kinds[kind] += 1
            answer = self.client.get(address)
            seen[address] = answer.status_code
            if "html" in answer.headers["content-type"]:
                waiting.extend(self.links(answer.text))
        return seen


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """The folder of a finished run."""
    return made.pack(tmp_path_factory.mktemp("view") / "made")


@pytest.fixture(scope="session")
def training(run, tmp_path_factory):
    """The folder of a training over it."""
    return made.train(tmp_path_factory.mktemp("view") / "trained", run)


@pytest.fixture(scope="session")
def pages(run, training):
    return Reader(Site([ViewedRun(run)], Training(training)))


def reader(folder, *, train=None):
    return Reader(Site([ViewedRun(folder)], None if train is None else Training(train)))
