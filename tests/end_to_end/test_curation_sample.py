"""The embedded sample of curation: every rule has something to leave out, and the report shows all of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import octomed
import pytest
from octomed.pipeline.finished.run_report import report_of
from octomed.recipe import load_recipe
from octomed.report.run_page import page_of

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "recipes/quickstart-curation.yaml"
SAMPLE = ROOT / "python/octomed/sample/responses"
REASONS = {
    "contaminated",
    "cut_response",
    "duplicate",
    "identifying",
    "near_duplicate",
    "no_answer",
    "pass_rate",
    "repetition",
    "traces_per_question",
    "wrong_answer",
}


@pytest.fixture
def out(tmp_path):
    places = [f"output.path={tmp_path / 'out'}", f"work.path={tmp_path / 'store'}"]
    summary = octomed.pack(load_recipe(RECIPE, places), workers=2)
    assert summary.sums_agree
    return tmp_path / "out"


def test_each_rule_leaves_something_out(out):
    counts = json.loads((out / "octomed.json").read_text())["counts"]
    assert {reason for reason, number in counts["rejected"].items() if number} == REASONS
    assert counts["traces"] == 384
    assert octomed.verify(out).findings == ()


def test_what_was_planted_is_what_is_found(out):
    """Questions 5 and 23 are asked in the evaluation file; every fourth row repeats its first response."""
    report = report_of(out)
    assert sorted(one["row"] for one in report.contaminated) == [5, 23]
    for cluster in report.clusters:
        rows = {line.split(" row ")[1].split()[0] for line, _ in cluster.members}
        assert len(rows) == 1
        assert int(rows.pop()) % 4 == 0


def test_the_page_has_every_part_and_nobody_in_it(out):
    text = page_of(report_of(out))
    for heading in ("Answers", "Near duplicates", "Contamination", "Traces a question", "Samples"):
        assert f"<h2>{heading}</h2>" in text
    assert "Both sums agree" in text
    assert "@clinic.example" not in text


def test_without_samples_no_text_is_on_the_page(out):
    text = page_of(report_of(out, samples=False))
    assert "The complaint is" not in text
    assert "a year-old" not in text.replace("-", " ")


def test_the_sample_is_what_its_script_makes(tmp_path):
    script = ROOT / "scripts/make_sample_responses.py"
    subprocess.run([sys.executable, script, tmp_path], check=True)
    for path in SAMPLE.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
