"""What is said of files and names: the same by every verb, and of use when pasted."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import shutil
import subprocess
from pathlib import Path

import octomed
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from octomed.commands import shell_words
from octomed.errors import RecipeError
from octomed.pipeline.planning.inspect import inspect_row
from octomed.recipe import RecipeProblems, load_recipe

from . import runs
from .test_files import folder_recipe, lines, parquet, put, rows
from .test_said import said

ASIAN = [{"question": f"患者{number}发热三天", "responses": ["上呼吸道感染"]} for number in range(4)]
LATIN = [{"question": f"où est né {number}", "responses": ["à Zürich"]} for number in range(4)]
TABLE = {"question": "question", "response": "answer"}
STRANGE = "a\x1b[2J\nb"
BYTES = os.fsdecode(b"caf\xb2")


def plain(found, encoding):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found).encode(encoding)


# Files of which no row can be read


@pytest.mark.parametrize("verb", ["check", "plan", "pack"])
@pytest.mark.parametrize(("name", "data", "what", "hint"), [
    ("b.jsonl", plain(ASIAN, "gbk"), "not UTF-8, by the look of it GBK", "`iconv -f GBK -t UTF-8"),
    ("b.jsonl.gz", gzip.compress(plain(ASIAN, "gbk")), "by the look of it GBK", "`iconv -f GBK -t UTF-8"),
    ("b.jsonl", plain(LATIN, "latin-1"), "by the look of it LATIN1", "`iconv -f LATIN1 -t UTF-8"),
    ("b.jsonl", "".join(f"{row}\n" for row in rows()).encode(), "a Python dict literal", "json.dumps"),
    ("b.jsonl", lines(rows()).replace(b"\n", b"\r"), "lines end in CR alone", "`tr '\\r' '\\n'"),
    ("b.jsonl", b'{"question":"q","opti', "a JSON object that is cut off", "copy or write the file again"),
    ("b.jsonl", b'{"question":"q","x":"' + b"y" * 70_000, "cut off", "copy or write the file again"),
    ("b.csv", "question,answer\n患者发热三天,上呼吸道感染\n".encode("gbk"), "GBK", "`iconv -f GBK"),
])  # fmt: skip
def test_every_verb_says_what_an_unreadable_file_looks_like(  # noqa: PLR0913, PLR0917 a table's columns
    tmp_path, capsys, verb, name, data, what, hint
):
    put(tmp_path, {name: data})
    recipe = folder_recipe(tmp_path, format_=TABLE if name == "b.csv" else "octomed")
    code, _, err = said(capsys, verb, recipe)
    assert code == 3
    assert f"it looks like {'text' if 'UTF' in what else ''}" in err
    assert what in err
    assert hint in err
    assert "name the columns" not in err


@pytest.mark.parametrize("verb", ["check", "pack"])
@pytest.mark.parametrize(("row", "reason", "hint"), [
    ({"chosen": "a", "rejected": "b"}, "preference_row", "preference rows are for DPO"),
    ({"tools": [{"name": "f"}]}, "tool_calls", "leave such"),
])  # fmt: skip
def test_a_reason_that_all_rows_share_has_a_hint_of_its_own(  # noqa: PLR0913, PLR0917 a table's columns
    tmp_path, capsys, verb, row, reason, hint
):
    put(tmp_path, {"b.jsonl": lines([{"question": f"q{n}", "responses": ["a"], **row} for n in range(4)])})
    code, _, err = said(capsys, verb, folder_recipe(tmp_path))
    assert (code, reason in err, hint in err) == (3, True, True), err
    assert "name it by what it holds" not in err


def test_csv_rows_that_all_break_name_the_keys_that_read_them(tmp_path, capsys):
    put(tmp_path, {"b.csv": b"question,answer\n" + b'"say \\"aah\\" please","a"\n' * 3})
    recipe = folder_recipe(tmp_path, format_=TABLE)
    for verb in ("check", "pack"):
        code, _, err = said(capsys, verb, recipe)
        assert (code, "csv: {escape:" in err, "csv: {quote: null}" in err) == (3, True, True), err


def test_a_turn_and_options_that_cannot_be_read_have_hints(tmp_path, capsys):
    turn = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "weight": 0.5}]
    put(tmp_path, {"b.jsonl": lines([{"messages": turn}])})
    _, _, err = said(capsys, "pack", folder_recipe(tmp_path, format_="messages"))
    assert "`weight: 0` or `weight: 1`" in err
    options = {
        "question": "q",
        "options": [{"key": "A", "value": "x"}, {"key": "A", "value": "y"}],
        "answer": "A",
        "responses": ["a"],
    }
    put(tmp_path, {"b.jsonl": lines([options])})
    _, _, err = said(capsys, "pack", folder_recipe(tmp_path))
    assert "give each option a letter or number of its own" in err


@pytest.mark.parametrize("name", ["b.json", "b.jsonl"])
@pytest.mark.parametrize("data", [b'{"question":\n', b'{\n"other": [{"question": "q"},\n'])
def test_a_document_cut_off_is_said_to_be(tmp_path, capsys, name, data):
    put(tmp_path, {name: data})
    for verb in ("check", "pack"):
        code, _, err = said(capsys, verb, folder_recipe(tmp_path))
        assert (code, "the file is a JSON object that is cut off" in err) == (3, True), err
        assert "hint: copy or write the file again" in err


def test_an_object_without_keys_has_no_empty_hint(tmp_path, capsys):
    put(tmp_path, {"b.json": b"{\n}\n"})
    _, _, err = said(capsys, "check", folder_recipe(tmp_path))
    assert "its columns are" not in err
    assert "hint: `format` says which columns a row has" in err


@pytest.mark.parametrize(("data", "found"), [
    (b'{"data": [{"question": "q"', "a JSON object that is cut off"),
    (b'{"data":\n[{"question": "q"},\n', "cut off"),
    (b'{"data": []}\n]', "text after it that belongs to no object"),
    (b'{\n"data": []}\nEND', "text after it that belongs to no object"),
    (b'{"data": []} {"data": []}', "this is JSON Lines"),
    (lines(rows()), "this is JSON Lines"),
    (b'{"data": [}', "not a JSON object, or a malformed one"),
    (b"[1]", "this is one array"),
])  # fmt: skip
def test_rows_of_what_is_no_document_says_what_it_is(tmp_path, capsys, data, found):
    put(tmp_path, {"b.json": data})
    code, _, err = said(capsys, "check", folder_recipe(tmp_path, rows="data"))
    assert (code, found in err) == (3, True), err
    assert "or broken," not in err


# Files without rows


@pytest.mark.parametrize("name", ["b.json", "b.csv", "b.parquet", "b.jsonl.gz", "b.jsonl", "b.json.gz"])
def test_a_kind_of_file_without_rows_is_no_error_beside_one_with_rows(tmp_path, capsys, name):
    put(tmp_path, {"a.jsonl": lines([{"question": "q", "answer": "a"}] * 3)})
    path = tmp_path / "data" / name
    contents = {"b.json": b"[]", "b.csv": b"question,answer\n", "b.jsonl": b"\n",
                "b.json.gz": gzip.compress(b"[]"), "b.jsonl.gz": gzip.compress(b"")}  # fmt: skip
    if name == "b.parquet":
        pq.write_table(
            pa.table({"question": pa.array([], pa.string()), "answer": pa.array([], pa.string())}), path
        )
    else:
        path.write_bytes(contents[name])
    recipe = folder_recipe(tmp_path, format_=TABLE)
    for verb in ("check", "plan", "pack"):
        code, _, err = said(capsys, verb, recipe)
        assert (code, "error" in err) == (0, False), err
    (tmp_path / "data/a.jsonl").unlink()
    assert said(capsys, "check", recipe)[0] == 3


# Texts that are not Unicode


@pytest.mark.parametrize(("key", "value"), [
    ("system", "x\ud800"), ("system", "a\udc80b"), ("prompt", "\udfff"), ("name", "x\ud800"),
    ("path", "data/x\ud800"), ("path", ["data", "data/x\udfff"]), ("teacher", "\udc80"), ("model", "m\ud8ff"),
    ("template", "\udc80"), ("format", {"question": "q\ud800", "response": "r"}), ("x\ud800", 1),
])  # fmt: skip
def test_half_a_pair_in_a_recipe_is_a_problem_with_its_place(tmp_path, capsys, monkeypatch, key, value):
    recipe = runs.one_source("data")
    (recipe["sources"][0] if key in {"path", "teacher", "format"} else recipe)[key] = value
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeProblems, match="a lone surrogate") as caught:
        octomed.check(recipe)
    str(caught.value).encode()
    path = tmp_path / "recipe.yaml"
    path.write_text(json.dumps(recipe, indent=1), encoding="utf-8")  # escapes, as YAML reads them too
    code, _, err = said(capsys, "check", path)
    assert (code, "recipe.yaml:" in err, "a lone surrogate" in err) == (2, True, True), err


def test_half_a_pair_in_an_option_names_the_option(tmp_path, capsys):
    put(tmp_path, {"a.jsonl": lines(rows())})
    code, _, err = said(capsys, "check", folder_recipe(tmp_path), "--set", r'system="x\ud800"')
    assert (code, r"--set system=" in err, "U+D800" in err) == (2, True, True), err


def test_paths_of_bytes_in_a_dict_still_work(tmp_path):
    put(tmp_path, {f"{BYTES}/a.jsonl": lines(rows())})
    recipe = runs.one_source(str(tmp_path / "data" / BYTES))
    runs.write_model(tmp_path / "model")
    recipe["model"] = str(tmp_path / "model")
    recipe["output"]["path"], recipe["work"]["path"] = (
        str(tmp_path / BYTES / "out"),
        str(tmp_path / BYTES / "w"),
    )
    assert octomed.check(recipe).ok
    assert octomed.pack(recipe, workers=1).sums_agree


# Names that a terminal would obey, or that are not UTF-8


def test_names_are_escaped_by_check_rejects_and_inspect(tmp_path, capsys):
    put(
        tmp_path,
        {f"{STRANGE}.jsonl": b'{"question": 1}\nnonsense\n{"question": 1}\n', "c.json": b'[{"question": 1}]'},
    )
    recipe = folder_recipe(tmp_path, max_unreadable=0.9)
    code, out, err = said(capsys, "check", recipe)
    assert code == 3
    assert "\x1b" not in out + err
    assert "`a\\x1b[2J\\nb.jsonl`" in err
    hint = next(line for line in err.splitlines() if "--file" in line)
    assert "--file $'a\\x1b[2J\\x0ab.jsonl'" in hint
    put(tmp_path, {f"{STRANGE}.jsonl": lines([*rows(), {"question": 1}]), "c.json": b"[]"})
    runs.pack(recipe)
    code, out, _ = said(capsys, "rejects", tmp_path / "out")
    assert (code, len(out.splitlines()), "\x1b" in out) == (0, 1, False)
    assert out.startswith("only/a\\x1b[2J\\nb.jsonl row 3: ")
    code, _, err = said(capsys, "inspect", recipe, "--source", "only", "--row", "0", "--file", "nope")
    assert (code, "`a\\x1b[2J\\nb.jsonl`" in err, "\x1b" in err) == (2, True, False)
    for named in (f"{STRANGE}.jsonl", "a\\x1b[2J\\nb.jsonl"):
        code, out, _ = said(capsys, "inspect", recipe, "--source", "only", "--row", "0", "--file", named)
        assert (code, "\x1b" in out) == (0, False)


def test_a_file_is_found_by_its_bytes_and_by_its_escape(tmp_path):
    put(tmp_path, {f"{BYTES}.jsonl": lines(rows()), "a.jsonl": lines(rows())})
    recipe = load_recipe(folder_recipe(tmp_path))
    for named in (f"{BYTES}.jsonl", "caf\\xb2.jsonl"):
        assert "caf\\xb2.jsonl row 1" in inspect_row(recipe, "only", 1, file=named)[0].place


@pytest.mark.parametrize("name", [BYTES, STRANGE, "it's \\ é\x85", "plain", "two words"])
def test_the_command_that_rebuilds_works_when_pasted(tmp_path, capsys, name):
    folder = tmp_path / name
    folder.mkdir()
    put(folder, {"a.jsonl": lines(rows(3))})
    runs.write_model(tmp_path / "model")
    (folder / "model").symlink_to("../model")
    recipe = folder_recipe(folder)
    runs.pack(recipe)
    shutil.rmtree(next((folder / "out").glob("len-*")))
    _, out, err = said(capsys, "verify", folder / "out")
    command = next(line for line in (out + err).splitlines() if "octomed pack" in line)
    words = command[command.index("octomed pack") + len("octomed pack ") :].split("`")[0]
    told = subprocess.run(["bash", "-c", f"printf '%s' {words}"], capture_output=True, check=True).stdout
    assert Path(os.fsdecode(told)) == recipe


def test_words_of_a_shell_come_back_as_they_were():
    words = ["a b", "'", "\\", "$'x'", "\x1bc", "\n1", "\x85é", BYTES, f"{BYTES}'1\\n", "\u2028", ""]
    told = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {shell_words(words)}"], capture_output=True, check=True
    )
    assert os.fsdecode(told.stdout).split("\0")[:-1] == words
    assert shell_words(words).isprintable()


# Runs, rows and reasons that are not there


def test_a_run_that_is_not_there(tmp_path, capsys):
    for options in ([], ["--stream", "len-00256", "--pack", "0"], ["--trace", "1"]):
        code, _, err = said(capsys, "inspect", tmp_path / "nope", *options)
        assert (code, "there is no such run" in err, "is selected" in err) == (2, True, False)
    code, _, err = said(capsys, "inspect", tmp_path / "nope.yaml")
    assert (code, "there is no such recipe" in err) == (2, True)
    code, _, err = said(capsys, "inspect", tmp_path / "nope.yaml", "--source", "a", "--row", "1")
    assert (code, "does not exist" in err) == (2, True)


@pytest.mark.parametrize(
    "name", ["b.parquet", "b.jsonl", "b.jsonl.gz", "b.json", "b.json.gz", "unended.jsonl.gz"]
)
def test_a_row_that_is_not_there_and_those_that_are(tmp_path, name):
    found = rows(5)
    data = {"parquet": parquet(found), "jsonl": lines(found), "json": json.dumps(found).encode()}
    text = data[name.split(".")[1]]
    text = text.rstrip() if name.startswith("unended") else text
    put(tmp_path, {name: gzip.compress(text) if name.endswith("gz") else text})
    recipe = load_recipe(folder_recipe(tmp_path))
    assert inspect_row(recipe, "only", 4)
    for row in (5, 99):
        with pytest.raises(RecipeError, match=f"has no row {row}") as caught:
            inspect_row(recipe, "only", row)
        assert caught.value.hint == "its rows are 0 to 4"


def test_what_is_compressed_as_a_whole(tmp_path, capsys):
    put(tmp_path, {"b.parquet": gzip.compress(parquet(rows()))})
    _, _, err = said(capsys, "check", folder_recipe(tmp_path))
    assert "gzip bytes under another name" in err
    assert "hint: uncompress it: Parquet compresses inside" in err
    (tmp_path / "data/b.parquet").rename(tmp_path / "data/x.parquet.gz")
    for path in ("data", "data/x.parquet.gz"):
        _, _, err = said(capsys, "check", folder_recipe(tmp_path, path))
        assert "compressed as a whole: Parquet compresses inside; uncompress the file" in err


def test_a_reason_that_does_not_occur(tmp_path, capsys):
    put(tmp_path, {"a.jsonl": lines(rows(30))})
    runs.pack(folder_recipe(tmp_path))
    _, _, err = said(capsys, "rejects", tmp_path / "out", "--reason", "nope")
    assert "hint: this run left nothing out" in err
    shutil.rmtree(tmp_path / "out")
    put(tmp_path, {"a.jsonl": lines([*rows(30), {"question": 1}])})
    runs.pack(tmp_path / "recipe.yaml")
    _, _, err = said(capsys, "rejects", tmp_path / "out", "--reason", "nope")
    assert "reasons here: `" in err
    assert "invalid_json" not in err


# Names that are read, and names that nearly are


@pytest.mark.parametrize(
    "name", ["b.jsonlines", "b.jsonl.gzip", "b.csv.gzip", "b.JSON.GZIP", "b.jsonlines.gz"]
)
def test_other_endings_of_what_is_read(tmp_path, capsys, name):
    found = [{"question": f"q{number}", "answer": "a"} for number in range(3)]
    data = b"question,answer\n" + b"q,a\n" * 3 if ".csv" in name else lines(found)
    put(tmp_path, {name: gzip.compress(data) if "gz" in name.lower() else data})
    code, out, err = said(capsys, "check", folder_recipe(tmp_path, format_=TABLE))
    assert (code, "is valid" in out) == (0, True), err


def test_names_that_speak_of_rows_come_first(tmp_path, capsys):
    names = ["a.md", "b.md", "c.md", "d.md", "x.jsonl.bak", "y.parquet_", "my_csv.txt"]
    put(tmp_path, dict.fromkeys(names, b"text"))
    _, _, err = said(capsys, "check", folder_recipe(tmp_path))
    kind = "of an unknown kind"
    first = f"`my_csv.txt` ({kind}), `x.jsonl.bak` ({kind}), `y.parquet_` ({kind})"
    assert f"{first}, and 4 more" in err
    put(tmp_path, {"r.jsonl": lines(rows())})
    _, out, _ = said(capsys, "plan", tmp_path / "recipe.yaml")
    assert "7 files, of an unknown kind (`my_csv.txt`, `x.jsonl.bak`, `y.parquet_`, …)" in out


@pytest.mark.parametrize("verb", ["check", "pack"])
def test_compressed_files_with_zero_bytes_behind_them(tmp_path, capsys, verb):
    xz = lzma.compress(lines(rows()))
    data = {"a.jsonl.gz": gzip.compress(lines(rows())) + b"\0" * 512,
            "b.jsonl.xz": xz + b"\0" * 8 + lzma.compress(lines(rows(3, 3)))}  # fmt: skip
    put(tmp_path, data)
    recipe = folder_recipe(tmp_path)
    code, _, err = said(capsys, verb, recipe)
    assert code == 0, err
    assert len(inspect_row(load_recipe(recipe), "only", 5, file="b.jsonl.xz")) == 1
    for name, junk in (("a.jsonl.gz", b"\0junk"), ("b.jsonl.xz", b"junk"), ("b.jsonl.xz", b"\0" * 5)):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        put(tmp_path, data | {name: data[name] + junk})
        code, _, err = said(capsys, verb, recipe)
        assert (code, f"{name}`" in err) == (3, True), err
