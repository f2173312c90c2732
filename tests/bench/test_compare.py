"""The harness of the comparisons: what is measured is what happened, and tables say what the results say."""

from __future__ import annotations

import json
import sys

import pytest
import tokenizers
from octomed import Tokenizer

from bench.compare import __main__ as compare
from bench.compare import measure, report, vocabulary
from bench.compare.contests import Entry


def run_of(contestant, **figures):
    return measure.Run(contestant, 10.0, 15.0, 1_500.0, 1_000.0, figures)


def entry_of(*runs):
    return {"median": compare.medians(list(runs)), "runs": [run.plain() for run in runs]}


def test_a_run_is_timed_and_its_memory_sampled_over_the_tree(tmp_path):
    hold = "held = bytearray(80 << 20); held[::4096] = b'x' * len(held[::4096])"
    child = f"import time; {hold}; time.sleep(0.6)"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    parent = f"{start}; print('{{\"packs\": 3}}')"
    made = measure.run("child", [sys.executable, "-c", parent], tmp_path / "log")
    assert made.wall_seconds > 0.6
    assert 85 < made.peak_anonymous_mb < 160
    assert made.figures == {"packs": 3}


def test_a_failing_contestant_says_why(tmp_path):
    with pytest.raises(RuntimeError, match="no such peer"):
        measure.run("peer", [sys.executable, "-c", "raise SystemExit('no such peer')"], tmp_path / "log")


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b'noise\n{"a": 1}\n', {"a": 1}),
        (b'{\n "a": 1\n}', {"a": 1}),
        (b"noise", {}),
        (b"", {}),
        (b"[1]", {}),
    ],
)
def test_figures_are_the_last_json_object(output, expected):
    assert measure.last_json(output) == expected


def test_everyone_goes_first_in_turn():
    entries = [Entry(name, lambda name=name: run_of(name)) for name in "abc"]
    firsts = [compare.rotated(entries, number)[0].name for number in range(6)]
    assert firsts == list("abcabc")


def test_medians_reach_the_stages_and_leave_words_out():
    runs = [run_of("a", traces=5, stages={"read": seconds}, digest="x") for seconds in (3.0, 1.0, 2.0)]
    median = compare.medians(runs)
    assert median["figures"] == {"traces": 5, "stages": {"read": 2.0}}
    assert median["wall_seconds"] == 10.0


def test_contestants_that_did_different_work_end_the_comparison():
    compare.agree({"a": [run_of("a", tokens=5)], "b": [run_of("b", tokens=5)]})
    with pytest.raises(SystemExit, match="not the same work"):
        compare.agree({"a": [run_of("a", tokens=5)], "b": [run_of("b", tokens=6)]})


def result():
    machine = {"cpu": "a CPU", "cores": 2, "memory_gb": 8.0, "date": "2025-01-01T00:00:00", "commit": "abc"}
    path = {
        "assembled": entry_of(run_of("assembled", traces=40_000, fill=0.99)),
        "octomed": entry_of(run_of("octomed", traces=200_000, fill=0.999)),
    }
    figures = {"megabytes": 50, "set_up_seconds": 0.1, "first_pass_mb_s": 3.0, "second_pass_mb_s": 4.0}
    tokenize = {
        "tokenizers": entry_of(run_of("tokenizers", **figures, digest="x")),
        "gigatoken": entry_of(run_of("gigatoken", **figures, digest="y")),
    }
    contests = {"path": path, "tokenize-english": tokenize}
    return {"machine": machine, "size": "full", "rounds": 3, "contests": contests}


def test_the_table_says_rates_ratios_and_who_is_exact(tmp_path):
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    for _ in range(2):
        report.insert(document, report.table(json.loads(json.dumps(result()))))
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "| 200,000 | 10.0 | 20,000 |" in text
    assert "5.0 × assembled parts" in text
    gigatoken = next(line for line in text.splitlines() if line.startswith("| gigatoken"))
    assert gigatoken.endswith("| differ |")
    assert next(line for line in text.splitlines() if line.startswith("| tokenizers")).endswith("| equal |")


def test_the_plot_is_the_same_every_time(tmp_path):
    pytest.importorskip("matplotlib")
    for name in ("one.svg", "two.svg"):
        report.plot(result(), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


@pytest.mark.long
def test_the_peers_vocabulary_is_ours(tmp_path):
    path = vocabulary.write(tmp_path)
    texts = ["Hello", "naïve café 你好。\n\n", "3.2 mg/dL don't <|im_start|>", "hepatosplenomegaly's"]
    theirs = tokenizers.Tokenizer.from_file(str(path))
    theirs.encode_special_tokens = True
    ours = Tokenizer.builtin("qwen2.5").encode_batch(texts)
    assert [one.tolist() for one in ours] == [one.ids for one in theirs.encode_batch_fast(texts)]
