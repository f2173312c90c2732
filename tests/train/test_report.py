"""The line that a user watches, and the report at the end."""

from __future__ import annotations

import math
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from octomed.errors import RecipeError
from octomed.train import report
from octomed.train.journal import Journal
from octomed.train.progress import WIDTH, clock, progress_line
from octomed.train.report import write_report


@given(
    step=st.integers(0, 10**8),
    share=st.floats(0, 1),
    loss=st.floats(allow_nan=True, allow_infinity=True),
    rate=st.floats(0, 1),
    speed=st.floats(0, 1e9),
    left=st.floats(0, 1e8) | st.just(math.inf),
)
def test_the_line_fits_a_terminal(step, share, loss, rate, speed, left):  # noqa: PLR0913, PLR0917
    line = progress_line(
        step=step, share=share, loss=loss, learning_rate=rate, tokens_per_second=speed, seconds_left=left
    )
    assert len(line) <= WIDTH < 80
    assert "\n" not in line
    assert line.startswith("step ")


def test_the_line_says_what_it_should():
    line = progress_line(
        step=1234, share=0.5, loss=1.23456, learning_rate=5e-5, tokens_per_second=41_234.4, seconds_left=3723
    )
    assert line == "step 1,234   50%  loss 1.2346  lr 5.00e-05  41,234 tokens/s  1:02:03 left"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3600, "1:00:00"), (math.inf, "-")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.tags, self.lines, self.links = [], [], []
        self.in_curve = False

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.append(tag)
        self.links += [value for name, value in values.items() if name in {"src", "href"}]
        if values.get("id") == "curve":
            self.in_curve = True
        elif tag == "path" and self.in_curve:
            numbers = [float(word) for word in values["d"].split() if word not in {"M", "L"}]
            self.lines.append(list(zip(numbers[::2], numbers[1::2], strict=True)))
            self.in_curve = False


def read(path):
    page = Page()
    page.text = path.read_text(encoding="utf-8")
    page.feed(page.text)
    return page


def test_the_report_draws_what_was_measured(tmp_path):
    journal = Journal(tmp_path / "metrics.jsonl")
    for step in range(1, 11):
        journal.write({"step": step, "loss/train/total": 10.0 - step, "data/tokens_per_second": 5.0})
    page = read(write_report(tmp_path, "<run & co>"))
    assert page.tags.count("svg") == 2
    assert not page.links
    loss = page.lines[0]
    assert 2 <= len(loss) <= 10, "what lies on a straight line may be left out"
    across, down = zip(*loss, strict=True)
    assert list(across) == sorted(across)
    assert list(down) == sorted(down), "a falling loss goes down the page"
    assert "&lt;run &amp; co&gt;" in (tmp_path / "train-report.html").read_text()


def test_one_step_is_drawn_and_no_step_is_said(tmp_path):
    assert "No measurements" in write_report(tmp_path, "x").read_text()
    Journal(tmp_path / "metrics.jsonl").write({"step": 1, "loss/train/total": 2.0})
    assert len(read(write_report(tmp_path, "x")).lines) == 1


def test_a_loss_that_is_no_number_is_said_and_not_drawn(tmp_path):
    journal = Journal(tmp_path / "metrics.jsonl")
    for step, loss in enumerate([3.0, 2.0, math.nan, math.inf], 1):
        journal.write({"step": step, "loss/train/total": loss, "data/traces": math.nan})
    page = read(write_report(tmp_path, "x"))
    assert [len(line) for line in page.lines] == [2]
    assert "2 of 4 steps are not a number" in page.text
    assert "4 of 4 steps are not a number" in page.text
    assert "nan" not in page.text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0003, "0.0003"), (812.0, "800"), (12770.4, "10,000"), (3_210_000, "3e+06")],
)
def test_an_axis_says_its_numbers(value, text, tmp_path):
    journal = Journal(tmp_path / "metrics.jsonl")
    for step, speed in enumerate([0, value]):
        journal.write({"step": step, "data/tokens_per_second": speed})
    assert f">{text}</text>" in write_report(tmp_path, "a run").read_text()


def test_drawings_are_well_formed_and_the_same_each_time(tmp_path):
    journal = Journal(tmp_path / "metrics.jsonl")
    for step in range(5):
        journal.write({"step": step, "loss/train/total": 1.0 / (step + 1), "data/traces": step})
    pages = [write_report(tmp_path, "a run").read_text() for _ in range(2)]
    assert pages[0] == pages[1]
    drawings = [f"<svg{part.split('</svg>')[0]}</svg>" for part in pages[0].split("<svg")[1:]]
    assert len(drawings) == 2
    for drawing in drawings:
        root = ElementTree.fromstring(drawing)
        assert root.get("aria-label")
        assert "step" in [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]


def test_a_plotting_library_that_is_missing_is_told_before_the_training(monkeypatch):
    monkeypatch.setattr(report.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(RecipeError, match=r"`callbacks\.report` needs the package `matplotlib`"):
        report.check_plots()
