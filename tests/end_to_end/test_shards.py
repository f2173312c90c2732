"""Tar shards in WebDataset's form, from members to packs; the oracle is `webdataset`, or its rule."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import octomed
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from octomed import _octomed
from octomed.mds import MDSReader
from octomed.pipeline.inputs.read import blocks_of
from octomed.pipeline.inputs.tasks import tasks_of
from octomed.pipeline.planning.inspect import inspect_row
from octomed.recipe import load_recipe
from octomed.recipe.inputs import find_inputs
from PIL import Image

from . import runs

VISION_TOKENS = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
ENDINGS = ("png", "jpg", "jpeg", "webp")
FORMAT = {
    "question": "question",
    "responses": "responses",
    "images": {"any_of": list(ENDINGS), "optional": True},
}
Members = list[tuple[str, bytes]]


def picture(number: int) -> tuple[str, bytes]:
    """An image and its ending."""
    ending = ENDINGS[number % len(ENDINGS)]
    draws = np.random.default_rng(number)
    pixels = draws.integers(0, 256, (56 + 28 * (number % 3), 84, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, {"jpg": "JPEG", "jpeg": "JPEG"}.get(ending, ending.upper()))
    return ending, file.getvalue()


def rows(count: int) -> list[dict[str, Any]]:
    """Rows, of which every third shows an image."""
    found = [dict(row) for row in runs.question_rows(5, count)]
    for number, row in enumerate(found):
        row.pop("options")
        row["question"] = f"{number}: {row['question']}"
        if number % 3 == 0:
            row["picture"] = picture(number)
    return found


def members(given: list[dict[str, Any]], folder: str = "") -> Members:
    found: Members = []
    for number, row in enumerate(given):
        text = {key: value for key, value in row.items() if key != "picture"}
        found.append((f"{folder}{number:06}.json", json.dumps(text, ensure_ascii=False).encode()))
        if "picture" in row:
            ending, data = row["picture"]
            place = -1 if number % 2 else len(found)
            found.insert(place, (f"{folder}{number:06}.{ending.upper() if number % 2 else ending}", data))
    return found


def tar(given: Members, form: int = tarfile.USTAR_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, data in given:
            archive.addfile(header(name, len(data)), io.BytesIO(data))
    return file.getvalue()


def header(name: str, size: int = 0, **fields: Any) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size = size
    for key, value in fields.items():
        setattr(made, key, value)
    return made


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "CONTROLS", (*runs.CONTROLS, *VISION_TOKENS))
    return tmp_path


def recipe(folder: Path, path: str = "rows.tar", format_: Any = FORMAT, **keys: Any) -> Path:
    values = runs.one_source(path, format_, **keys) | {"template": "qwen2.5-vl"}
    return runs.write_recipe(folder, values)


def shown(folder: Path) -> tuple[list[str], list[bytes]]:
    """The texts of all packs, and their images."""
    packs = [row for stream in sorted(folder.glob("len-*")) for row in MDSReader(stream)]
    images = [
        pack["images"][begin:end]
        for pack in packs
        for begin, end in itertools.pairwise(np.frombuffer(pack["image_offsets"], "<u4").tolist())
    ]
    return sorted(runs.texts(folder)), sorted(set(images))


def test_a_shard_packs_as_the_same_rows_of_parquet(folder):
    given = rows(90)
    (folder / "rows.tar").write_bytes(tar(members(given)))
    of_shard = runs.pack(recipe(folder))
    found = shown(folder / "out")
    assert len(found[1]) == 30
    assert octomed.verify(folder / "out").findings == ()
    table = [
        {
            "question": row["question"],
            "responses": row["responses"],
            "images": row["picture"][1] if "picture" in row else None,
        }
        for row in given
    ]
    pq.write_table(pa.Table.from_pylist(table), folder / "rows.parquet")
    as_parquet = FORMAT | {"images": "images"}
    of_table = runs.pack(recipe(folder, "rows.parquet", as_parquet), "output.path=table")
    assert shown(folder / "table") == found
    counts = [(one.rows, one.traces, one.train, one.tokens) for one in (of_shard, of_table)]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_forms_compressions_and_workers_change_no_byte(folder, form):
    """Names are the same, so that traces are: each compression in a folder of its own, under one name."""
    long = "ä" * 70 + "/" + "n" * 60 + "/" if form != tarfile.USTAR_FORMAT else "d/"
    data = tar(members(rows(40), long), form)
    found = []
    packings = {
        "a.tar": data,
        "a.tar.gz": gzip.compress(data),
        "a.tar.zst": zstd(data),
        "a.tgz": gzip.compress(data),
    }
    for name, packed in list(packings.items())[: 4 if form == tarfile.PAX_FORMAT else 2]:
        (folder / name).write_bytes(packed)
        runs.pack(recipe(folder, name), f"output.path={name}.out", workers=1 + len(found) % 2)
        found.append(shown(folder / f"{name}.out"))
        files = [row["row"] for row in runs.provenance(folder / f"{name}.out")]
        assert sorted(set(files)) == list(range(40))
    assert all(one == found[0] for one in found)
    if form == tarfile.PAX_FORMAT:
        before = runs.contents(folder / "a.tar.out") | {"octomed.json": ""}
        runs.pack(recipe(folder, "a.tar"), "output.path=again", "work.path=other", workers=2)
        assert runs.contents(folder / "again") | {"octomed.json": ""} == before


def zstd(data: bytes) -> bytes:
    return pa.Codec("zstd").compress(data, asbytes=True)


def test_check_plan_inspect_and_rejects_know_a_rows_place(folder, capsys):
    given = rows(12)
    spoiled = members(given)
    at = next(number for number, (name, _) in enumerate(spoiled) if name == "000007.json")
    spoiled[at] = ("000007.json", b'{"question": "What?"')
    (folder / "rows.tar").write_bytes(tar(spoiled))
    path = recipe(folder, max_unreadable=0.5)
    checked = octomed.check(load_recipe(path))
    assert (checked.samples[0].kind, checked.samples[0].rows, checked.samples[0].images) == ("tar", 12, 4)
    assert {"__key__", "question", "responses", "png", "jpeg"} <= set(checked.samples[0].columns)
    runs.pack(path)
    (reject,) = runs.rejects(folder / "out")
    assert (reject["file"], reject["row"], reject["reason"]) == ("rows.tar", 7, "invalid_json")
    views = inspect_row(load_recipe(path), "only", 9)
    assert given[9]["question"].encode() in b"".join(views[0].token_texts)
    assert runs.command_line(["rejects", str(folder / "out"), "--show-text"]) == 0
    assert "What?" in capsys.readouterr().out


def test_formats_are_found_by_the_keys_of_members(folder):
    given: Members = []
    for number in range(4):
        given += [(f"{number}.json", json.dumps({"instruction": f"{number}?", "input": ""}).encode())]
        given += [(f"{number}.output", b"So.")]
    (folder / "rows.tar").write_bytes(tar(given))
    values = runs.one_source("rows.tar")
    del values["sources"][0]["format"]
    summary = runs.pack(runs.write_recipe(folder, values))
    assert summary.train == 4


# What `webdataset` makes of an archive


def by_the_rule(given: Members) -> list[dict[str, Any]]:
    """Group as the library's documents say: up to the first dot of the last name, in small letters."""
    found: list[dict[str, Any]] = []
    for name, data in given:
        divided = re.match(r"^((?:.*/|)[^.]+)[.]([^/]*)$", name)
        if divided is None or re.match(r"__[^/]*__($|/)", name):
            continue
        key, column = divided[1], divided[2].lower()
        if not found or found[-1]["__key__"] != key:
            found.append({"__key__": key})
        found[-1][column] = data
    return found


def by_the_library(path: Path) -> list[dict[str, Any]]:
    webdataset = pytest.importorskip("webdataset", reason="`pip install webdataset`")
    return [
        {key: value for key, value in row.items() if key not in {"__url__", "__local_path__"}}
        for row in webdataset.WebDataset(str(path), shardshuffle=False)
    ]


ODD: Members = [
    ("a.b/0001.left.JPG", b"\xff\xd8\xff one"),
    ("a.b/0001.cls", b" 7\n"),
    ("a.b/0001.json", b'{"question": "q", "response": "r"}'),
    ("__meta__/info.json", b"{}"),
    ("../../0002.txt", "第二".encode()),
    ("LICENSE", b"free"),
    (".hidden.txt", b"no"),
    ("a.b/.DS_Store", b"no"),
    ("0003.", b"nothing"),
    ("0003.txt", b""),
]


@pytest.mark.parametrize("oracle", ["rule", "library"])
def test_names_are_keys_and_columns_as_in_webdataset(tmp_path, oracle):
    path = tmp_path / "a.tar"
    path.write_bytes(tar(ODD))
    expected = by_the_rule(ODD) if oracle == "rule" else by_the_library(path)
    mapping = _octomed.Mapping(
        {"question": {"any_of": ["txt", "question"]}, "response": "cls", "id": "__key__"}
    )
    cutter = _octomed.ShardCutter(mapping)
    (block,) = [*cutter.feed(path.read_bytes()), *cutter.finish()]
    raw = [row.to_pylist()[0] for row in _octomed.raw_rows(block, range(len(expected)))]
    assert [row["__key__"].decode() for row in raw] == [row["__key__"] for row in expected]
    kept = {"__key__", "json", "cls", "txt"}
    assert [set(row) for row in raw] == [set(row) & kept for row in expected]
    for ours, theirs in zip(raw, expected, strict=True):
        assert {key: theirs[key] for key in ours if key != "__key__"} == {
            key: value for key, value in ours.items() if key != "__key__"
        }
    keys = _octomed.top_level_keys(block, 9)
    columns = {key for row in expected for key in row} - {"json"} | {"question", "response"}
    assert set(keys) == columns


# What is wrong with an archive


def refused(
    capsys: Any, folder: Path, data: bytes, *words: str, name: str = "rows.tar", code: int = 3
) -> None:
    (folder / name).write_bytes(data)
    found, said = runs.fails(capsys, "pack", recipe(folder, name))
    assert found == code, said
    assert name in said
    assert "hint: " in said
    for word in words:
        assert word in said, said


def test_archives_that_are_cut_damaged_or_none_are_named(folder, capsys):
    whole = tar(members(rows(30)))
    end = len(whole.rstrip(b"\0")) // 512 * 512 + 512
    for length in (600, end // 2, end):
        refused(capsys, folder, whole[:length], "byte ", "of the archive", "the file is cut off")
    refused(capsys, folder, gzip.compress(whole)[:-900], name="rows.tar.gz")
    refused(capsys, folder, whole + whole, "two archives were put into one file")
    flipped = bytearray(whole)
    flipped[2] ^= 1
    refused(capsys, folder, bytes(flipped), "has another checksum than it says")
    refused(capsys, folder, b"", "it is empty (0 bytes)")
    refused(capsys, folder, b"<!DOCTYPE html>" + bytes(600), "an HTML page")
    refused(capsys, folder, gzip.compress(whole), "gzip bytes under another name")
    (folder / "rows.tar").write_bytes(tar([]))
    assert runs.fails(capsys, "check", recipe(folder))[0] == 3
    first, second, *others = members(rows(30))
    refused(
        capsys,
        folder,
        tar([second, *others, first]),
        "members of `000000` stand in two places",
        "--sort=name",
    )
    (folder / "data").mkdir()
    (folder / "data/b.tar").write_bytes(whole)
    (folder / "data/a.tar").write_bytes(whole[:5000])
    summary = runs.pack(recipe(folder, "data", on_bad_file="skip"))
    assert list(summary.files_skipped) == ["only/a.tar"]


def test_links_devices_and_ways_out_touch_nothing_outside(folder):
    secret = folder / "secret.png"
    secret.write_bytes(picture(0)[1])
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in members(rows(20)):
            archive.addfile(header(f"../../{name}", len(data)), io.BytesIO(data))
        for number, (kind, link) in enumerate(
            [
                (tarfile.SYMTYPE, str(secret)),
                (tarfile.LNKTYPE, "../../000000.png"),
                (tarfile.CHRTYPE, ""),
                (tarfile.FIFOTYPE, ""),
            ]
        ):
            text = json.dumps({"question": f"{number}!", "responses": ["r"]}).encode()
            archive.addfile(header(f"{number}x.json", len(text)), io.BytesIO(text))
            archive.addfile(header(f"{number}x.png", type=kind, linkname=link))
    (folder / "rows.tar").write_bytes(file.getvalue())
    before = sorted(path.name for path in folder.iterdir())
    runs.pack(recipe(folder, max_unreadable=0.5))
    found = runs.rejects(folder / "out")
    assert [(row["row"], row["reason"]) for row in found] == [
        (20 + number, "wrong_type") for number in range(4)
    ]
    assert ["a link" in row["detail"] for row in found] == [True, True, False, False]
    assert set(before) | {"out", "store", "model", "recipe.yaml"} == {path.name for path in folder.iterdir()}


def test_an_archive_of_images_stays_one(folder):
    """Next to rows it is no shard, and what `image_root` names is none anywhere."""
    given = [(f"{number}.png", picture(4 * number)[1]) for number in range(3)]
    (folder / "data").mkdir()
    (folder / "data/images.tar").write_bytes(tar(given))
    lines = [{"question": f"{number}?", "responses": ["r"], "images": f"{number}.png"} for number in range(3)]
    runs.write_lines(folder / "data/rows.jsonl", lines)
    as_files = {
        "question": "question",
        "responses": "responses",
        "images": "images",
        "image_root": "data/images.tar",
    }
    path = recipe(folder, "data", as_files)
    assert runs.pack(path).train == 3
    left = {one.file: one.reason for one in find_inputs(load_recipe(path)).left_out}
    assert left == {"images.tar": "an archive that `image_root` names"}
    beside = find_inputs(load_recipe(recipe(folder, "data/*", "octomed")))
    assert [file.relative for file in beside.files] == ["rows.jsonl"]
    assert [(one.file, "next to files of rows" in one.reason) for one in beside.left_out] == [
        ("images.tar", True)
    ]
    named = find_inputs(load_recipe(recipe(folder, "data/images.tar", "octomed")))
    assert [(file.relative, file.kind) for file in named.files] == [("images.tar", "tar")]


def test_blocks_of_a_shard_end_where_its_members_pass_their_size(folder):
    given = rows(60)
    (folder / "rows.tar").write_bytes(tar(members(given)))
    planned = find_inputs(load_recipe(recipe(folder))).files[0]
    mapping = _octomed.Mapping(FORMAT)
    (task,) = tasks_of(planned, mapping, "key")
    blocks = list(blocks_of(task, mapping, target=100_000))
    assert sum(block.rows for block in blocks) == 60
    assert [block.first_ordinal for block in blocks[1:]] == [block.end_position for block in blocks[:-1]]
    largest = max(len(row["picture"][1]) for row in given if "picture" in row)
    assert all(100_000 <= block.source_bytes < 104_000 + largest for block in blocks[:-1])


def test_a_table_in_utf_16_and_folders_columns_go_the_whole_way(folder):
    """`where` and `stratify` read what a folder says."""
    for language, count in (("en", 30), ("de", 20)):
        (folder / f"data/lang={language}").mkdir(parents=True)
        text = "question,response\r\n" + "".join(f'"{language} {n}, “so”?",r {n}\r\n' for n in range(count))
        (folder / f"data/lang={language}/a.csv").write_bytes(text.encode("utf-16"))
    row_format = {"question": "question", "response": "response"}
    values = runs.one_source("data", row_format)
    values["curate"] = {"where": {"lang": ["en"]}}
    summary = runs.pack(runs.write_recipe(folder, values))
    assert (summary.rows, summary.train) == (50, 30)
    assert all("user\nen " in text for text in runs.texts(folder / "out"))
    values["curate"] = {"stratify": {"sources": ["only"], "by": "lang", "per_class": 7}}
    values["output"]["path"] = "drawn"
    summary = runs.pack(runs.write_recipe(folder, values))
    assert summary.train == 14


def test_shards_and_folders_of_a_store_are_those_of_a_disk(folder, s3):
    given = rows(40)
    for number in range(2):
        data = tar(members(given[20 * number :][:20]))
        (folder / f"rows/lang={number}").mkdir(parents=True)
        (folder / f"rows/lang={number}/a.tar").write_bytes(data)
        (folder / f"rows/lang={number}/b.tar.gz").write_bytes(
            gzip.compress(tar(members(given[:3], f"{number}/")))
        )
    address = s3.upload(folder / "rows", "rows")
    kept = {"curate": {"where": {"lang": "1"}}}
    for name, path in (("local", "rows"), ("stored", f"{address}/*/*")):
        values = runs.one_source(path, FORMAT) | kept | {"template": "qwen2.5-vl", "output": {"path": name}}
        assert runs.pack(runs.write_recipe(folder, values)).rows == 46
    assert shown(folder / "stored") == shown(folder / "local")
    first = [runs.contents(folder / name) | {"octomed.json": ""} for name in ("local", "stored")]
    assert first[0] == first[1]
