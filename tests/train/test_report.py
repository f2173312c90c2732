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
from octomed.train.facts import About, TrainingFacts, write_facts
from octomed.train.journal import Journal
from octomed.train.progress import WIDTH, clock, evaluation_line, progress_line
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


ABOUT = About(
    began="2026-11-30 08:00 UTC",
    model="qwen2_5_vl, random weights",
    trained=1_442_944,
    frozen=81_280,
    run="packed <run>",
    packs=34,
    traces=345,
    tokens=67_834,
    images=12,
    device="NVIDIA H200",
    ranks=2,
    threads=1,
    cores=16,
    memory=128_000_000_000,
    versions={"torch": "2.7.0"},
)


def test_the_report_says_what_was_trained_and_how_it_ended(tmp_path):
    journal = Journal(tmp_path / "metrics.jsonl")
    for step in range(1, 21):
        entry = {"step": step, "loss/train/total": 20.0 - step, "data/tokens": 1000.0, "data/images": 3.0}
        journal.write(entry | ({"metrics/validation/loss": 2.5 + step} if step % 10 == 0 else {}))
    loggers = {"wandb": {"project": "a project", "api_key": "not to be read"}}
    recipe = {"run_name": "r", "seed": 17, "loggers": loggers}
    write_facts(tmp_path, TrainingFacts("s3://bucket/run", recipe, about=ABOUT))
    text = write_report(tmp_path, "r", "finished").read_text()
    for told in (
        "Finished, step 20. Written on 20",
        "<b>4.5000</b><span>mean of the last 10 steps; the first 19.0000",
        "<b>22.5000</b><span>after step 20; the least 12.5000",
        "<b>20,000</b>",
        "1,442,944 parameters trained, 81,280 frozen",
        "packed &lt;run&gt;: 345 traces in 34 packs, 67,834 tokens, 12 images, in s3://bucket/run",
        "2 ranks on NVIDIA H200, 1 thread each; a machine of 16 cores and 128.0 GB",
        "torch 2.7.0",
        "2026-11-30 08:00 UTC",
        "seed: 17",
        "a project",
        "Images per step",
    ):
        assert told in text, told
    assert "not to be read" not in text
    assert report.main(tmp_path) == 0
    assert "<p>Training, step 20." in (tmp_path / "train-report.html").read_text()


def test_a_folder_of_an_older_octomed_has_a_report(tmp_path):
    write_facts(tmp_path, TrainingFacts("runs/packed", {"run_name": "r"}))
    assert "<dd>runs/packed</dd>" in write_report(tmp_path, "r").read_text()


@pytest.mark.parametrize(("loss", "told"), [(3.0, "is 1.00 below it"), (5.0, "is not below it")])
def test_the_entropy_is_drawn_with_what_to_conclude(tmp_path, loss, told):
    Journal(tmp_path / "metrics.jsonl").write({"step": 1, "loss/train/total": loss, "unigrams/entropy": 4.0})
    page = read(write_report(tmp_path, "x"))
    assert told in page.text
    assert 'id="level"' in page.text


def test_labels_of_an_axis_differ(tmp_path):
    journal = Journal(tmp_path / "metrics.jsonl")
    for step, speed in enumerate([12_345_678.0, 12_345_680.0]):
        journal.write({"step": step, "data/tokens_per_second": speed})
    drawing = write_report(tmp_path, "a run").read_text().partition("<svg")[2]
    labels = [text.partition("<")[0] for text in drawing.split("12,345,6")[1:]]
    assert len(labels) >= 2
    assert len(set(labels)) == len(labels)


def test_a_page_has_the_colours_of_a_dark_room(tmp_path):
    Journal(tmp_path / "metrics.jsonl").write({"step": 1, "loss/train/total": 2.0})
    drawing = write_report(tmp_path, "a run").read_text().partition("<svg")[2]
    assert "var(--line)" in drawing
    assert "#000000" not in drawing
    assert "#ffffff" not in drawing


def test_an_evaluation_is_told_on_one_line():
    line = evaluation_line(step=1234, label="validation", loss=3.21456, seconds=200)
    assert line == "step 1,234  validation loss 3.2146  in 3 min 20 s"
