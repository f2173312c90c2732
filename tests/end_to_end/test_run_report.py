"""`octomed report`: a finished run as one page."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser

import octomed
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from octomed.cli.app import run as command_line
from octomed.pipeline.finished.hidden_places import hidden_places
from octomed.pipeline.finished.run_report import report_of
from octomed.pipeline.finished.write_pages import write_pages
from octomed.report.identifying import searches_for_identifying
from octomed.report.run_page import page_of
from octomed.run_file import load_run_file

from . import runs

SECRET = "Aorta of the rejected row"
HOSTILE = "<script>alert(1)</script>"


class Words(HTMLParser):
    """The text of a page, and its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.tags, self.words, self.links = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in {"href", "src", "srcset"}]

    def handle_data(self, data):
        self.words.append(data)


def read(text):
    page = Words()
    page.feed(text)
    return page


def written(folder, **options):
    """Write the pages of a run, and return the report."""
    assert write_pages(folder, **options) == []
    return (folder / "report.html").read_text()


@pytest.fixture
def out(small):
    """A finished run with unreadable rows, a row without a trace, and rejected traces."""
    bad = ["{", json.dumps({"question": SECRET + HOSTILE, "responses": []})]
    with (small.parent / "data/questions/a.jsonl").open("a") as file:
        file.writelines(f"{line}\n" for line in bad)
    runs.pack(small, "sources.questions.max_unreadable=0.5", "curate.duplicates.exact=true")
    return small.parent / "out"


def test_it_has_every_count_and_its_sums_agree(out):
    run = octomed.verify(out)
    assert run.findings == ()
    text = written(out)
    page = read(text)
    words = " ".join(page.words)
    counts = json.loads((out / "octomed.json").read_text())["counts"]
    for number in (counts["rows"], counts["traces"], counts["train"], counts["tokens"]):
        assert f"{number:,}" in words
    for reason in [*counts["rows_refused"], *(why for why, number in counts["rejected"].items() if number)]:
        assert f"left out: {reason}" in words
    assert "Both sums agree" in words


def test_it_needs_no_network_and_runs_nothing(out):
    page = read(written(out))
    assert page.links == []
    assert "script" not in page.tags
    assert HOSTILE in " ".join(page.words)  # as text, from the row that was left out


def test_lengths_count_every_packed_trace_once(out):
    report = report_of(out)
    counts = report.run.counts
    assert {one.name: sum(one.counts.values()) for one in report.by_source} == {
        name: source.train for name, source in counts.sources.items()
    }
    lengths = [
        length
        for table in (out / "provenance").glob("*.parquet")
        for length in pq.read_table(table)["length"].to_pylist()
    ]
    shortest = min(power for one in report.by_source for power in one.counts)
    assert 2**shortest <= min(lengths) < 2 ** (shortest + 1)


def test_samples_show_what_was_packed_and_left_out(out):
    report = report_of(out)
    counts = report.run.counts
    reasons = {sample.reason for sample in report.samples}
    assert reasons == {"kept", *counts.rows_refused, *(why for why, n in counts.rejected.items() if n)}
    assert any(SECRET in sample.text for sample in report.samples)
    assert report_of(out) == report  # the same rows whenever it is written


def test_no_text_where_none_is_wanted(out):
    everything = written(out)
    assert SECRET in everything
    assert SECRET not in written(out, samples=False)
    assert command_line(["report", str(out), "--no-samples"]) == 0
    assert SECRET not in (out / "report.html").read_text()


def test_rows_with_identifying_data_are_never_shown(out):
    """Neither a reject with that reason, nor a row that the table of such rows names."""
    path = out / "rejects/questions.parquet"
    table = pq.read_table(path)
    reasons = ["identifying" if why == "no_response" else why for why in table["reason"].to_pylist()]
    assert "identifying" in reasons or SECRET in written(out)
    column = table.schema.get_field_index("reason")
    everything = pa.array(["identifying"] * table.num_rows)
    pq.write_table(table.set_column(column, "reason", everything), path)
    report = report_of(out)
    shown = [sample.place for sample in report.samples if sample.place.startswith("questions/")]
    assert all(sample.reason == "kept" for sample in report.samples if sample.place in shown)
    assert not any(SECRET in sample.text for sample in report.samples)


def test_sources_that_are_gone_are_a_note(out):
    before = {sample.reason for sample in report_of(out).samples}
    for path in (out.parent / "data/questions").iterdir():
        path.unlink()
    report = report_of(out)
    assert {sample.reason for sample in report.samples} < before
    assert any("not shown" in note for note in report.notes)
    assert "not shown" in page_of(report)


@pytest.mark.parametrize("spoilt", ["provenance", "rejects"])
def test_a_damaged_table_is_named(out, spoilt, capsys):
    table = min((out / spoilt).glob("*.parquet"))
    table.write_bytes(table.read_bytes()[:-9])
    assert command_line(["report", str(out)]) == 3
    assert table.name in capsys.readouterr().err


def test_no_run_is_no_report(tmp_path):
    assert command_line(["report", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_format_over_a_preset_is_read_back_as_it_was_written(small):
    """What a preset has and the recipe does not mention stays: a null in the run file would take it out."""
    data = small.parent / "data/spoken.jsonl"
    turns = [{"from": "human", "value": "Fever?"}, {"from": "gpt", "value": "Rest."}]
    data.write_text(json.dumps({"conversations": turns, "number": 7}) + "\n")
    values = runs.values()
    values["sources"] = [
        {"name": "spoken", "path": str(data), "format": {"preset": "sharegpt", "id": "number"}}
    ]
    runs.pack(runs.write_recipe(small.parent, values))
    assert report_of(small.parent / "out").notes == ()


def test_the_words_are_on_one_line_each(out):
    words = html.unescape(re.sub(r"<pre>.*?</pre>", "", written(out), flags=re.DOTALL))
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", words)


def test_rows_that_nobody_searched_are_not_shown_where_data_are_searched(small):
    """A row that is refused whole has no measures: what identifies in it would be on the page."""
    with (small.parent / "data/questions/a.jsonl").open("a") as file:
        file.write(json.dumps({"question": SECRET, "responses": []}) + "\n")
    runs.pack(small, "curate.identifying={action: mask}")
    assert SECRET not in written(small.parent / "out")


@pytest.mark.parametrize("action", ["mask", "report", "reject"])
def test_rows_flagged_for_identifying_data_are_hidden_whatever_became_of_them(small, action):
    path = small.parent / "data/questions/a.jsonl"
    rows = len(path.read_text().splitlines())
    with path.open("a") as file:
        answer = f"{SECRET}: write to jane.doe@example.org at once."
        file.write(json.dumps({"question": "Whom?", "options": ["a"], "responses": [answer]}) + "\n")
    runs.pack(small, f"curate.identifying={{action: {action}}}")
    out = small.parent / "out"
    run = load_run_file(out)
    assert hidden_places(out, run) == {("questions", "a.jsonl", rows)}
    assert searches_for_identifying(run)
    assert SECRET not in written(out)


def test_nothing_is_hidden_where_nobody_looks(out):
    run = load_run_file(out)
    assert hidden_places(out, run) == frozenset()
    assert not searches_for_identifying(run)
