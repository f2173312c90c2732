"""Pictures of `octomed inspect`: on terminals alone, each once, and not where they are asked away."""

from __future__ import annotations

import importlib.util
import io

import pytest
from octomed.cli import pictures
from octomed.errors import RecipeError
from octomed.report.views import ImageView
from rich.console import Console

from tests.starter.rows import picture


def view(key=7, data=None):
    data = picture() if data is None else data
    return ImageView("scan.png", key, 30, 40, (2, 2), 1, "png", len(data), None, data)


def terminal(*, is_one=True):
    return Console(file=io.StringIO(), force_terminal=is_one, width=60, color_system="truecolor")


def test_each_image_is_drawn_once():
    pytest.importorskip("textual_image")
    screen = terminal()
    pictures.show([view(), view(), view(8), view(9, b"")], screen)
    drawn = screen.file.getvalue()
    assert drawn.count("image 0000000000000007") == drawn.count("image 0000000000000008") == 1
    assert "image 0000000000000009" not in drawn
    assert drawn.count("\n") >= 6  # two lines of text, and two pictures


def test_pictures_are_for_terminals_and_can_be_asked_away():
    pytest.importorskip("textual_image")
    assert pictures.wanted(None, terminal())
    assert not pictures.wanted(None, terminal(is_one=False))
    assert not pictures.wanted(True, terminal(is_one=False))
    assert not pictures.wanted(False, terminal())


def test_without_the_package_they_are_not_shown(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert not pictures.wanted(None, terminal())
    with pytest.raises(RecipeError, match="not installed"):
        pictures.wanted(True, terminal())
