"""Packed traces as turns: what the rows say after curation, and the same out of the packs."""

from __future__ import annotations

import json
import unicodedata

import pytest
from octomed.errors import RecipeError
from octomed.export.traces import Said, traces_of

from tests.export.conftest import ASKED, SPOKEN, SYSTEM, lines, make_run


def spoken(trace):
    return [(turn.role, turn.with_marks("<image>"), turn.learned) for turn in trace.turns]


def test_each_trace_is_there_once_in_source_order_with_its_rows_text(run):
    traces = list(traces_of(run))
    places = [(trace.source, trace.file, trace.row, trace.sample) for trace in traces]
    assert places == [
        *(("asked", "asked.jsonl", row, sample) for row in range(12) for sample in range(2)),
        *(("spoken", "spoken.jsonl", row, 0) for row in range(4)),
        *(("seen", "seen.jsonl", row, 0) for row in range(4)),
    ]
    assert spoken(traces[1]) == [
        ("system", SYSTEM, False),
        ("user", "Question 0?\nA. yes\nB. no", False),
        ("assistant", "No 0.", True),
    ]
    assert traces[0].answer == ASKED[0]["answer"]
    assert [learned for _, _, learned in spoken(traces[24])] == [False, False, False, False, True]
    assert spoken(traces[-1])[1] == ("user", "<image>\nWhat?", False)
    assert traces[-1].images[0].data.startswith(b"\x89PNG")


def test_packs_say_the_same_but_for_composed_letters(run):
    said = Said()
    read = {trace.trace_id: trace for trace in traces_of(run)}
    decoded = {trace.trace_id: trace for trace in traces_of(run, from_packs=True, said=said)}
    assert sum(said.from_packs.values()) == len(decoded) == len(read)
    for key, trace in decoded.items():
        written = [
            (role, unicodedata.normalize("NFC", text), learned) for role, text, learned in spoken(read[key])
        ]
        assert spoken(trace) == written
        assert [image.data for image in trace.shown] == [image.data for image in read[key].shown]


def test_what_is_gone_is_decoded_and_what_changed_too(tmp_path):
    run = make_run(tmp_path)
    before = {trace.trace_id: spoken(trace) for trace in traces_of(run)}
    (tmp_path / "asked.jsonl").unlink()
    (tmp_path / "spoken.jsonl").write_text(lines(SPOKEN[:2]), encoding="utf-8")
    said = Said()
    traces = list(traces_of(run, said=said))
    assert set(said.from_packs) == {("asked", "asked.jsonl"), ("spoken", "spoken.jsonl")}
    assert [trace.source for trace in traces][:4] == ["seen"] * 4
    assert {trace.trace_id: spoken(trace) for trace in traces} == before


def test_masked_texts_stay_masked_and_flagged_rows_stay_out(tmp_path):
    asked = {"question": "Write to anna.smith@example.org?", "responses": ["No."]}
    curate = {"identifying": {"kinds": ["email"], "action": "mask"}}
    (tmp_path / "more.jsonl").write_text(json.dumps(asked), encoding="utf-8")
    run = make_run(
        tmp_path,
        curate=curate,
        sources=[
            {"name": "more", "path": "more.jsonl", "format": "octomed"},
            {"name": "asked", "path": "asked.jsonl", "format": "octomed"},
        ],
    )
    said = Said()
    assert {trace.source for trace in traces_of(run, said=said)} == {"asked"}
    assert said.hidden == 1
    texts = [turn.text for trace in traces_of(run, identifying=True) for turn in trace.turns]
    assert not any("anna" in text for text in texts)
    assert any(text.startswith("Write to ") for text in texts)


def test_copies_and_validation_are_known(tmp_path):
    run = make_run(tmp_path, mix={"asked": 3}, validation={"share": 0.25})
    traces = list(traces_of(run))
    assert len({trace.trace_id for trace in traces}) == len(traces)
    assert {trace.copies for trace in traces if trace.source == "asked" and not trace.is_validation} == {3}
    assert any(trace.is_validation for trace in traces)


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(RecipeError, match="holds no finished run"):
        next(traces_of(tmp_path))
