"""Files as people have them: under other names, behind links, in splits; none is lost without a word."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import shutil
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from . import runs

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
HTML = b"<!DOCTYPE html>\n<html>\n<body>Sign in</body>\n</html>\n"


def rows(count=3, begin=0):
    return [
        {"question": f"q{number}?", "responses": [f"answer {number}"]}
        for number in range(begin, begin + count)
    ]


def lines(found):
    return "".join(json.dumps(row) + "\n" for row in found).encode()


def parquet(found):
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(found), file)
    return file.getvalue()


def arrow(found, *, as_file=False):
    table = pa.Table.from_pylist(found)
    file = io.BytesIO()
    new = pa.ipc.new_file if as_file else pa.ipc.new_stream
    with new(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return file.getvalue()


def archive():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as inside:
        inside.writestr("a.jsonl", "{}")
    return file.getvalue()


def folder_recipe(folder, path="data", format_="octomed", **keys):
    (folder / "data").mkdir(exist_ok=True)
    return runs.write_recipe(folder, runs.one_source(path, format_, **keys))


def put(folder, files):
    for name, data in files.items():
        path = folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def refused(capsys, recipe, *parts, verb="pack", code=3, options=()):
    found, said = runs.fails(capsys, verb, recipe, *options)
    assert found == code, said
    assert "hint: " in said
    assert "Traceback" not in said
    for part in parts:
        assert part in said, said
    return said[said.index("error: ") :]


@pytest.mark.parametrize(("name", "data", "what"), [
    ("b.jsonl", LFS, "git-LFS pointer"),
    ("b.json", LFS, "git-LFS pointer"),
    ("b.json.gz", LFS, "git-LFS pointer"),
    ("b.csv", LFS, "git-LFS pointer"),
    ("b.parquet", LFS, "git-LFS pointer"),
    ("b.arrow", LFS, "git-LFS pointer"),
    ("b.jsonl", gzip.compress(lines(rows()), mtime=0), "gzip bytes under another name"),
    ("b.json", lzma.compress(lines(rows())), "xz bytes under another name"),
    ("b.jsonl", bz2.compress(lines(rows())), "bzip2 bytes under another name"),
    ("b.csv", pa.compress(b"question", "zstd", asbytes=True), "zstd bytes under another name"),
    ("b.parquet", gzip.compress(b"x", mtime=0), "gzip bytes under another name"),
    ("b.jsonl.gz", gzip.compress(gzip.compress(lines(rows()), mtime=0), mtime=0), "compressed twice"),
    ("b.jsonl.gz", lines(rows()), "not compressed by gzip"),
    ("b.jsonl.xz", lines(rows()), "not compressed by xz"),
    ("b.jsonl.gz", gzip.compress(HTML, mtime=0), "an HTML page"),
    ("b.jsonl", archive(), "a zip archive"),
    ("b.jsonl", HTML, "an HTML page"),
    ("b.csv", b"\n " + HTML.lower(), "an HTML page"),
    ("b.parquet", HTML, "an HTML page"),
    ("b.jsonl", b'<?xml version="1.0"?>\n<rows/>\n', "an XML document"),
    ("b.jsonl", lines(rows()).decode().encode("utf-16"), "text in UTF-16"),
    ("b.jsonl", lines(rows()).decode().encode("utf-16-le"), "text in UTF-16"),
    ("b.csv", "question\tresponses\n".encode("utf-16-le"), "text in UTF-16"),
    ("b.csv", "question\tresponses\n".encode("utf-32"), "text in UTF-32"),
    ("b.jsonl", parquet(rows()), "a Parquet file under another name"),
    ("b.csv", parquet(rows()), "a Parquet file under another name"),
    ("b.jsonl", arrow(rows()), "an Arrow stream under another name"),
    ("b.parquet", arrow(rows(), as_file=True), "an Arrow file under another name"),
    ("b.parquet", lines(rows()), "JSON under another name"),
    ("b.parquet", b"", "empty (0 bytes)"),
    ("b.jsonl.gz", b"", "empty (0 bytes)"),
    ("b.parquet", b"question,responses\n", "not a Parquet file"),
    ("b.jsonl", b"SQLite format 3\x00" + bytes(100), "an SQLite database"),
    ("b.json", b"%PDF-1.7\n", "a PDF document"),
    ("b.jsonl", pickle.dumps(rows()), "a Python pickle"),
])  # fmt: skip
def test_a_file_that_is_not_what_its_name_says(tmp_path, capsys, name, data, what):
    put(tmp_path, {"a.jsonl": lines(rows(600)), name: data})
    recipe = folder_recipe(tmp_path)
    for verb in ("check", "pack"):
        said = refused(capsys, recipe, f"data/{name}` (source `only`)", what, verb=verb)
        assert "max_unreadable" not in said
    summary = runs.pack(recipe, "sources.only.on_bad_file=skip")
    assert (summary.rows, summary.rows_unreadable) == (600, 0)
    assert list(summary.files_skipped) == [f"only/{name}"]
    assert what in summary.files_skipped[f"only/{name}"]


@pytest.mark.parametrize(("name", "data", "what"), [
    ("b.jsonl", "病例 一\n心电图检查结果\n".encode("gbk"), "GBK"),
    ("b.jsonl", '{"question": "où?", "responses": ["là"]}\n'.encode("latin-1"), "LATIN1"),
    ("b.jsonl", b"question,responses\nq,a\n", "let its name end in `.csv`"),
    ("b.jsonl", b"{'question': 'q', 'responses': ['a']}\n", "a Python dict literal"),
    ("b.jsonl", b"\x00\x01\x02\x03" * 50, "binary data"),
    ("b.jsonl", b'{"question": "q1", "resp\n', "invalid_json"),
    ("b.jsonl", b'{"ask": "q", "answers": ["a"]}\n{"ask": "q", "answers": ["a"]}\n', "`format`"),
    ("b.jsonl", b"[1]\n[2]\n", "not_an_object"),
    ("b.jsonl", lines(rows(3)).replace(b"\n", b"\r"), "CR alone"),
    ("b.jsonl", lines(rows(3)).replace(b"\n", b",\n"), "a comma after each"),
    ("b.jsonl", b"\x1e" + lines(rows(1)), "a JSON text sequence"),
    ("b.json", b'{"question": ["q"], "responses": [["a"]]}', "orient='records'"),
    ("b.json", b"[1, 2]", "not_an_object"),
])  # fmt: skip
@pytest.mark.parametrize("share", [0.01, 1.0, 0])
def test_a_file_of_which_no_row_can_be_read(tmp_path, capsys, name, data, what, share):  # noqa: PLR0913, PLR0917
    put(tmp_path, {"a.jsonl": lines(rows(600)), name: data})
    recipe = folder_recipe(tmp_path, max_unreadable=share)
    said = refused(capsys, recipe, f"data/{name}` (source `only`)", "rows cannot be read", what)
    assert "max_unreadable" not in said
    assert refused(capsys, recipe, f"data/{name}`") == said  # its blocks stand now
    summary = runs.pack(recipe, "sources.only.on_bad_file=skip")
    assert (summary.rows, summary.rows_unreadable, len(summary.files_skipped)) == (600, 0, 1)
    refused(capsys, recipe, f"data/{name}`")  # and the other way round


def test_the_share_is_kept_by_file(tmp_path, capsys):
    broken = b"nonsense\n"
    put(tmp_path, {"a.jsonl": lines(rows(900)), "b.jsonl": broken * 2 + lines(rows(100, 900))})
    recipe = folder_recipe(tmp_path)
    refused(
        capsys,
        recipe,
        "data/b.jsonl`",
        "2 of 102 rows cannot be read, 1 are tolerated",
        "row 0: invalid_json",
    )
    refused(capsys, recipe, "data/b.jsonl`", options=["--set", "sources.only.on_bad_file=skip"])
    assert runs.pack(recipe, "sources.only.max_unreadable=0.02").rows_unreadable == 2
    refused(capsys, recipe, "2 of 102 rows cannot be read", options=["--replace"])


def test_one_row_a_file_is_tolerated_but_not_of_every_file(tmp_path, capsys):
    put(tmp_path, {f"{n}.jsonl": b"nonsense\n" + lines(rows(9, 9 * n)) for n in range(3)})
    recipe = folder_recipe(tmp_path)
    refused(capsys, recipe, "source `only`: 3 of 30 rows cannot be read, 1 are tolerated")


def test_a_share_of_zero_tolerates_nothing(tmp_path, capsys):
    put(tmp_path, {"a.jsonl": b"nonsense\n" + lines(rows(600))})
    recipe = folder_recipe(tmp_path, max_unreadable=0)
    refused(capsys, recipe, "1 of 601 rows cannot be read, 0 are tolerated")
    assert runs.pack(recipe, "sources.only.max_unreadable=0.01").rows_unreadable == 1


def test_rows_without_a_trace_are_not_unreadable(tmp_path):
    put(tmp_path, {"a.jsonl": lines(rows(3)), "b.jsonl": lines([{"question": "q", "responses": []}] * 3)})
    summary = runs.pack(folder_recipe(tmp_path, max_unreadable=0))
    assert (summary.rows, summary.rows_without_trace, summary.files_skipped) == (6, 3, {})


def test_when_every_file_is_skipped_the_error_says_so(tmp_path, capsys):
    put(tmp_path, {"a.jsonl": LFS})
    recipe = folder_recipe(tmp_path, on_bad_file="skip")
    refused(capsys, recipe, "1 files skipped by `on_bad_file: skip`")


COMPRESS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: pa.compress(data, "zstd", asbytes=True),
    "lz4": lambda data: pa.compress(data, "lz4", asbytes=True),
    "br": lambda data: pa.compress(data, "brotli", asbytes=True),
}


@pytest.mark.parametrize("ending", sorted(COMPRESS))
@pytest.mark.parametrize("kind", ["jsonl", "json", "csv"])
def test_compressions_are_read(tmp_path, ending, kind):
    table = b"q,r\n" + b"".join(f"q{n},a{n}\n".encode() for n in range(3))
    values = [{"q": f"q{n}", "r": f"a{n}"} for n in range(3)]
    data = {"jsonl": lines(values), "json": json.dumps(values).encode(), "csv": table}[kind]
    put(tmp_path, {f"a.{kind}.{ending}": COMPRESS[ending](data)})
    assert runs.pack(folder_recipe(tmp_path, format_={"question": "q", "response": "r"})).train == 3


@pytest.mark.parametrize("ending", ["bz2", "xz", "gz"])
def test_a_compressed_file_cut_off(tmp_path, capsys, ending):
    data = COMPRESS[ending](os.urandom(5000).hex().encode())
    put(tmp_path, {f"a.jsonl.{ending}": data[:-100]})
    refused(capsys, folder_recipe(tmp_path), f"data/a.jsonl.{ending}`")


@pytest.mark.parametrize("as_file", [False, True])
def test_what_save_to_disk_writes_is_read(tmp_path, as_file):
    put(tmp_path, {
        "data-00000-of-00001.arrow": arrow(rows(5), as_file=as_file),
        "cache-1234.arrow": arrow(rows(5)),
        "state.json": b'{"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_fingerprint": "1"}',
        "dataset_info.json": b'{"features": {}, "citation": ""}',
    })  # fmt: skip
    summary = runs.pack(folder_recipe(tmp_path))
    assert (summary.rows, summary.train) == (5, 5)
    left = summary.files_left_out["only"]["metadata of another tool"]
    assert left == {"files": 3, "names": ["cache-1234.arrow", "dataset_info.json", "state.json"]}


def test_an_arrow_stream_cut_off(tmp_path, capsys):
    put(tmp_path, {"a.arrow": arrow(rows(5))[:-8]})
    refused(capsys, folder_recipe(tmp_path), "data/a.arrow`", "cut off")


def test_what_a_folder_holds_and_is_not_read_is_listed(tmp_path, capsys):
    put(tmp_path, {
        "a.jsonl": lines(rows(3)), "README.md": b"# data", "dataset_infos.json": b'{"default": {"x": 1}}',
        "b.zip": archive(), "c.txt": b"text", ".hidden": b"", "d.parquet.gz": gzip.compress(parquet(rows())),
        "index.json": b'{"version": 2, "shards": []}',
    })  # fmt: skip
    recipe = folder_recipe(tmp_path)
    found = runs.pack(recipe).files_left_out
    assert {reason: left["names"] for reason, left in found["only"].items()} == {
        "metadata of another tool": ["README.md", "dataset_infos.json", "index.json"],
        "an archive: unpack it": ["b.zip"],
        "of an unknown kind": ["c.txt"],
        "compressed as a whole: Parquet compresses inside; uncompress the file": ["d.parquet.gz"],
    }
    kept = json.loads((tmp_path / "out/octomed.json").read_text(encoding="utf-8"))
    assert kept["counts"]["files_left_out"] == found
    capsys.readouterr()
    assert runs.command_line(["plan", str(recipe)]) == 0
    assert "not read: 1 file, an archive: unpack it (`b.zip`)" in capsys.readouterr().out


def test_a_name_of_metadata_with_rows_in_it_is_read(tmp_path):
    put(tmp_path, {"config.json": json.dumps(rows(3)).encode(), "state.json": lines(rows(2, 3)),
                   "index.json": json.dumps(rows(1, 9)[0]).encode()})  # fmt: skip
    assert runs.pack(folder_recipe(tmp_path)).train == 6


def test_a_folder_of_nothing_but_unread_files_names_them(tmp_path, capsys):
    put(tmp_path, {"a.zip": archive(), "dataset_infos.json": b'{"default": {"x": 1}}'})
    refused(capsys, folder_recipe(tmp_path), "`a.zip` (an archive: unpack it)", code=2, verb="check")
    (tmp_path / "data/a.zip").unlink()
    refused(capsys, folder_recipe(tmp_path), "`dataset_infos.json` (metadata", code=2, verb="check")


@pytest.mark.parametrize("path", ["data", "data/**/*.jsonl", "data/*/*.jsonl"])
def test_links_to_folders_are_followed(tmp_path, path):
    put(tmp_path, {"own/a.jsonl": lines(rows(2))})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.jsonl").write_bytes(lines(rows(3, 2)))
    (tmp_path / "data/medqa").symlink_to(elsewhere)
    assert runs.pack(folder_recipe(tmp_path, path)).train == 5


@pytest.mark.parametrize("path", ["data", "data/**/*.jsonl"])
def test_links_in_a_circle_end_and_are_named(tmp_path, path):
    put(tmp_path, {"x/a.jsonl": lines(rows(2)), "y/b.jsonl": lines(rows(2, 2))})
    (tmp_path / "data/x/up").symlink_to("..")
    (tmp_path / "data/x/top").symlink_to(tmp_path)
    (tmp_path / "data/x/y").symlink_to("../y")
    (tmp_path / "data/y/x").symlink_to("../x")
    summary = runs.pack(folder_recipe(tmp_path, path))
    assert (summary.rows, summary.train) == (4, 4)
    assert summary.files_left_out["only"]["a link back to a folder above it"]["files"] >= 2


def test_a_file_that_links_name_twice_is_read_once_and_named(tmp_path, capsys):
    put(tmp_path, {"b.jsonl": lines(rows(3))})
    (tmp_path / "data/a.jsonl").symlink_to("b.jsonl")
    summary = runs.pack(folder_recipe(tmp_path), "curate.duplicates.exact=false")
    assert summary.rows == 3
    assert summary.files_left_out["only"] == {
        "the same file as `b.jsonl`, by a link": {"files": 1, "names": ["a.jsonl"]}
    }
    recipe = runs.write_recipe(tmp_path, runs.one_source(["data/a.jsonl", "data/b.jsonl"]))
    refused(capsys, recipe, "reads one file twice", "a.jsonl", "b.jsonl", verb="check", code=2)


def test_a_link_to_what_a_run_writes(tmp_path, capsys):
    put(tmp_path, {"a.jsonl": lines(rows(2) + rows(1))})
    recipe = folder_recipe(tmp_path)
    runs.pack(recipe)
    (tmp_path / "data/link").symlink_to("../out")
    refused(capsys, recipe, "lies in `output.path` by a link", code=2)


@pytest.mark.parametrize("name", ["medqa", "b.jsonl"])
def test_a_link_that_leads_nowhere(tmp_path, capsys, name):
    put(tmp_path, {"a.jsonl": lines(rows(2))})
    (tmp_path / "data" / name).symlink_to("/nowhere/at/all")
    what = f"data/{name}` is a link to `/nowhere/at/all`, which is not there"
    said = refused(capsys, folder_recipe(tmp_path), what, verb="check", code=2)
    assert "read permission" not in said
    (tmp_path / "data" / name).unlink()
    (tmp_path / "data" / name).symlink_to(name)
    refused(capsys, folder_recipe(tmp_path), "leads back to itself", verb="check", code=2)


SPLITS = {
    "hub": ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet", "test-00000-of-00001.parquet"],
    "names": ["train.jsonl", "test.jsonl"],
    "longer names": ["medqa_train.jsonl", "medqa-test.jsonl", "medqa.dev.jsonl"],
    "folders": ["train/a.jsonl", "test/a.jsonl"],
    "test beside none": ["a.jsonl", "test.jsonl"],
    "others of the hub": ["train-00000-of-00001.parquet", "extra-00000-of-00001.parquet"],
    "dots": ["medqa.train.jsonl", "medqa.test.jsonl"],
    "dots before a kind": ["a.test.parquet", "a.train.parquet"],
    "a dot beside none": ["a.jsonl", "pubmed.test.jsonl"],
    "compounds": ["trainset.jsonl", "testset.jsonl"],
    "capitals": ["TrainSet.jsonl", "TestSet.jsonl"],
    "letters": ["trainA.jsonl", "testA.jsonl"],
    "words of one name": ["medqatrain.jsonl", "medqatest.jsonl"],
    "Chinese": ["a.jsonl", "测试.jsonl"],
}
BESIDE_TRAIN = [
    "train.test", "train-validation", "train_dev", "train-test", "testmini", "hidden_tests",
    "heldout", "holdout", "unseen", "benchmark", "测试", "验证", "TestMini", "labtest",
]  # fmt: skip


def put_splits(folder, names):
    for number, name in enumerate(names):
        found = rows(3, number * 3)
        put(folder, {name: parquet(found) if name.endswith("parquet") else lines(found)})


@pytest.mark.parametrize("names", SPLITS.values(), ids=SPLITS)
@pytest.mark.parametrize("path", ["data", "data/**/*.*"])
def test_a_folder_of_several_splits_wants_to_know_which(tmp_path, capsys, names, path):
    put_splits(tmp_path, names)
    recipe = folder_recipe(tmp_path, path)
    refused(capsys, recipe, "holds several splits: ", "`split:`", verb="check", code=2)
    assert runs.pack(recipe, "sources.only.split=all").rows == 3 * len(names)
    of_train = [name for name in names if "train" in name]
    split = "train" if of_train else "test"
    summary = runs.pack(recipe, f"sources.only.split={split}", replace=True)
    assert summary.rows == 3 * (len(of_train) or 1)
    assert sum(left["files"] for left in summary.files_left_out["only"].values()) == len(names) - (
        len(of_train) or 1
    )


@pytest.mark.parametrize("name", BESIDE_TRAIN)
def test_what_may_be_a_split_beside_train_wants_a_word(tmp_path, capsys, name):
    put_splits(tmp_path, ["train.jsonl", f"{name}.jsonl"])
    recipe = folder_recipe(tmp_path)
    refused(capsys, recipe, "holds several splits: ", "`train`: 1 file", verb="check", code=2)
    assert runs.pack(recipe, "sources.only.split=train").rows == 3
    assert runs.pack(recipe, "sources.only.split=all", replace=True).rows == 6


@pytest.mark.parametrize("verb", ["check", "plan"])
def test_files_of_no_split_beside_train_are_a_note(tmp_path, capsys, verb):
    put_splits(tmp_path, ["train.jsonl", "more.jsonl", "interval.jsonl"])
    recipe = folder_recipe(tmp_path)
    note = (
        "source `only`: 2 files of no split are read in addition to `train`: `interval.jsonl`, `more.jsonl`"
    )
    code, said = runs.fails(capsys, verb, recipe)
    assert code == 0, said
    assert f"note: {note}" in said
    assert note in runs.pack(recipe).notes


def test_a_split_may_be_asked_for_by_its_whole_name(tmp_path):
    put_splits(tmp_path, ["train_sft-00000-of-00001.parquet", "train_gen-00000-of-00001.parquet"])
    assert runs.pack(folder_recipe(tmp_path), "sources.only.split=train_sft").rows == 3
    assert runs.pack(folder_recipe(tmp_path), "sources.only.split=train", replace=True).rows == 6


def test_splits_are_listed_with_their_rows(tmp_path, capsys):
    put_splits(tmp_path, SPLITS["hub"])
    recipe = folder_recipe(tmp_path)
    refused(capsys, recipe, "`test`: 1 file with 3 rows, `train`: 2 files with 6 rows", verb="check", code=2)
    option = ["--set", "sources.only.split=tain"]
    refused(
        capsys, recipe, "has no split `tain`", "did you mean `train`?", verb="check", code=2, options=option
    )
    assert runs.pack(recipe, "sources.only.split=[train, test]").rows == 9


def test_one_split_needs_no_word_and_a_test_split_alone_is_a_note(tmp_path, capsys):
    put_splits(tmp_path, ["train-00000-of-00001.parquet"])
    assert runs.pack(folder_recipe(tmp_path)).rows == 3
    put_splits(tmp_path, SPLITS["names"])
    assert runs.pack(folder_recipe(tmp_path, "data/train*"), replace=True).rows == 6
    recipe = folder_recipe(tmp_path, "data/test*")
    capsys.readouterr()
    assert runs.command_line(["check", str(recipe)]) == 0
    assert "note: source `only` is read from its test split alone" in capsys.readouterr().err
    recipe = runs.write_recipe(tmp_path, runs.one_source(["data/train.jsonl", "data/test.jsonl"]))
    assert runs.pack(recipe, replace=True).rows == 6


def test_a_card_says_which_file_is_of_which_split(tmp_path, capsys):
    card = card_of(train="one*.jsonl", test=["two.jsonl"])
    put(tmp_path, {"one-a.jsonl": lines(rows(2)), "two.jsonl": lines(rows(3, 2)), "README.md": card})
    recipe = folder_recipe(tmp_path)
    refused(capsys, recipe, "`test`: 1 file, `train`: 1 file", verb="check", code=2)
    assert runs.pack(recipe, "sources.only.split=train").rows == 2


def card_of(**splits):
    files = [{"split": split, "path": path} for split, path in splits.items()]
    configs = json.dumps([{"config_name": "default", "data_files": files}])
    return f"---\nconfigs: {configs}\n---\n# Data\n".encode()


@pytest.mark.parametrize(
    "path", ["data", "data/*.jsonl", "data/**/*.jsonl", "data/data", "data/data/*.jsonl"]
)
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_a_card_counts_in_above_and_below_a_path(tmp_path, capsys, path, bom):
    below = "data/" if path.startswith("data/data") else "deep/" if "**" in path else ""
    put_splits(tmp_path, [f"{below}one-a.jsonl", f"{below}two.jsonl"])
    put(tmp_path, {"README.md": bom + card_of(train=f"./{below}one*.jsonl", test=[f"**/{below}two.jsonl"])})
    recipe = folder_recipe(tmp_path, path)
    refused(capsys, recipe, "`test`: 1 file, `train`: 1 file", verb="check", code=2)
    assert runs.pack(recipe, "sources.only.split=train").rows == 3


def test_a_star_of_a_card_ends_at_a_folder(tmp_path, capsys):
    put_splits(tmp_path, ["a.jsonl", "b/a.jsonl"])
    put(tmp_path, {"README.md": card_of(train="*.jsonl", test="b/*.jsonl")})
    refused(capsys, folder_recipe(tmp_path), "`test`: 1 file, `train`: 1 file", verb="check", code=2)


def test_a_file_that_a_card_names_nowhere_is_a_note(tmp_path, capsys):
    put_splits(tmp_path, ["a.jsonl", "b.jsonl"])
    put(tmp_path, {"README.md": card_of(train="a.jsonl")})
    code, said = runs.fails(capsys, "check", folder_recipe(tmp_path))
    assert code == 0, said
    assert "note: source `only`: 1 file of no split is read in addition to `train`: `b.jsonl`" in said


@pytest.mark.parametrize(
    "names", [["en", "zh"], ["train_sft", "train_gen"], ["train", "heldout"], ["a.b", "data"]]
)
@pytest.mark.parametrize("path", ["data", "data/saved", "data/**/*.arrow", "data/saved/*/*.arrow"])
@pytest.mark.parametrize("as_file", [False, True])
def test_splits_that_save_to_disk_lists(tmp_path, capsys, names, path, as_file):
    put(tmp_path, {"saved/dataset_dict.json": json.dumps({"splits": names}).encode()})
    for number, name in enumerate(names):
        data = arrow(rows(3 + number, number * 3), as_file=as_file)
        put(tmp_path, {f"saved/{name}/data-00000-of-00001.arrow": data})
        put(tmp_path, {f"saved/{name}/dataset_info.json": b'{"features": {}}'})
    recipe = folder_recipe(tmp_path, path)
    held = [f"`{name}`: 1 file with {3 + names.index(name)} rows" for name in sorted(names)]
    refused(capsys, recipe, "several splits: " + ", ".join(held), verb="check", code=2)
    assert runs.pack(recipe, f"sources.only.split={names[0]}").rows == 3


def test_two_globs_of_a_split_each_are_no_test_split_alone(tmp_path, capsys):
    put_splits(tmp_path, ["train.jsonl", "test.jsonl", "val.jsonl"])
    code, said = runs.fails(capsys, "check", folder_recipe(tmp_path, ["data/tr*", "data/te*"]))
    assert code == 0, said
    assert "alone" not in said
    _, said = runs.fails(capsys, "check", folder_recipe(tmp_path, ["data/v*", "data/te*"]))
    assert "note: source `only` is read from its test, validation splits alone" in said


DOCUMENT = {"version": 1, "notes": [1, 2], "data": {"rows": rows(4)}}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("ending", ["json", "jsonl", "json.gz"])
@pytest.mark.parametrize(("value", "keys", "count"), [
    (rows(1)[0], {}, 1),
    ({f"id{n}": row for n, row in enumerate(rows(3))}, {}, 3),
    (DOCUMENT, {"rows": "data.rows"}, 4),
    ({"data": {"x": rows(2)[0], "y": rows(2)[1]}}, {"rows": "data"}, 2),
    (rows(3), {}, 3),
])  # fmt: skip
def test_json_documents(tmp_path, value, keys, count, ending, indent):  # noqa: PLR0913, PLR0917 a case
    data = b"\xef\xbb\xbf" + json.dumps(value, indent=indent).encode()
    put(tmp_path, {f"a.{ending}": gzip.compress(data) if ending.endswith("gz") else data})
    summary = runs.pack(folder_recipe(tmp_path, **keys))
    assert (summary.rows, summary.train, summary.rows_unreadable) == (count, count, 0)


def test_pretty_printed_objects_one_behind_the_other(tmp_path):
    put(tmp_path, {"a.json": "\n".join(json.dumps(row, indent=2) for row in rows(3)).encode()})
    assert runs.pack(folder_recipe(tmp_path)).train == 3


@pytest.mark.parametrize("indent", [None, 2])
def test_documents_whose_rows_cannot_be_found(tmp_path, capsys, indent):
    def write(value):
        put(tmp_path, {"a.json": json.dumps(value, indent=indent).encode()})

    recipe = folder_recipe(tmp_path)
    write({"version": 1, "data": rows(2), "more": rows(1)})
    refused(capsys, recipe, "`rows: data`, `rows: more`", "data/a.json`", verb="check")
    set_rows = ["--set", "sources.only.rows=dta"]
    refused(capsys, recipe, "has no `dta`", "`data`", options=set_rows)
    refused(capsys, recipe, "neither a list nor an object", options=["--set", "sources.only.rows=version"])
    assert runs.pack(recipe, "sources.only.rows=data").train == 2
    write(rows(2))
    refused(capsys, recipe, "needs a file that is one JSON object", verb="check", options=set_rows)


def test_a_document_cut_off(tmp_path, capsys):
    put(
        tmp_path,
        {"a.json": json.dumps({f"id{n}": row for n, row in enumerate(rows(9))}, indent=1).encode()[:-40]},
    )
    refused(capsys, folder_recipe(tmp_path), "data/a.json`", "cut off")


NAMES = [
    os.fsdecode("病例一".encode("gbk")),
    "new\nline", "tab\tand\x1b[31m", "quo'te\"`", "bell\x07", "back\\xb2slash",
    "\u2028line",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("where", ["file", "folder"])
@pytest.mark.parametrize("kind", ["jsonl", "parquet", "csv", "json.gz", "arrow"])
def test_names_of_any_bytes(tmp_path, capsys, name, where, kind):
    found = [{"q": f"q{n}", "r": f"a{n}"} for n in range(3)]
    table = b"q,r\n" + b"".join(f"{row['q']},{row['r']}\n".encode() for row in found)
    data = {"jsonl": lines(found) + b"nonsense\n", "parquet": parquet(found), "csv": table,
            "json.gz": gzip.compress(json.dumps(found).encode()), "arrow": arrow(found)}[kind]  # fmt: skip
    put(tmp_path, {f"{name}.{kind}" if where == "file" else f"{name}/a.{kind}": data})
    recipe = folder_recipe(tmp_path, format_={"question": "q", "response": "r"})
    for verb in ("check", "plan", "pack", "verify"):
        code, said = runs.fails(capsys, verb, recipe if verb != "verify" else tmp_path / "out")
        assert code == 0, said
    provenance = pa.concat_tables(
        pq.read_table(path) for path in sorted((tmp_path / "out/provenance").iterdir())
    )
    files = set(provenance["file"].to_pylist())
    stored = name.encode(errors="surrogateescape").decode(errors="backslashreplace")
    assert files == {f"{stored}.{kind}" if where == "file" else f"{stored}/a.{kind}"}
    before = runs.contents(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    runs.pack(recipe)
    assert runs.contents(tmp_path / "out") == before


def test_a_name_and_its_escape_beside_each_other(tmp_path, capsys):
    put(tmp_path, {os.fsdecode(b"\xb2.jsonl"): lines(rows(1)), "\\xb2.jsonl": lines(rows(1, 1))})
    refused(capsys, folder_recipe(tmp_path), "has two files `\\xb2.jsonl`", verb="check", code=2)


@pytest.mark.parametrize("data", [LFS, b"nonsense\n", b"", b'{"question":\n'])
@pytest.mark.parametrize("kind", ["jsonl", "parquet", "csv", "json.gz"])
def test_errors_about_names_of_any_bytes(tmp_path, capsys, data, kind):
    put(tmp_path, {f"{NAMES[0]}.{kind}": data, f"{NAMES[1]}.{kind}": data})
    code, said = runs.fails(capsys, "pack", folder_recipe(tmp_path))
    assert code == 3, said
    assert "Traceback" not in said
    code, said = runs.fails(capsys, "pack", folder_recipe(tmp_path, on_bad_file="skip"))
    assert code == 3, said
    code, said = runs.fails(capsys, "plan", folder_recipe(tmp_path, on_bad_file="skip"))
    assert code in {0, 3}, said
    assert "Traceback" not in said


def test_a_recipe_in_a_folder_of_any_bytes(tmp_path, capsys):
    folder = tmp_path / NAMES[0]
    folder.mkdir()
    put(folder, {"a.jsonl": lines(rows(3))})
    runs.write_model(tmp_path / "model")
    (folder / "model").symlink_to("../model")
    recipe = folder_recipe(folder)
    for verb in ("check", "plan", "pack", "verify"):
        code, said = runs.fails(capsys, verb, recipe if verb != "verify" else folder / "out")
        assert code == 0, said
