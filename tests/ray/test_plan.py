"""`octomed plan --nodes N`: what several machines would take, and when one is quicker."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from octomed import _octomed
from octomed.pipeline.planning.nodes import SELECT_SECONDS, START_SECONDS, estimate_on_nodes
from octomed.report.nodes import nodes_lines
from octomed.report.planned import Estimate

from tests.end_to_end import runs

GB = 10**9


def planned(*tasks, finished=()):
    """A plan whose tasks have so many bytes."""
    made = [SimpleNamespace(source_bytes=size, number=number) for number, size in enumerate(tasks)]
    return SimpleNamespace(
        tasks=lambda: [(None, task) for task in made],
        finished=lambda task: True if task.number in finished else None,
    )


def here(plan, *, seconds, traces, tokens):
    size = sum(task.source_bytes for _, task in plan.tasks())
    return Estimate(
        len(plan.tasks()), 0, traces, traces, tokens, size, seconds, 2 * tokens, tokens, 10**15, 2 * tokens
    )


def test_a_small_run_is_quicker_on_one_machine():
    plan = planned(*[GB] * 4)
    found = estimate_on_nodes(plan, here(plan, seconds=8, traces=100_000, tokens=10**8), 4)
    assert found.one_is_quicker
    assert list(nodes_lines(found))[-1].endswith("one machine is quicker: leave out `--executor ray`")
    assert any("4 tasks to scan and 1 ranges to write" in line for line in nodes_lines(found))


def test_a_large_one_is_divided_and_its_bytes_add_up():
    plan = planned(*[GB] * 400)
    one = here(plan, seconds=4000, traces=10**8, tokens=10**11)
    found = estimate_on_nodes(plan, one, 8)
    assert found.seconds == pytest.approx(START_SECONDS + 500 + 2 * SELECT_SECONDS * 10**8)
    assert not found.one_is_quicker
    index = _octomed.INDEX_ROW_BYTES * 10**8
    assert found.network_bytes == 400 * GB + 2 * one.store_bytes + 9 * index + one.output_bytes
    assert len(list(nodes_lines(found))) == 2
    scanned = estimate_on_nodes(planned(*[GB] * 400, finished=range(400)), one, 8)
    assert scanned.tasks == 0
    assert scanned.network_bytes == found.network_bytes - 400 * GB


def test_one_large_file_is_read_by_one_node():
    plan = planned(90 * GB, *[GB] * 10)
    found = estimate_on_nodes(plan, here(plan, seconds=1000, traces=10**6, tokens=10**10), 8)
    assert found.seconds > 900
    assert any("one task is 90.00 % of the scan" in line for line in nodes_lines(found))


def test_the_verb_says_it(tmp_path, capsys):
    runs.make_inputs(tmp_path, rows=20)
    recipe = runs.write_recipe(tmp_path, runs.values())
    assert runs.command_line(["plan", str(recipe), "--nodes", "4"]) == 0
    assert "on 4 such machines" in capsys.readouterr().out
    assert runs.command_line(["plan", str(recipe), "--nodes", "4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["nodes"]["nodes"] == 4
    assert runs.command_line(["plan", str(recipe), "--json"]) == 0
    assert "nodes" not in json.loads(capsys.readouterr().out)
    assert runs.command_line(["plan", str(recipe), "--nodes", "0"]) == 2
