"""The dataset card: the hub's own client reads its header, and nothing in it says more than is so."""

from __future__ import annotations

import pytest
from octomed.report.card import card_of
from octomed.report.card_mark import is_as_written
from octomed.report.card_values import Card
from octomed.report.licenses import KNOWN, license_fields
from octomed.run_file import Counts, RunFile, SourceCounts, StreamEntry

SOURCES = [
    {"name": "films", "license": "cc-by-4.0", "citation": "@misc{films}\n```\nnot the end\n```"},
    {"name": "notes", "license": "PhysioNet Credentialed"},
    {"name": "odd | <b>", "teacher": "R1"},
]


def card(**values) -> str:
    counts = Counts(
        train=1_200,
        tokens=10,
        supervised_tokens=4,
        rejected={"duplicate": 3},
        sources={one["name"]: SourceCounts(rows=5) for one in SOURCES},
    )
    run = RunFile(
        streams={"len-00512": StreamEntry(4, traces=1_200), "validation": StreamEntry(1)},
        name="a run",
        recipe={"model": "Qwen/Qwen2.5-7B-Instruct", "sources": SOURCES, "curate": {"refusals": "reject"}},
        counts=counts,
    )
    return card_of(Card(run, tables=("rejects/films.parquet", "reports/near_duplicates.parquet"), **values))


def test_the_hub_reads_its_header():
    hub = pytest.importorskip("huggingface_hub")
    read = hub.DatasetCard(card())
    assert read.data.license == ["cc-by-4.0", "other", "unknown"]
    assert read.data.to_dict()["license_name"] == "physionet-credentialed"
    assert read.data.size_categories == ["1K<n<10K"]
    assert read.data.task_categories == ["text-generation"]
    configs = {one["config_name"]: one["data_files"] for one in read.data.to_dict()["configs"]}
    assert set(configs) == {"provenance", "rejects", "near_duplicates"}
    assert [one["split"] for one in configs["provenance"]] == ["len_00512", "validation"]
    assert read.text.lstrip().startswith("# a run")


def test_it_shows_texts_as_they_are():
    text = card()
    assert "odd \\| &lt;b&gt;" in text
    assert "````bibtex\n@misc{films}\n```\nnot the end\n```\n````" in text
    assert "Nobody looked for data that identify a person" in text
    assert 'remote="hf://datasets/me/films/len-00512"' in card(repository="me/films")


def test_a_changed_card_is_seen():
    assert is_as_written(card())
    assert not is_as_written(card().replace("a run", "my run"))
    assert not is_as_written(card() + "more\n")


def test_licences():
    assert license_fields([None, None]) == {}
    assert license_fields(["MIT"]) == {"license": "mit"}
    assert "apache-2.0" in KNOWN
    assert "openrail++" in KNOWN
    assert len(KNOWN) > 60
