"""Progress and summary: what they say, and that the sums agree."""

from __future__ import annotations

import dataclasses
import io
import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from octomed.report import JsonProgress, LineProgress, LiveProgress, SilentProgress, Summary, units
from octomed.report.losses import large_losses
from octomed.report.progress import progress_for
from rich.console import Console

SUMMARY = Summary(
    output="runs/x",
    rows=1000,
    rows_unreadable=1,
    rows_without_trace=2,
    rows_with_traces=997,
    traces=4000,
    train=3990,
    rejected={"duplicate": 8, "over_long": 2},
    tokens=1_020_000,
    supervised_tokens=800_000,
    straddling_tokens=3,
    packs=63,
    lower_bound_packs=63,
    capacity=16384,
    bytes_in=5_000_000,
    bytes_text=4_800_000,
    bytes_store=4_200_000,
    bytes_out=2_100_000,
    shards=3,
    shards_written=3,
    streams={"len-01024": {"packs": 60, "shards": 2}, "len-16384": {"packs": 3, "shards": 1}},
    blocks_scanned=3,
    blocks_reused=0,
    seconds={"plan": 0.1, "scan": 1.5, "select": 0.1, "write": 0.3},
    workers=2,
    tokenizer="own encoder",
    already_done=False,
)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def lines_of(progress_class):
    clock, stream = Clock(), io.StringIO()
    progress = progress_class(stream, every=5.0, clock=clock)
    progress.stage("scan", 10_000_000, None)
    for _ in range(4):
        clock.now += 2
        progress.advance(rows=100, bytes=1_000_000, tokens=25_000, rejects=1)
    progress.message("half of it")
    clock.now += 4
    progress.stage("write", None, None)
    progress.close()
    progress.close()
    return stream.getvalue().splitlines()


def test_lines():
    assert lines_of(LineProgress) == [
        "scan: 10.0 MB to go",
        "scan: 30 %, 300 rows, 50.0 rows/s, 0.50 MB/s, 75,000 tokens, 3 rejects, 14.0 s left",
        "half of it",
        "scan: done in 12.0 s, 400 rows, 33.3 rows/s, 0.33 MB/s, 100,000 tokens, 4 rejects",
        "write: begins",
        "write: done in 0.0 s",
    ]


def test_json_lines():
    events = [json.loads(line) for line in lines_of(JsonProgress)]
    assert [event["event"] for event in events] == [
        "stage", "progress", "message", "stage_done", "stage", "stage_done",
    ]  # fmt: skip
    assert events[1]["rows"] == 300
    assert events[1]["seconds_left"] == 14.0
    assert events[3]["tokens"] == 100_000


@pytest.mark.parametrize("progress_class", [LineProgress, JsonProgress])
def test_a_stage_that_fails_is_not_done(progress_class):
    clock, stream = Clock(), io.StringIO()
    progress = progress_class(stream, clock=clock)
    progress.stop()
    progress.stage("scan", 10_000_000, None)
    clock.now += 0.7
    progress.stop()
    clock.now += 60
    progress.advance(rows=1, bytes=1, tokens=1, rejects=0)  # by a worker that is not waited for
    progress.stop()
    progress.close()
    last = stream.getvalue().splitlines()[1:]
    if progress_class is LineProgress:
        assert last == ["scan: stopped after 0.7 s"]
    else:
        assert [json.loads(line)["event"] for line in last] == ["stage_stopped"]


def test_a_stage_that_fails_on_a_terminal():
    clock, stream = Clock(), io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100, no_color=True)
    progress = LiveProgress(console, clock=clock)
    progress.stage("scan", 1_000_000, None)
    clock.now += 2
    progress.stop()
    progress.close()
    assert "stopped after 2.0 s" in stream.getvalue()
    assert "done in" not in stream.getvalue()


def test_live_on_a_terminal():
    clock, stream = Clock(), io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100, no_color=True)
    progress = LiveProgress(console, clock=clock)
    progress.stage("scan", 1_000_000, None)
    clock.now += 2
    progress.advance(rows=500, bytes=500_000, tokens=9, rejects=0)
    drawn = Console(file=io.StringIO(), width=100, record=True)
    drawn.print(progress.render())
    text = drawn.export_text()
    assert "50 %" in text
    assert "500 rows · 250 rows/s" in text
    assert "2.0 s left" in text
    progress.message("a note")
    progress.close()
    progress.close()
    assert "a note" in stream.getvalue()
    assert "done in 2.0 s" in stream.getvalue()


def test_the_display_suits_the_stream():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert isinstance(progress_for(Terminal(), json_lines=False), LiveProgress)
    assert type(progress_for(io.StringIO(), json_lines=False)) is LineProgress
    assert isinstance(progress_for(Terminal(), json_lines=True), JsonProgress)


def test_silence(capsys):
    progress = SilentProgress()
    progress.stage("scan", 1, 1)
    progress.advance(rows=1, bytes=1, tokens=1, rejects=1)
    progress.message("x")
    progress.stop()
    progress.close()
    assert capsys.readouterr() == ("", "")


def test_many_threads_count_right():
    stream = io.StringIO()
    progress = JsonProgress(stream, every=0.0)
    progress.stage("scan", None, None)

    def work():
        for _ in range(500):
            progress.advance(rows=1, bytes=2, tokens=3, rejects=4)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    progress.close()
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    last = events[-1]
    assert (last["rows"], last["bytes"], last["tokens"], last["rejects"]) == (4000, 8000, 12000, 16000)


def test_sums_agree():
    assert SUMMARY.sums_agree
    for field in ("rows", "rows_unreadable", "traces", "train"):
        assert not dataclasses.replace(SUMMARY, **{field: getattr(SUMMARY, field) + 1}).sums_agree
    assert not dataclasses.replace(SUMMARY, rejected={"duplicate": 8}).sums_agree
    assert "DO NOT AGREE" in dataclasses.replace(SUMMARY, rows=0).plain()


def test_summary_as_text():
    assert SUMMARY.plain().splitlines() == [
        "packed 3,990 traces into `runs/x`",
        "  rows read              1,000",
        "    with traces          997",
        "    without a trace      2",
        "    unreadable           1",
        "  traces made            4,000",
        "    packed               3,990",
        "    rejected: duplicate  8",
        "    rejected: over_long  2",
        "    which, and why       `runs/x/rejects/*.parquet`",
        "  sums                   agree",
        "  tokens                 1,020,000, 78.43 % supervised",
        "    straddling           3 on the edge of a span, not supervised",
        "  packs                  63 of 16,384 tokens, fill 98.81 %, the lower bound",
        "  streams                `len-01024` 60, `len-16384` 3",
        "  shards                 3, 3 written now",
        "  bytes                  5.0 MB in, 4.2 MB store, 2.1 MB out",
        "  tokenizer              own encoder",
        "  blocks                 3 scanned, 0 reused",
        "  time                   2.0 s (plan 0.1 s, scan 1.5 s, select 0.1 s, write 0.3 s) with 2 workers: 2,000 traces/s",  # noqa: E501
        "next: octomed verify runs/x",
    ]


def test_the_rejects_are_named_where_there_are_any():
    none = dataclasses.replace(SUMMARY, rows_unreadable=0, rows_without_trace=0, rejected={})
    assert "rejects" not in none.plain()
    for some in ({"rows_unreadable": 1}, {"rows_without_trace": 1}, {"rejected": {"duplicate": 1}}):
        assert "`runs/x/rejects/*.parquet`" in dataclasses.replace(none, **some).plain()


def test_summary_on_a_terminal_says_the_same():
    stream = io.StringIO()
    SUMMARY.show(Console(file=stream, force_terminal=True, width=160, no_color=True))
    for label, value in SUMMARY.lines():
        assert label.strip() in stream.getvalue()
        assert value in stream.getvalue()


def test_summary_as_json():
    values = json.loads(SUMMARY.to_json())
    assert values["rejected"] == {"duplicate": 8, "over_long": 2}
    assert values["gap"] == 0
    assert values["fill"] == pytest.approx(0.98817, abs=1e-4)


def test_a_run_that_was_done_says_so():
    assert dataclasses.replace(SUMMARY, already_done=True).plain().startswith("nothing to do")


@given(st.floats(0, 1e15))
def test_sizes_are_short(number):
    assert len(units.bytes_of(number)) <= 9


@given(st.floats(0, 1e7))
def test_times_are_short(number):
    assert len(units.seconds(number)) <= 13


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_only_all_is_a_hundred_percent(part, whole):
    share = part / whole
    if share < 1:
        assert units.percent(share) != "100.00 %"


def test_unreadable_rows_that_the_recipe_tolerates_are_no_large_loss():
    account = {"rows": 8, "rows_unreadable": 2, "rows_refused": {"image_missing": 2}, "traces": 6, "train": 6}
    sources = {"a": account, "b": account}
    (line,) = large_losses(sources, capacity=64, tolerated={"a": 0.3, "b": 0.2})
    assert line.startswith("source `b`: 2 of 8 rows (25.00 %) are unreadable")
    assert len(large_losses(sources, capacity=64)) == 2
