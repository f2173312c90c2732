"""What docs/images.md shows runs, and its figures are right."""

from __future__ import annotations

from octomed import vision

from tests.unit.documents import ROOT, snippets
from tests.vision.oracle import noise


def test_the_python_of_the_document_runs():
    (shown,) = [
        one.text for one in snippets() if one.document == "docs/images.md" and one.language == "python"
    ]
    found = {"data": vision.encode(noise(512, 512), "png")}
    exec(compile(shown, "docs/images.md", "exec"), found)
    assert found["values"].shape == (4 * 324, 1_176)
    assert found["tokens"] == 324


def test_the_figures_of_the_document_are_right():
    text = (ROOT / "docs/images.md").read_text(encoding="utf-8")
    for family in vision.families():
        assert f"{family.min_pixels:,} and {family.max_pixels:,}" in text
    for size in ((512, 512), (768, 1_024)):
        first, second = (vision.tokens(*size, one.name, max_pixels=262_144) for one in vision.families())
        assert f"| {first} (" in text
        assert f"| {second} (" in text
    assert vision.resized(10, 1_000) == (28, 560)
    assert vision.resized(29, 5_615) == (28, 5_628)
