"""Exports as folders: what is in them, and that the loaders of others read them."""

from __future__ import annotations

import json
import stat

import pyarrow.parquet as pq
import pytest
from octomed.cli.app import run as octomed
from octomed.export.formats import FORMATS, Layout, fault_of
from octomed.export.trace import ExportedTrace, Turn
from octomed.export.traces import traces_of

from tests.export.conftest import make_run

PLACES = {"images": "files", "file_type": "jsonl"}


def exported(run, target, *words):
    assert octomed(["export", str(run), "--output", str(target), *words]) == 0
    return target


def rows_of(target, name="train"):
    path = target / f"{name}.jsonl"
    if path.exists():
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return pq.read_table(target / f"{name}.parquet").to_pylist()


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
@pytest.mark.parametrize("row_format", FORMATS)
def test_every_format_has_every_trace_and_its_images(row_format, file_type, run, tmp_path):
    target = exported(run, tmp_path / "out", "--format", row_format, "--file-type", file_type)
    rows = rows_of(target)
    assert len(rows) == 32
    texts = json.dumps(rows)
    assert all(trace.turns[-1].text in texts for trace in traces_of(run))
    assert len(list((target / "images").iterdir())) == 2
    assert all(f"images/{path.name}" in texts for path in (target / "images").iterdir())
    about = json.loads((target / "octomed-export.json").read_text(encoding="utf-8"))
    assert about["rows"] == {"train": 32}
    assert not (tmp_path / ".out.octomed-export").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_messages_are_what_our_own_reader_packs_again(run, tmp_path):
    """What is exported, packed with the same model, has the ids that it had."""
    import octomed as library

    target = exported(run, tmp_path / "out", "--format", "messages")
    recipe = {
        "name": "again",
        "model": "qwen2.5-vl",
        "sources": [
            {
                "name": "again",
                "path": str(target / "train.jsonl"),
                "format": {"preset": "messages", "image_root": str(target)},
            }
        ],
        "pack": {"capacity": 512, "buckets": [64]},
        "output": {"path": str(tmp_path / "run")},
        "work": {"path": str(tmp_path / "work")},
    }
    summary = library.pack(recipe, workers=1)
    before = json.loads((run / "octomed.json").read_text(encoding="utf-8"))["counts"]
    assert summary.tokens == before["tokens"]
    assert summary.traces == 32


def test_masks_are_said_where_a_format_can(run, tmp_path, capsys):
    swift = rows_of(exported(run, tmp_path / "swift", "--format", "ms-swift"))
    assert swift[24]["messages"][2] == {"role": "assistant", "content": "One 0 café", "loss": False}
    assert "loss" not in swift[0]["messages"][-1]
    axolotl = rows_of(exported(run, tmp_path / "axolotl", "--format", "axolotl"))
    assert [turn["train"] for turn in axolotl[24]["messages"]] == [False, False, False, False, True]
    assert "message_field_training: train" in (tmp_path / "axolotl/axolotl.yml").read_text(encoding="utf-8")
    capsys.readouterr()
    exported(run, tmp_path / "trl", "--format", "trl")
    assert "4 traces have turns of the assistant that are not learned here" in capsys.readouterr().err


def test_llama_factory_gets_the_file_that_names_the_rows(tmp_path):
    run = make_run(tmp_path, validation={"share": 0.3})
    target = exported(run, tmp_path / "My export", "--format", "llama-factory")
    info = json.loads((target / "dataset_info.json").read_text(encoding="utf-8"))
    assert sorted(info) == ["My-export", "My-export_validation"]
    assert {entry["file_name"] for entry in info.values()} == {"train.jsonl", "validation.jsonl"}
    assert rows_of(target)[0]["system"] == "Be brief."


def test_an_export_is_replaced_only_when_that_is_asked_for(run, tmp_path, capsys):
    target = exported(run, tmp_path / "out")
    assert octomed(["export", str(run), "--output", str(target)]) == 2
    assert "`--force` replaces it" in capsys.readouterr().err
    exported(run, target, "--format", "axolotl", "--force")
    assert (target / "axolotl.yml").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("mine", encoding="utf-8")
    assert octomed(["export", str(run), "--output", str(tmp_path / "mine"), "--force"]) == 2
    assert (tmp_path / "mine/letter.txt").exists()


def test_what_fails_leaves_nothing_and_what_was_killed_is_removed(tmp_path, capsys):
    run = make_run(tmp_path)
    (tmp_path / "images/1.png").unlink()
    assert octomed(["export", str(run), "--output", str(tmp_path / "out")]) == 3
    assert "--from packs" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / ".out.octomed-export").exists()
    (tmp_path / ".out.octomed-export").mkdir()
    (tmp_path / ".out.octomed-export/train.jsonl").write_text("half", encoding="utf-8")
    exported(run, tmp_path / "out", "--from", "packs")
    assert not (tmp_path / ".out.octomed-export").exists()
    assert len(rows_of(tmp_path / "out")) == 32


def test_files_are_for_those_who_may_read_the_run(run, tmp_path):
    target = exported(run, tmp_path / "out")
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in target.rglob("*") if path.is_file()} == {0o600}


def test_copies_are_written_when_asked_for(tmp_path):
    run = make_run(tmp_path, mix={"asked": 2})
    assert len(rows_of(exported(run, tmp_path / "once"))) == 32
    assert len(rows_of(exported(run, tmp_path / "all", "--copies"))) == 56


@pytest.mark.parametrize(
    ("row_format", "roles", "text", "said"),
    [
        ("llama-factory", ["user", "assistant", "user"], "So.", "do not alternate"),
        ("llama-factory", ["user", "user", "assistant"], "So.", "do not alternate"),
        ("sharegpt", ["system", "tool", "assistant"], "So.", None),
        ("messages", ["user", "assistant"], "Write <image>.", "itself holds"),
        ("trl", ["user", "assistant", "user"], "Write <image>.", None),
    ],
)
def test_what_a_format_cannot_say(row_format, roles, text, said):
    trace = ExportedTrace(1, "s", "f", 0, 0, tuple(Turn(role, (text,)) for role in roles))
    fault = fault_of(trace, Layout(row_format, "jsonl", "files", has_images=False))
    assert (fault is None) if said is None else said in fault


def test_a_file_type_that_cannot_hold_images_is_refused(run, tmp_path, capsys):
    words = ["--format", "trl", "--images", "embedded", "--output", str(tmp_path / "out")]
    assert octomed(["export", str(run), *words]) == 2
    assert "--file-type parquet" in capsys.readouterr().err
