"""Inputs in stores: the bytes of a local run, of every kind, and no more asked for than is read."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import re
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from octomed.errors import DataError, RecipeError
from octomed.pipeline.inputs import tasks
from octomed.pipeline.threads.executor import Threads
from octomed.stores.traffic import Traffic, traffic

from tests.servers.fixtures import forget_clients

from . import elsewhere, runs

ROWS = runs.question_rows(1, 150)


def lines(rows=ROWS):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def compressed(name, data):
    if name in {"gz", "xz", "bz2"}:
        return {"gz": gzip, "xz": lzma, "bz2": bz2}[name].compress(data)
    codec = {"zst": "zstd", "lz4": "lz4", "br": "brotli"}[name]
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


def table(rows):
    notes = [{"note": {"of": [f"{number}" * 50]}, "number": number} for number in range(len(rows))]
    return pa.Table.from_pylist([row | note for row, note in zip(rows, notes, strict=True)])


def write_kind(folder, kind, rows=ROWS):
    """Write rows as files of a kind."""
    folder.mkdir(parents=True)
    if kind.startswith("jsonl"):
        ending = kind.partition(".")[2]
        data = compressed(ending, lines(rows)) if ending else lines(rows)
        (folder / f"a.{kind}").write_bytes(data)
        (folder / f"b.{kind}").write_bytes(data[: 0 if ending else 5000] or data)
    elif kind == "json":
        (folder / "a.json").write_text(json.dumps(rows))
        (folder / "b.json").write_text("\n".join(json.dumps(row, indent=1) for row in rows))
    elif kind == "tar":
        with tarfile.open(folder / "a.tar", "w") as archive:
            for number, row in enumerate(rows):
                data = json.dumps(row).encode()
                member = tarfile.TarInfo(f"{number:06}.json")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    elif kind == "hive":
        for number, lang in enumerate(("en", "fr")):
            (folder / f"lang={lang}").mkdir()
            pq.write_table(table(rows).slice(number * 60, 60), folder / f"lang={lang}/part-0.parquet")
    elif kind.startswith("csv"):
        ending = kind.partition(".")[2].replace("utf16", "")
        data = "question,response\n" + "".join(
            f'"{row["question"]}","{row["responses"][0]}"\n' for row in rows
        )
        data = data.encode("utf-16" if kind == "csv.utf16" else "utf-8")
        name = "a.csv" if kind == "csv.utf16" else f"a.{kind}"
        (folder / name).write_bytes(compressed(ending, data) if ending else data)
    elif kind.startswith("parquet"):
        codec = kind.partition(".")[2] or "snappy"
        for name, size in (("a", 17), ("b", 1000)):
            pq.write_table(table(rows), folder / f"{name}.parquet", row_group_size=size, compression=codec)
    else:
        opener = pa.ipc.new_file if kind == "arrow.file" else pa.ipc.new_stream
        with pa.OSFile(str(folder / "a.arrow"), "wb") as sink, opener(sink, table(rows).schema) as writer:
            writer.write_table(table(rows), max_chunksize=20)


KINDS = {
    "jsonl": ["jsonl"],
    "compressed": ["jsonl.gz", "jsonl.zst", "jsonl.xz", "jsonl.bz2", "jsonl.lz4", "jsonl.br"],
    "json": ["json"],
    "csv": ["csv", "csv.gz", "csv.utf16"],
    "parquet": [f"parquet.{codec}" for codec in ("none", "snappy", "gzip", "zstd", "lz4", "brotli")],
    "arrow": ["arrow.file", "arrow.stream"],
    "tar": ["tar"],
    "hive": ["hive"],
}
"""Kinds that one run reads, each with rows of its own."""


def same_files(here, there):
    """Say whether two runs have the same files, of `octomed.json` all but the paths of the inputs."""
    found, expected = runs.contents(there), runs.contents(here)
    assert found.keys() == expected.keys()
    return {name for name in found if found[name] != expected[name]} <= {"octomed.json"}


@pytest.fixture(scope="module")
def of_kind(tmp_path_factory):
    """Runs over local files, by kind."""
    made = {}

    def run(kind):
        if kind not in made:
            folder = made[kind] = tmp_path_factory.mktemp(kind)
            for number, one in enumerate(KINDS[kind]):
                write_kind(folder / "data" / one, one, runs.question_rows(number + 1, 100))
            format_ = (
                {"question": "question", "response": "response"} if kind.startswith("csv") else "octomed"
            )
            runs.pack(runs.write_recipe(folder, runs.one_source("data", format_)))
        return made[kind]

    return run


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_from_a_store_gives_the_same_bytes(of_kind, kind, fast_s3):
    folder = of_kind(kind)
    address = fast_s3.upload(folder / "data", "rows")
    runs.pack(folder / "recipe.yaml", f"sources.only.path={address}/", "output.path=s3", "work.path=other")
    assert same_files(folder / "out", folder / "s3")
    assert not (folder / "other/mirrors").exists()


@pytest.mark.parametrize("store", ["s3", "gcs", "azure", "hub"])
def test_every_store_gives_the_same_bytes(of_kind, store, request):
    server = request.getfixturevalue(store)
    kinds = ("compressed", "parquet")
    addresses = [server.upload(of_kind(kind) / "data", f"rows-{kind}") for kind in kinds]
    for kind, address in zip(kinds, addresses, strict=True):
        folder = of_kind(kind)
        settings = (f"sources.only.path={address}", f"output.path={store}", f"work.path=of-{store}")
        runs.pack(folder / "recipe.yaml", *settings)
        assert same_files(folder / "out", folder / store)


def test_files_of_the_web_give_the_same_bytes(of_kind, web, tmp_path):
    folder = of_kind("arrow")
    files = sorted(path for path in (folder / "data").rglob("*.arrow"))
    for number, path in enumerate(files):
        files[number] = Path(shutil.copy(path, tmp_path / f"{number}.arrow"))
        web.put(f"rows/{number}.arrow", files[number].read_bytes())
    lists = {"here": files, "there": [f"{web.root}/rows/{path.name}" for path in files]}
    for name, paths in lists.items():
        written = json.dumps([str(path) for path in paths])
        settings = (f"output.path={tmp_path / name}", f"work.path={tmp_path / f'of-{name}'}")
        runs.pack(folder / "recipe.yaml", f"sources.only.path={written}", *settings)
    assert same_files(tmp_path / "here", tmp_path / "there")


def recipe_at(folder, address, *, format_="octomed", **keys):
    """Write a recipe over an address, and the model beside it."""
    return runs.write_recipe(folder, runs.one_source(address, format_, **keys))


def test_verbs_read_rows_from_a_store(tmp_path, fast_s3, capsys):
    bad = [*ROWS[:20], {"question": "no response", "responses": []}]
    address = fast_s3.put("rows/a.jsonl", lines(bad) + b"{broken\n")
    path = recipe_at(tmp_path, address, max_unreadable=0.5)
    for verb in ("check", "plan"):
        assert octomed_command(verb, path) == 0
    assert not (tmp_path / "store/mirrors").exists()
    runs.pack(path)
    reasons = {(row["row"], row["reason"]) for row in runs.rejects(tmp_path / "out")}
    assert {(20, "no_response"), (21, "invalid_json")} <= reasons
    capsys.readouterr()
    assert octomed_command("inspect", path, "--source", "only", "--row", "3") == 0
    assert f"{ROWS[3]['question'].split()[0]} " in capsys.readouterr().out
    assert octomed_command("rejects", tmp_path / "out", "--show-text") == 0
    assert "{broken" in capsys.readouterr().out
    fast_s3.put("rows/a.jsonl", lines(bad[1:]) + b"{broken\n")
    assert octomed_command("rejects", tmp_path / "out", "--show-text") == 3
    assert f"`{address}` (source `only`) changed since the run" in capsys.readouterr().err


def octomed_command(*words):
    from octomed.cli.app import run

    return run([str(word) for word in words])


@pytest.mark.parametrize("on_bad_file", ["error", "skip"])
@pytest.mark.parametrize("size", ["small", "large"])
def test_an_object_that_changes_between_plan_and_scan_is_named(
    tmp_path, fast_s3, monkeypatch, size, on_bad_file
):
    data = lines() if size == "small" else lines() * 20
    address = fast_s3.put("rows/a.jsonl", data)
    path = recipe_at(tmp_path, address, on_bad_file=on_bad_file)
    from octomed.pipeline.passes import run

    planned = run.plan

    def plan_and_replace(recipe, **options):
        made = planned(recipe, **options)
        fast_s3.put("rows/a.jsonl", data.replace(b"fever", b"cough"))
        return made

    monkeypatch.setattr(run, "plan", plan_and_replace)
    with pytest.raises(DataError, match=rf"`{re.escape(address)}` changed while the run read it"):
        runs.pack(path)
    assert not (tmp_path / "out/octomed.json").exists()


def test_a_finished_run_over_objects_is_done_until_one_is_another(tmp_path, fast_s3):
    address = fast_s3.put("rows/a.jsonl", lines())
    path = recipe_at(tmp_path, address)
    runs.pack(path)
    before = fast_s3.counts()["bytes_out"]
    assert runs.pack(path).already_done
    assert fast_s3.counts()["bytes_out"] - before < 100_000
    record = json.loads((tmp_path / "out/octomed.json").read_text())["run"]["inputs"]["only"]["a.jsonl"]
    assert record.startswith(f"{len(lines())} bytes, version ")
    fast_s3.put("rows/a.jsonl", lines(ROWS[1:]))
    with pytest.raises(RecipeError, match=r"over other inputs: `only/a.jsonl` changed"):
        runs.pack(path)


def wide(folder, rows, groups):
    """Write rows of which most bytes are in columns that no mapping reads; return the bytes of the others."""
    folder.mkdir()
    values = [{"question": f"{number}? {row['question']}", "response": " ".join(row["responses"])}
              for number, row in enumerate(runs.question_rows(7, rows))]  # fmt: skip
    numbers = np.random.default_rng(1).integers(0, 2**24, rows * 300, np.int32)
    numbers = pa.FixedSizeListArray.from_arrays(pa.array(numbers), 300)
    made = pa.table(
        {
            "vector": numbers,
            "question": [row["question"] for row in values],
            "weights": numbers,
            "response": [row["response"] * 20 for row in values],
        }
    )
    pq.write_table(made, folder / "a.parquet", row_group_size=rows // groups, compression="zstd")
    footer = pq.read_metadata(folder / "a.parquet")
    return sum(
        footer.row_group(group).column(leaf).total_compressed_size
        for group in range(footer.num_row_groups)
        for leaf in range(footer.num_columns)
        if footer.schema.column(leaf).path in {"question", "response"}
    )


def test_only_the_bytes_of_mapped_columns_are_read(tmp_path, fast_s3):
    mapped = wide(tmp_path / "data", 2000, 4)
    address = fast_s3.upload(tmp_path / "data", "rows")
    size = (tmp_path / "data/a.parquet").stat().st_size
    assert size > 3 * mapped
    path = recipe_at(tmp_path, address, format_={"question": "question", "response": "response"})
    before = traffic().get("s3://octomed", Traffic())
    runs.pack(path, "report.write=false")  # a report reads a few rows again
    read = traffic()["s3://octomed"] - before
    assert mapped <= read.bytes_read <= 1.05 * mapped
    assert read.bytes_read <= fast_s3.counts()["bytes_out"] <= 1.05 * mapped + 20_000
    elsewhere = f"sources.only.path={tmp_path / 'data'}", "output.path=here", "work.path=local"
    runs.pack(path, *elsewhere, "report.write=false")
    assert same_files(tmp_path / "out", tmp_path / "here")


@pytest.mark.parametrize("kind", ["jsonl", "compressed", "arrow"])
def test_every_byte_is_read_once(of_kind, kind, fast_s3, tmp_path, monkeypatch):
    monkeypatch.setattr(tasks, "JSON_TASK_BYTES", 2**20)
    folder = of_kind(kind)
    address = fast_s3.upload(folder / "data", "rows")
    size = sum(path.stat().st_size for path in (folder / "data").rglob("*.*") if path.is_file())
    before = traffic().get("s3://octomed", Traffic())
    runs.pack(folder / "recipe.yaml", f"sources.only.path={address}", f"output.path={tmp_path / 'out'}",
              f"work.path={tmp_path / 'store'}", "report.write=false")  # fmt: skip
    assert size <= (traffic()["s3://octomed"] - before).bytes_read <= 1.01 * size + 10


@pytest.mark.alone
def test_many_small_files_are_planned_many_at_once(tmp_path, fast_s3):
    """With 20 ms a request a thousand would take 20 seconds one after the other."""
    row = json.dumps({"question": "q {}", "responses": ["r"]})
    for number in range(300):
        fast_s3.put(f"rows/{number}.jsonl", row.replace("{}", str(number)).encode() + b"\n")
    path = recipe_at(tmp_path, f"{fast_s3.root}/rows")
    fast_s3.set(latency=0.02)
    begin = time.monotonic()
    runs.pack(path)
    took = time.monotonic() - begin
    assert fast_s3.counts()["requests"] <= 2 * 300 + 20
    assert took < 0.6 * 0.02 * fast_s3.counts()["requests"] + 4


def test_a_dataset_of_the_hub_is_read_at_one_commit(tmp_path, hub, monkeypatch):
    address = hub.put("rows/a.jsonl", lines())
    path = recipe_at(tmp_path, "hf://datasets/octomed/data/rows")
    from octomed.pipeline.passes import run

    planned = run.plan

    def plan_and_push(recipe, **options):
        made = planned(recipe, **options)
        hub.put("rows/a.jsonl", lines(ROWS[1:]))
        return made

    with monkeypatch.context() as patched:
        patched.setattr(run, "plan", plan_and_push)
        runs.pack(path)
    said = json.loads((tmp_path / "out/octomed.json").read_text())["run"]
    (note,) = [note for note in said["notes"] if "is read at commit" in note]
    commit = note.split("`")[-2]
    assert len(commit) == 40
    assert address.startswith("hf://datasets/octomed/data")
    assert runs.pack(path).already_done
    forget_clients()
    with pytest.raises(RecipeError, match=r"over other inputs: `only/a.jsonl` changed"):
        runs.pack(path)
    runs.pack(path, f"sources.only.path=hf://datasets/octomed/data@{commit}/rows", "output.path=again")
    assert same_files(tmp_path / "out", tmp_path / "again")


SECRETS = ("planted-user", "planted-password", "planted-signature", "planted-token")


def test_no_secret_is_in_any_file_of_a_run_or_in_what_it_says(tmp_path, web, capfd, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "planted-token")
    web.put("rows/a.jsonl", lines([*ROWS[:30], {"question": "no response", "responses": []}]))
    place = (
        f"{web.url.removeprefix('http://')}/octomed/rows/a.jsonl?sig=planted-signature&token=planted-token"
    )
    address = f"http://planted-user:planted-password@{place}"
    path = recipe_at(tmp_path / "recipe", address)
    out, store = tmp_path / "run/out", tmp_path / "run/store"
    settings = [
        "--set",
        f"output.path={out}",
        "--set",
        f"work.path={store}",
        "--set",
        f"sources.only.path={address}",
    ]
    for verb in ("check", "plan", "pack"):
        assert octomed_command(verb, path, *settings) == 0, capfd.readouterr().err
    assert octomed_command("pack", path, *settings) == 0
    octomed_command("inspect", out)
    octomed_command("report", out)
    octomed_command("rejects", out, "--show-text")
    octomed_command("inspect", path, *settings, "--source", "only", "--row", "999")
    web.put("rows/a.jsonl", b"{broken")
    octomed_command("pack", path, *settings)
    web.delete("rows/a.jsonl")
    octomed_command("pack", path, *settings)
    said = "".join(capfd.readouterr())
    assert "a.jsonl" in said
    held = [said.encode(), *(file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file())]
    assert len(held) > 8
    for secret in SECRETS:
        assert not [
            data[max(0, data.find(secret.encode()) - 200) :][:300] for data in held if secret.encode() in data
        ]


def test_tasks_are_scanned_elsewhere_with_the_same_options(tmp_path, fast_s3, monkeypatch):
    """In a process that has listed nothing, and knows a store's options by the specification alone."""
    data = tmp_path / "data"
    write_kind(data, "jsonl")
    write_kind(tmp_path / "more", "parquet.snappy")
    fast_s3.upload(data, "rows")
    fast_s3.upload(tmp_path / "more", "rows")
    path = recipe_at(tmp_path, f"{fast_s3.root}/rows")
    values = json.loads(path.read_text())
    values["stores"] = [{"prefix": "s3://octomed", "endpoint": fast_s3.url}]
    path.write_text(json.dumps(values))
    runs.pack(path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    def send(_, call, specs, **_how):
        yield from elsewhere.results(call, list(specs), runs.BLOCK_BYTES)

    monkeypatch.setattr(Threads, "map", send)
    runs.pack(path, "output.path=there", "work.path=store-there")
    assert same_files(tmp_path / "out", tmp_path / "there")


def test_a_local_recipe_loads_nothing_of_stores(small):
    program = (
        "import sys; from octomed.cli.app import run; "
        f"assert run(['check', {str(small)!r}]) == 0; "
        "packages = {'obstore', 'boto3', 'huggingface_hub', 'fsspec'}; "
        "print([name for name in sys.modules if name.split('.')[0] in packages "
        "or name.startswith('octomed.stores')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


FAULTS = ["error_500", "error_503", "reset", "short_body", "wrong_length", "html"]


@pytest.mark.parametrize("kind", ["compressed", "parquet"])
def test_requests_that_fail_change_no_byte(of_kind, kind, fast_s3):
    folder = of_kind(kind)
    address = fast_s3.upload(folder / "data", "rows")
    fast_s3.set(rate=0.2, kinds=FAULTS, seed=5)
    runs.pack(
        folder / "recipe.yaml", f"sources.only.path={address}", "output.path=faulty", "work.path=of-faulty"
    )
    assert fast_s3.counts()["faults"] > 0
    assert same_files(folder / "out", folder / "faulty")
