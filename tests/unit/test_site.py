"""The documentation as a site: no warning when it is built, no link to nowhere, nothing from elsewhere."""

from __future__ import annotations

import os
import posixpath
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import octomed
import pytest
from octomed.cli.verbs import VERBS
from octomed.recipe import schema_json

ROOT = Path(__file__).parents[2]
pytest.importorskip("mkdocs")
pytest.importorskip("material")
pytest.importorskip("mkdocstrings")

LOADING = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("object", "data")}
"""What a browser loads with a page, beside style sheets, fonts and icons, which are links."""
NOT_LOADED = {"canonical", "next", "prev", "alternate"}


class Page(HTMLParser):
    """What a page links to, what it loads, and the places in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.places |= {found[name] for name in ("id", "name") if name in found}
        self.loaded |= {found[name] for kind, name in LOADING if kind == tag and name in found}
        if tag == "link" and not NOT_LOADED & set(found.get("rel", "").split()):
            self.loaded.add(found["href"])
        if tag == "a" and "href" in found:
            self.links.add(found["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {
        path.relative_to(site).as_posix(): Page(path.read_text(encoding="utf-8"))
        for path in site.rglob("*.html")
    }


def broken(site, pages):
    """Return each link inside the site that leads nowhere, with its page."""
    for name, page in pages.items():
        for link in page.links | page.loaded:
            whole, anchor = urldefrag(link)
            if urlsplit(whole).scheme or name == "404.html":
                continue
            place = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(whole)))
            place = name if not whole else place
            if (site / place).is_dir():
                place = posixpath.normpath(posixpath.join(place, "index.html"))
            is_there = (site / place).is_file()
            if not is_there or (anchor and place in pages and unquote(anchor) not in pages[place].places):
                yield name, link


def test_every_link_inside_leads_to_a_place(site, pages):
    assert sorted(broken(site, pages)) == []


def test_a_link_that_leads_nowhere_is_found(site, pages):
    wrong = Page('<a href="../recipe/#no-such-place"></a><a href="../no-such-page/"></a><img src="no.png">')
    found = {link for name, link in broken(site, pages | {"install/index.html": wrong})}
    assert found == {"../recipe/#no-such-place", "../no-such-page/", "no.png"}


def test_nothing_is_loaded_from_elsewhere(pages):
    assert {link for page in pages.values() for link in page.loaded if urlsplit(link).netloc} == set()


def test_the_reference_has_every_verb_key_and_public_name(site, pages):
    verbs = (site / "reference/verbs/index.html").read_text(encoding="utf-8")
    assert {f"octomed-{name}" for name in VERBS} <= pages["reference/verbs/index.html"].places
    assert "--workers" in verbs
    keys = (site / "reference/recipe-keys/index.html").read_text(encoding="utf-8")
    assert {key for key in schema_json()["properties"] if f"<code>{key}</code>" not in keys} == set()
    training = (site / "reference/training-keys/index.html").read_text(encoding="utf-8")
    assert "<code>global_train_batch_size</code>" in training
    names = {name for name in octomed.__all__ if not name.startswith("__")}
    places = {place.rpartition(".")[2] for place in pages["reference/python/index.html"].places}
    assert names <= places
