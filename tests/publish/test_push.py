"""`octomed push`: what goes to the hub is a whole run, and nothing of it that was not asked for."""

from __future__ import annotations

import json
import shutil
import socket

import numpy as np
import octomed
import pyarrow.parquet as pq
import pytest
from octomed.cli.app import run as command_line
from octomed.pipeline.finished.run_tables import batches_of
from octomed.publish import push as pushing
from octomed.run_file import load_run_file

from .conftest import SECRET

pytest.importorskip("huggingface_hub")
PLACE = "octomed/published"
ADDRESS = f"hf://datasets/{PLACE}"


def pushed(run, *options, code=0, place=ADDRESS):
    assert command_line(["push", str(run), place, "--yes", *options]) == code


def names(hub):
    """Names of the published files."""
    return {name.removeprefix("published/") for name in everything(hub) if name.startswith("published/")}


def everything(hub):
    return [name.removeprefix("../") for name in _all(hub)]


def _all(hub):
    found = json.loads(hub._ask("GET", "names?prefix=octomed/"))
    return [name.removeprefix("octomed/") for name in found]


def read(hub, name):
    return hub._ask("GET", f"objects/{PLACE}/{name}")


def downloaded(hub, folder):
    """The published run as a local folder."""
    for name in names(hub):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(read(hub, name))
    return folder


@pytest.fixture
def packed_here(packed, tmp_path):
    """A copy of the run that a test may change."""
    shutil.copytree(packed, tmp_path / "out")
    return tmp_path / "out"


def test_what_is_published_is_a_run(packed, hub, capsys, tmp_path):
    pushed(packed)
    said = capsys.readouterr().out
    assert f"to `{ADDRESS}`, private" in said
    verified = octomed.verify(ADDRESS)
    assert verified.findings == ()
    assert verified.left_out == ("machine", "paths", "rejects", "reports")
    assert set(verified.not_covered) == {".gitattributes", "README.md", "report.html"}
    folder = downloaded(hub, tmp_path / "copy")
    assert octomed.verify(folder, deep=False).findings == ()
    before, after = load_run_file(packed), load_run_file(folder)
    assert after.streams == before.streams
    assert after.counts.rejected == before.counts.rejected
    for stream in before.streams:
        for shard in (packed / stream).glob("shard.*"):
            assert (folder / stream / shard.name).read_bytes() == shard.read_bytes()


def test_readers_of_runs_read_it(packed, hub, tmp_path):
    pytest.importorskip("torch")
    streaming = pytest.importorskip("streaming")
    from octomed.stream import PackedDataset

    pushed(packed)
    folder = downloaded(hub, tmp_path / "copy")
    packs = sum(stream.packs for stream in load_run_file(folder).streams.values())
    assert sum(1 for _ in PackedDataset(folder, batch_size=1, shuffle=False)) > 0
    counted = 0
    for name in load_run_file(folder).streams:
        stock = streaming.StreamingDataset(local=str(folder / name), batch_size=1, shuffle=False)
        counted += sum(len(pack["input_ids"]) > 0 for pack in stock)
    assert counted == packs


def test_nothing_goes_that_was_not_asked_for(packed, hub, tmp_path):
    pushed(packed)
    there = names(hub)
    assert not [name for name in there if name.startswith("rejects/")]
    assert [name for name in there if name.startswith("reports/")] == ["reports/decontamination.json"]
    folder = downloaded(hub, tmp_path / "copy")
    home = str(packed.parent)
    for name in there:
        data = (folder / name).read_bytes()
        assert SECRET.encode() not in data, name
        assert home.encode() not in data, name
    run = load_run_file(folder)
    assert (run.run.machine, run.run.seconds, run.run.inputs, run.run.recipe_folder) == ("", {}, None, None)
    assert "path" not in run.recipe["sources"][0]
    assert "work" not in run.recipe
    page = (folder / "report.html").read_text()
    assert "No text of the data is on this page" in page
    assert "<pre>" not in page.partition("How it was made")[0]
    for table in (folder / "provenance").glob("*.parquet"):
        files = set(pq.read_table(table)["file"].to_pylist())
        assert all(one.startswith("file-") for one in files)


def test_files_have_numbers_by_which_their_owner_finds_them(packed, hub, tmp_path):
    pushed(packed)
    folder = downloaded(hub, tmp_path / "copy")
    known = load_run_file(packed).run.inputs
    for table in sorted((packed / "provenance").glob("*.parquet")):
        own, public = (pq.read_table(one).to_pylist() for one in (table, folder / "provenance" / table.name))
        for mine, theirs in zip(own, public, strict=True):
            number = int(theirs.pop("file").removeprefix("file-"))
            assert sorted(known[mine["source"]])[number] == mine.pop("file")
            assert theirs == mine


def test_what_is_named_goes_along(packed, hub, tmp_path):
    pushed(packed, "--include", "rejects,paths", "--include", "machine,reports,texts")
    folder = downloaded(hub, tmp_path / "copy")
    assert octomed.verify(folder).findings == ()
    run, own = load_run_file(folder), load_run_file(packed)
    assert run.run.left_out == ()
    assert (run.run.machine, run.run.inputs) == (own.run.machine, own.run.inputs)
    assert run.recipe == own.recipe
    for name in own.run.files:
        assert (folder / name).read_bytes() == (packed / name).read_bytes()
    assert SECRET in (folder / "report.html").read_text()


def test_rejects_go_without_names_of_files_and_details(packed, hub, tmp_path):
    pushed(packed, "--include", "rejects")
    folder = downloaded(hub, tmp_path / "copy")
    assert octomed.verify(folder).findings == ()
    rows = [
        row for table in (folder / "rejects").glob("*.parquet") for row in pq.read_table(table).to_pylist()
    ]
    assert rows
    assert {row["detail"] for row in rows} == {""}
    assert all(row["file"].startswith("file-") for row in rows)


def test_texts_go_without_names_of_files(packed, hub):
    pushed(packed, "--include", "texts")
    page = read(hub, "report.html").decode()
    assert "<pre>" in page.partition("How it was made")[0]
    assert SECRET not in page
    assert "jane.doe" not in page


def test_a_second_time_nothing_is_sent(packed, hub, capsys):
    pushed(packed)
    before = hub.counts()["bytes_in"]
    pushed(packed)
    assert "sent 0 files" in capsys.readouterr().out
    assert hub.counts()["bytes_in"] - before < 2_000


def test_an_interrupted_push_goes_on(packed, hub, capsys, monkeypatch):
    monkeypatch.setattr(pushing, "MOST_FILES", 2)
    hub.set(quota=40_000)
    pushed(packed, code=4)
    said = capsys.readouterr().err
    assert "has no room" in said
    assert f"resume: `octomed push {packed} {ADDRESS}`" in said
    assert "octomed.json" not in names(hub)
    hub.set(quota=None)
    pushed(packed)
    files, _, stood = capsys.readouterr().out.splitlines()[-2].removeprefix("sent ").partition(" files")
    assert int(files) > 0
    assert int(stood.partition("; ")[2].split()[0]) > 0
    assert octomed.verify(ADDRESS).findings == ()


def test_a_dry_run_asks_nobody(packed, hub, capsys):
    assert command_line(["push", str(packed), ADDRESS, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "nothing was sent" in said
    assert hub.counts()["requests"] == 0
    for name in ("octomed.json", "README.md", "stays  rejects/"):
        assert name in said
    assert command_line(["push", str(packed), ADDRESS, "--dry-run", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["dry_run"]
    assert sum(one["bytes"] for one in value["files"]) > 0


def test_nobody_is_asked_where_nobody_answers(packed, hub, capsys):
    assert command_line(["push", str(packed), ADDRESS]) == 2
    assert "hint: say `--yes`" in capsys.readouterr().err
    assert hub.counts()["requests"] == 0


@pytest.mark.parametrize(
    ("rules", "place", "words"),
    [
        ({"readonly": True}, ADDRESS, ["the token does not allow it", "right to write"]),
        ({"keys": ["another"]}, ADDRESS, ["does not take the token", "hf auth login"]),
        ({}, "hf://datasets/nobody/published", ["there is no dataset `published` of `nobody`", "correct"]),
    ],
)
def test_what_the_hub_refuses_is_named(packed, hub, capsys, rules, place, words):  # noqa: PLR0913, PLR0917
    hub.set(**rules)
    pushed(packed, code=4, place=place)
    said = capsys.readouterr().err
    assert all(word in said for word in words), said


@pytest.mark.usefixtures("hub")
def test_without_a_token_or_a_network(packed, capsys, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
    pushed(packed, code=4)
    assert "the hub cannot be reached" in capsys.readouterr().err
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    pushed(packed, code=4)
    assert "there is no token" in capsys.readouterr().err


@pytest.mark.parametrize(
    "address", ["hf://datasets/name", "hf://models/a/b", "s3://a/b", "hf://datasets/a/b/c"]
)
def test_what_is_no_dataset_is_refused(packed, capsys, address):
    pushed(packed, code=2, place=address)
    assert "hint: write `hf://datasets/owner/name`" in capsys.readouterr().err


def test_what_cannot_be_included_is_refused(packed, capsys):
    pushed(packed, "--include", "reject", code=2)
    assert "did you mean `rejects`?" in capsys.readouterr().err


@pytest.mark.usefixtures("hub")
def test_a_public_dataset_has_to_be_meant(packed, capsys):
    pushed(packed, "--public")
    assert "everybody sees it" in capsys.readouterr().out
    pushed(packed, code=2)
    assert "is public already" in capsys.readouterr().err
    assert octomed.verify(ADDRESS).findings == ()


@pytest.mark.usefixtures("hub")
def test_a_private_dataset_is_not_made_public(packed, capsys):
    pushed(packed)
    pushed(packed, "--public", code=2)
    assert "and private" in capsys.readouterr().err


def test_another_run_is_replaced_only_if_asked(packed, hub, capsys):
    pushed(packed, "--include", "rejects")
    pushed(packed, code=2)
    assert "holds another run" in capsys.readouterr().err
    pushed(packed, "--replace")
    assert "of another run removed" in capsys.readouterr().out
    assert not [name for name in names(hub) if name.startswith("rejects/")]
    assert octomed.verify(ADDRESS).findings == ()


def test_what_no_run_wrote_is_left_alone(packed, hub, capsys):
    hub._ask("PUT", f"objects/{PLACE}/train.csv", b"mine")
    pushed(packed, "--replace", code=2)
    assert "is public already" in capsys.readouterr().err  # of which the server knows no better
    pushed(packed, "--public", "--replace", code=2)
    assert "nothing says that a run was put there" in capsys.readouterr().err
    assert names(hub) == {"train.csv"}


def test_flagged_traces_that_are_packed_are_refused(packed_here, hub, capsys):
    path = packed_here / "octomed.json"
    from octomed.run_file import run_file_bytes

    run = load_run_file(packed_here)
    run.recipe["curate"]["identifying"]["action"] = "report"
    path.write_bytes(run_file_bytes(run))
    pushed(packed_here, code=2)
    assert "flagged for identifying data" in capsys.readouterr().err
    assert hub.counts()["requests"] == 0
    pushed(packed_here, "--include", "identifying")
    assert octomed.verify(ADDRESS).findings == ()


def test_a_card_of_ones_own_goes_as_it_is(packed_here, hub, capsys):
    (packed_here / "README.md").write_text("---\nlicense: mit\n---\n\n# Mine\n")
    pushed(packed_here)
    assert "changed by hand" in capsys.readouterr().err
    assert read(hub, "README.md") == b"---\nlicense: mit\n---\n\n# Mine\n"


def test_a_header_that_the_hub_refuses_is_named(packed_here, hub, capsys):
    (packed_here / "README.md").write_text("---\nlicense: no-such-licence\n---\n")
    pushed(packed_here, code=4)
    assert "the header of `README.md`" in capsys.readouterr().err
    assert "octomed.json" not in names(hub)


@pytest.mark.usefixtures("hub")
def test_a_run_of_an_address_is_published(packed, fast_s3):
    place = fast_s3.upload(packed, "run")
    pushed(place)
    assert octomed.verify(ADDRESS).findings == ()


def test_a_published_run_has_no_rejects_to_show(packed, hub, tmp_path, capsys):
    pushed(packed)
    folder = downloaded(hub, tmp_path / "copy")
    assert command_line(["rejects", str(folder)]) == 2
    assert "a published copy" in capsys.readouterr().err
    assert command_line(["inspect", str(folder)]) == 0
    assert command_line(["report", str(folder), "--no-samples"]) == 0


def test_lengths_and_ids_are_in_its_provenance(packed, hub, tmp_path):
    pushed(packed)
    folder = downloaded(hub, tmp_path / "copy")
    run = load_run_file(folder)
    lengths = [
        batch.column("length").to_numpy()
        for name in run.run.files
        if name.startswith("provenance/")
        for batch in batches_of(folder, name, ["length"])
    ]
    assert int(np.concatenate(lengths).sum()) == run.counts.tokens
