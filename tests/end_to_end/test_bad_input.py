"""Bad input: a counted reject, or an error with place and hint; never a crash, a hang or a quiet loss."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import resource
import subprocess

import octomed
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from octomed.errors import DataError
from octomed.pipeline.output.manifest import Manifest
from octomed.pipeline.passes import scan

from tests import state_files

from . import runs

GOOD = {"question": "q?", "responses": ["first answer", "second answer"]}
CHAT = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}


def good_rows(count=3):
    return [{"question": f"q{number}?", "responses": [f"answer {number}"]} for number in range(count)]


def lines(*rows):
    return b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows)


def prepared(folder, name, data, format_="octomed", **keys):
    """A recipe over one file with this content."""
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / name).write_bytes(data)
    return runs.write_recipe(folder, runs.one_source(f"data/{name}", format_, **keys))


def reasons(recipe, *overrides):
    """Pack, and return the rejects as (row, sample, reason)."""
    runs.pack(recipe, *overrides)
    return [(row["row"], row["sample"], row["reason"]) for row in runs.rejects(recipe.parent / "out")]


def assert_refused(capsys, recipe, code, *parts, options=()):
    """The run ends with this code; its error has these parts and a hint."""
    found, said = runs.fails(capsys, "pack", recipe, *options)
    assert found == code, said
    assert "error: " in said
    assert "hint: " in said
    assert "Traceback" not in said
    for part in parts:
        assert part in said, said
    if code in {3, 4}:
        assert "resume: `octomed pack " in said


@pytest.mark.parametrize("name", ["e.jsonl", "e.csv", "e.json", "e.parquet"])
def test_an_empty_file(tmp_path, capsys, name):
    recipe = prepared(tmp_path, name, b"")
    if name == "e.parquet":
        assert_refused(capsys, recipe, 3, f"{name}` (source `only`) cannot be read")
    else:
        assert_refused(capsys, recipe, 3, "no trace is left to pack: 0 rows read")
    runs.write_lines(tmp_path / "data/good.jsonl", good_rows())
    summary = runs.pack(
        recipe, f"sources.only.path=[data/{name}, data/good.jsonl]", "sources.only.on_bad_file=skip"
    )
    assert (summary.rows, summary.train) == (3, 3)
    assert len(summary.files_skipped) == (name == "e.parquet")


def test_when_nothing_is_left_the_error_says_of_what_it_fell_out(tmp_path, capsys):
    many = b" ".join(json.dumps(row).encode() for row in good_rows(100)) + b"\n"
    recipe = prepared(tmp_path, "a.jsonl", many)
    assert_refused(
        capsys, recipe, 3, "data/a.jsonl` (source `only`): 1 of 1 rows cannot be read", "invalid_json"
    )
    empty, blank = {"question": "q", "responses": []}, {"question": "q", "responses": [" ", ""]}
    recipe = prepared(tmp_path, "a.jsonl", lines(empty, many, blank, empty))
    fates = "1 unreadable: invalid_json, 2 without a trace: no_response, 2 rejected: empty_response"
    assert_refused(capsys, recipe, 3, f"no trace is left to pack: 4 rows read, {fates}\n")


FLAT = {"question": "q", "response": "r"}


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_csv_quote_that_never_closes(tmp_path, name):
    """A reader would take all that follows for one value, to be trained on: its line alone is lost."""
    rows = [f"Q {number},A {number}" for number in range(1_000)]
    rows[3] = 'Q 3,"A 3'
    data = "\n".join(["q,r", *rows]).encode()
    recipe = prepared(tmp_path, name, gzip.compress(data) if name.endswith("gz") else data, FLAT)
    assert reasons(recipe) == [(3, None, "invalid_csv")]
    detail = "the quote that opens on line 5, column 2, never closes"
    assert runs.rejects(tmp_path / "out")[0]["detail"] == detail
    assert len(runs.provenance(tmp_path / "out")) == 999


def test_too_many_malformed_csv_lines(tmp_path, capsys):
    data = b'q,r\n"a"b,c\n"a"b,c\nd,e\n'
    recipe = prepared(tmp_path, "a.csv", data, FLAT)
    parts = ("2 of 3 rows cannot be read", "invalid_csv (line 2, column 1: text after the closing quote)")
    assert_refused(capsys, recipe, 3, *parts)


def test_malformed_csv_is_refused_and_not_mended(tmp_path):
    """Quotes inside a field are text; text behind a closing quote loses its line, and no other."""
    rows = [
        'x\t"Murmur" is a sound',
        'odd\t"begins here',
        "l1\ta1",
        'l2\tends" here',
        'height\t5\'10" or "so"',
        'say\t"say \\"b\\""',
        'whole\t"two\nlines, ""quoted"""',
        "return\tone\rtwo",
    ]
    data = "\n".join(["q\tr", *rows, ""]).encode()
    recipe = prepared(tmp_path, "a.tsv", data, FLAT, max_unreadable=0.9)
    assert reasons(recipe) == [(row, None, "invalid_csv") for row in (0, 1, 5, 7)]
    details = [row["detail"] for row in runs.rejects(tmp_path / "out")]
    places = [re.search(r"line (\d+), column (\d+)", detail) for detail in details]
    assert [place and place.groups() for place in places] == [("2", "2"), ("3", "2"), ("7", "2"), ("10", "2")]
    assert "Murmur" not in "".join(details)
    texts = "".join(runs.texts(tmp_path / "out"))
    for said in ("a1<", 'ends" here<', '5\'10" or "so"<', 'two\nlines, "quoted"<'):
        assert f"assistant\n{said}" in texts, texts
    # In the dialect that the line is written in it is whole.
    runs.pack(recipe, r'sources.only.csv={escape: "\\"}', "output.path=escaped")
    assert [row["row"] for row in runs.rejects(tmp_path / "escaped")] == [0, 1, 7]
    assert 'assistant\nsay "b"<' in "".join(runs.texts(tmp_path / "escaped"))


def test_a_csv_dialect_of_the_source(tmp_path, capsys):
    """A semicolon and a single quote, a header in quotes, and several columns without a name."""
    data = b"""'q';r;;\n'a;''b''';"c, d";;1\n"""
    recipe = prepared(tmp_path, "a.csv", data, FLAT)
    assert_refused(capsys, recipe, 3, "the file has no column `q`", '`csv: {delimiter: ";"}`')
    runs.write_recipe(tmp_path, runs.one_source("data/a.csv", FLAT, csv={"delimiter": ";", "quote": "'"}))
    assert reasons(recipe) == []
    (text,) = runs.texts(tmp_path / "out")
    assert 'assistant\n"c, d"<' in text
    assert "a;'b'<" in text
    # The dialect decides what a scan makes of the file, so that another one scans it again.
    keys = {"delimiter": ";", "quote": None}
    runs.write_recipe(tmp_path, runs.one_source("data/a.csv", {"question": "'q'", "response": "r"}, csv=keys))
    (tmp_path / "data/a.csv").write_bytes(data + b"e;f;g;h\n")
    runs.pack(recipe, "output.path=bare")
    assert [(row["row"], row["reason"]) for row in runs.rejects(tmp_path / "bare")] == [
        (0, "wrong_column_count")
    ]
    runs.write_recipe(tmp_path, runs.one_source("data/a.csv", {"question": "'q'", "response": "r"}))
    assert_refused(capsys, recipe, 3, "the file has no column `'q'`", options=["--set", "output.path=other"])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_of_csv(tmp_path, end, mark):
    data = mark + end.join(["q,r", "a,b", "", 'c,"d\ne"', "f,g"])
    recipe = prepared(tmp_path, "a.csv", data.encode(), FLAT)
    assert reasons(recipe) == []
    assert sorted(row["row"] for row in runs.provenance(tmp_path / "out")) == [0, 1, 2]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'"q,r\na,b\n', "the quote that opens on line 1, column 1, never closes"),
        (b'"q";"r"\n"a";"b"\n', '`csv: {delimiter: ";"}`'),
        (b"q\xff,r\na,b\n", "it is not UTF-8"),
    ],
)
def test_a_csv_header_that_cannot_be_read(tmp_path, capsys, data, said):
    recipe = prepared(tmp_path, "a.csv", data, FLAT)
    assert_refused(capsys, recipe, 3, "data/a.csv` (source `only`): the header cannot be read", said)
    runs.write_lines(tmp_path / "data/b.jsonl", [{"q": "a", "r": "b"}])
    both = "sources.only.path=[data/a.csv, data/b.jsonl]"
    summary = runs.pack(recipe, both, "sources.only.on_bad_file=skip")
    assert (summary.train, len(summary.files_skipped)) == (1, 1)


def test_a_csv_file_of_blank_lines_has_no_rows(tmp_path):
    recipe = prepared(tmp_path, "a.csv", b"\xef\xbb\xbf\n\r\n\n", FLAT)
    runs.write_lines(tmp_path / "data/b.jsonl", [{"q": "a", "r": "b"}])
    summary = runs.pack(recipe, "sources.only.path=[data/a.csv, data/b.jsonl]")
    assert (summary.rows, summary.train) == (1, 1)


def test_reasoning_beside_the_content_is_not_lost(tmp_path):
    """Chat interfaces give it under a key of its own; what calls tools is refused, not cut."""
    user = {"role": "user", "content": "Why?"}
    answers = [
        {"role": "assistant", "content": "Because.", "reasoning_content": "Hm."},
        {"role": "assistant", "content": "Because.", "reasoning_content": None, "thinking": "Hm, hm."},
        {"role": "assistant", "content": " ", "reasoning_content": "Hm."},
        {"role": "assistant", "content": "Because.", "tool_calls": [{"id": "1"}]},
        {"role": "assistant", "content": "So.", "tool_calls": [], "function_call": None},
    ]
    data = lines(*({"messages": [user, answer]} for answer in answers))
    recipe = prepared(tmp_path, "a.jsonl", data, "messages", max_unreadable=0.5)
    assert reasons(recipe) == [(2, 0, "empty_response"), (3, None, "tool_calls")]
    texts = sorted(runs.texts(tmp_path / "out"))
    assert len(texts) == 3
    for said in ("<think>\nHm.\n</think>\n\nBecause.", "<think>\nHm, hm.\n</think>\n\nBecause.", "So."):
        assert any(text.endswith(f"assistant\n{said}<|im_end|>\n") for text in texts), texts


def store_files(folder, kind):
    return sorted((folder / "store").glob(f"blocks/*/*.{kind}"))


@pytest.mark.parametrize("kind", ["ids", "index"])
def test_a_changed_byte_in_the_working_store(tmp_path, capsys, kind):
    """The block is made again, and no byte of what was changed is in a shard."""
    recipe = prepared(tmp_path, "a.jsonl", lines(*good_rows(50)))
    values = ["--set", "work.path=store"]
    code, _ = runs.fails(capsys, "pack", recipe, *values)
    assert code == 0
    found = store_files(tmp_path, kind)
    assert found
    for path in found:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    other = ["work.path=store", "pack.seed=4", "output.path=other"]
    again = runs.pack(recipe, *other)
    assert again.blocks_scanned == len(found)
    assert "not those written" in again.notes[0]
    runs.pack(recipe, "work.path=fresh", "pack.seed=4", "output.path=whole")
    one, two = (runs.contents(tmp_path / name) for name in ("other", "whole"))
    assert {name for name in one.keys() | two.keys() if one.get(name) != two.get(name)} == {"octomed.json"}


@pytest.mark.parametrize("keep", [0.3, 0.7, 0.99])
def test_a_truncated_parquet_file(tmp_path, capsys, keep):
    whole = runs.write_parquet(tmp_path / "whole.parquet", runs.question_rows(1, 200)).read_bytes()
    recipe = prepared(tmp_path, "t.parquet", whole[: int(len(whole) * keep)])
    assert_refused(capsys, recipe, 3, "data/t.parquet` (source `only`) cannot be read", "on_bad_file: skip")
    (tmp_path / "data/t.parquet").write_bytes(whole)
    assert runs.pack(recipe).rows == 200


def test_a_parquet_file_with_damaged_pages(tmp_path, capsys):
    path = runs.write_parquet(tmp_path / "data/t.parquet", runs.question_rows(1, 200))
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + b"\xff" * (len(whole) // 2) + whole[4 + len(whole) // 2 :])
    recipe = runs.write_recipe(tmp_path, runs.one_source("data/t.parquet"))
    assert_refused(capsys, recipe, 3, "data/t.parquet` (source `only`) cannot be read")
    path.write_bytes(whole)
    assert runs.pack(recipe).rows == 200


def test_a_json_line_cut_in_half(tmp_path):
    cut = json.dumps(GOOD).encode()[:25]
    recipe = prepared(tmp_path, "c.jsonl", lines(GOOD, cut + b"\n", GOOD | {"question": "other"}))
    assert reasons(recipe, "curate.duplicates.exact=false") == [(1, None, "invalid_json")]
    recipe = prepared(tmp_path, "c.jsonl", lines(GOOD) + cut)
    summary = runs.pack(recipe, replace=True)
    assert (summary.rows, summary.rows_unreadable, summary.train) == (2, 1, 2)


@pytest.mark.parametrize("name", ["a.json", "a.jsonl.gz", "a.csv.gz"])
def test_a_file_cut_off(tmp_path, capsys, name):
    whole = json.dumps(good_rows(50)).encode() if name == "a.json" else gzip.compress(lines(*good_rows(50)))
    mapping = {"question": "question", "response": "responses"} if name == "a.csv.gz" else "octomed"
    recipe = prepared(tmp_path, name, whole[:-12], mapping)
    if name == "a.json":
        parts = ("data/a.json` (source `only`): byte ", "cut off")
    else:
        parts = (f"data/{name}` (source `only`) cannot be read",)
    assert_refused(capsys, recipe, 3, *parts)


INVALID = b'{"question": "q\xff\xfe", "responses": ["a"]}\n'


def test_invalid_utf8_in_json(tmp_path):
    recipe = prepared(tmp_path, "u.jsonl", lines(GOOD, INVALID))
    assert reasons(recipe) == [(1, None, "invalid_utf8")]


def test_invalid_utf8_in_csv(tmp_path):
    data = b"question,response\nq,a\nq\xff,b\nr,c\n"
    recipe = prepared(tmp_path, "u.csv", data, {"question": "question", "response": "response"})
    assert reasons(recipe) == [(1, None, "invalid_utf8")]


def test_invalid_utf8_in_parquet(tmp_path):
    column = pa.array([b"q", b"q\xff", b"r"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 3, column.buffers())
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table({"question": text, "response": ["a", "b", "c"]}), tmp_path / "data/u.parquet")
    mapping = {"question": "question", "response": "response"}
    recipe = runs.write_recipe(tmp_path, runs.one_source("data/u.parquet", mapping))
    assert reasons(recipe) == [(1, None, "invalid_utf8")]


def test_invalid_utf8_inside_the_messages_of_parquet(tmp_path):
    """A file's own type says text, whatever bytes are in it."""
    turns = [{"role": "assistant", "content": f"answer {number} QQ"} for number in range(3)]
    table = pa.Table.from_pylist([{"messages": [CHAT["messages"][0], turn]} for turn in turns])
    path = tmp_path / "data/u.parquet"
    path.parent.mkdir()
    pq.write_table(table, path, compression="none", use_dictionary=False, write_statistics=False)
    data = path.read_bytes()
    assert data.count(b"answer 1 QQ") == 1
    path.write_bytes(data.replace(b"answer 1 QQ", b"answer 1 \xff\xff"))
    recipe = runs.write_recipe(tmp_path, runs.one_source("data/u.parquet", "messages"))
    assert reasons(recipe) == [(1, None, "invalid_utf8")]


@pytest.mark.parametrize("name", ["i.jsonl", "i.parquet"])
def test_rows_with_images(tmp_path, name):
    """A row with a picture is a reject and the others pack; as asked, all of them."""
    rows = [GOOD | {"scan": None}, GOOD | {"scan": "1.png"}, GOOD | {"scan": "2.png"}]
    write = runs.write_lines if name == "i.jsonl" else runs.write_parquet
    write(tmp_path / "data" / name, rows)
    recipe = runs.write_recipe(tmp_path, runs.one_source(f"data/{name}"))
    assert reasons(recipe) == [(1, None, "has_image"), (2, None, "has_image")]
    assert len(runs.provenance(tmp_path / "out")) == 2
    mapping = {"question": "question", "responses": "responses", "image_columns": []}
    recipe = runs.write_recipe(tmp_path, runs.one_source(f"data/{name}", mapping))
    summary = runs.pack(recipe, "output.path=asked")
    assert (summary.rows_without_trace, summary.rejected) == (0, {})
    assert len(runs.provenance(tmp_path / "asked")) == 6


def test_a_parquet_footer_that_says_fewer_rows(tmp_path):
    """A number of rows that was changed in one place of the footer is an error, or changes nothing."""
    rows = [{"question": f"{number}?", "response": "a"} for number in range(300)]
    path = runs.write_parquet(tmp_path / "data/p.parquet", rows, group=300)
    whole, three_hundred, fewer = path.read_bytes(), b"\xd8\x04", b"\xc6\x01"  # zigzag varints of 300 and 99
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    places = [at for at in range(footer, len(whole)) if whole[at : at + 2] == three_hundred]
    assert len(places) >= 3
    mapping = {"question": "question", "response": "response"}
    for number, at in enumerate(places):
        path.write_bytes(whole[:at] + fewer + whole[at + 2 :])
        recipe = runs.write_recipe(tmp_path, runs.one_source("data/p.parquet", mapping))
        read = None
        with contextlib.suppress(DataError):
            read = runs.pack(recipe, f"output.path=out{number}").rows
        assert read in {None, 300}


def test_nul_bytes(tmp_path):
    """Escaped they are text like any other; as bytes they are no JSON."""
    rows = lines(GOOD, GOOD | {"question": "nul \0 inside"}, b"\0" * 40 + b"\n")
    recipe = prepared(tmp_path, "n.jsonl", rows)
    assert reasons(recipe) == [(2, None, "invalid_json")]
    assert len(runs.provenance(tmp_path / "out")) == 4
    csv = b"question,response\nq\0,a\0\n"
    recipe = prepared(tmp_path, "n.csv", csv, {"question": "question", "response": "response"})
    assert reasons(recipe, "output.path=csv") is not None
    assert len(runs.provenance(tmp_path / "csv")) == 1


@pytest.mark.parametrize("name", ["big.jsonl", "big.json", "big.csv"])
def test_a_row_of_50_mb(tmp_path, name):
    text = "fever and cough. " * (50_000_000 // 17)
    rows = [{"question": "q", "responses": ["a"]}, {"question": "big", "responses": [text]}, GOOD]
    if name == "big.csv":
        data = f"question,response\nq,a\nbig,{text}\nr,c\n".encode()
    else:
        data = lines(*rows) if name == "big.jsonl" else json.dumps(rows).encode()
    mapping = {"question": "question", "response": "response"} if name == "big.csv" else "octomed"
    recipe = prepared(tmp_path, name, data, mapping)
    assert reasons(recipe) == [(1, 0, "over_long")]
    assert "50" in runs.rejects(tmp_path / "out")[0]["detail"]


def test_a_column_missing(tmp_path, capsys):
    path = runs.write_parquet(tmp_path / "data/p.parquet", [{"question": "q", "response": ["a"]}])
    recipe = runs.write_recipe(tmp_path, runs.one_source("data/p.parquet"))
    assert_refused(
        capsys, recipe, 3, f"`{path}` (source `only`): the file has no column `responses`", "`response`"
    )
    recipe = prepared(
        tmp_path, "p.csv", b"question,other\nq,a\n", {"question": "question", "response": "answer"}
    )
    assert_refused(capsys, recipe, 3, "the file has no column `answer`")
    recipe = prepared(tmp_path, "p.jsonl", lines(GOOD, {"question": "q"}))
    assert reasons(recipe) == [(1, None, "missing_field")]


@pytest.mark.parametrize("name", ["p.csv", "p.tsv", "p.csv.gz"])
@pytest.mark.parametrize("verb", ["check", "plan"])
def test_a_column_missing_from_a_csv_header_is_seen_before_a_run(tmp_path, capsys, name, verb):
    data = b"question,anwser\nq,a\n".replace(b",", b"\t" if name == "p.tsv" else b",")
    recipe = prepared(
        tmp_path,
        name,
        gzip.compress(data) if name.endswith(".gz") else data,
        {"question": "question", "response": "answer"},
    )
    code, said = runs.fails(capsys, verb, recipe)
    assert code == 3
    assert f"`{tmp_path / 'data' / name}` (source `only`): the file has no column `answer`" in said
    assert "did you mean `anwser`?" in said
    skipped = ["--set", "sources.only.on_bad_file=skip"]
    assert runs.fails(capsys, verb, recipe, *skipped) == (0, "")


def test_a_column_of_another_type(tmp_path, capsys):
    recipe = prepared(tmp_path, "t.jsonl", lines(GOOD, {"question": {"a": 1}, "responses": ["a"]}))
    assert reasons(recipe) == [(1, None, "wrong_type")]
    runs.write_parquet(tmp_path / "data/t.parquet", [{"question": [["q"]], "responses": ["a"]}] * 3)
    recipe = runs.write_recipe(tmp_path, runs.one_source("data/t.parquet"))
    assert_refused(capsys, recipe, 3, "3 of 3 rows", "row 0: wrong_type", options=["--replace"])


def test_a_column_that_is_null(tmp_path):
    recipe = prepared(tmp_path, "n.jsonl", lines(GOOD, {"question": None, "responses": ["a"]}))
    assert reasons(recipe) == [(1, None, "null_field")]
    rows = [GOOD, {"question": "q", "responses": None}, {"question": "r", "responses": []}]
    runs.write_parquet(tmp_path / "data/n.parquet", rows)
    recipe = runs.write_recipe(tmp_path, runs.one_source("data/n.parquet"))
    assert reasons(recipe, "output.path=out2") is not None
    found = [(row["row"], row["reason"]) for row in runs.rejects(tmp_path / "out2")]
    assert found == [(1, "no_response"), (2, "no_response")]


def test_a_row_with_no_assistant_turn(tmp_path):
    recipe = prepared(
        tmp_path, "m.jsonl", lines(CHAT, {"messages": CHAT["messages"][:1]}, {"messages": []}), "messages"
    )
    found = reasons(recipe)
    assert found == [(1, None, "no_assistant_turn"), (2, None, "no_assistant_turn")]


def test_an_empty_response(tmp_path):
    rows = lines({"question": "q", "responses": ["", "a", " \n", None]})
    recipe = prepared(tmp_path, "e.jsonl", rows)
    assert reasons(recipe) == [(0, sample, "empty_response") for sample in (0, 2, 3)]
    blank = {"messages": [*CHAT["messages"][:1], {"role": "assistant", "content": ""}]}
    recipe = prepared(tmp_path, "e2.jsonl", lines(CHAT, blank), "messages")
    runs.pack(recipe, "output.path=out2")
    assert [row["reason"] for row in runs.rejects(tmp_path / "out2")] == ["empty_response"]


def test_duplicate_column_names(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    table = pa.table([["q"], ["r"], [["a"]]], names=["question", "question", "responses"])
    pq.write_table(table, tmp_path / "data/d.parquet")
    recipe = runs.write_recipe(tmp_path, runs.one_source("data/d.parquet"))
    assert_refused(
        capsys, recipe, 3, "data/d.parquet` (source `only`)", "several columns of one name: `question`"
    )
    mapping = {"question": "question", "response": "response"}
    recipe = prepared(tmp_path, "d.csv", b"question,question,response\nq,r,a\n", mapping)
    assert_refused(
        capsys, recipe, 3, "data/d.csv` (source `only`)", "several columns of one name: `question`"
    )
    double = b'{"question": "q", "question": "r", "responses": ["a"]}\n'
    recipe = prepared(tmp_path, "d.jsonl", lines(GOOD, double))
    assert reasons(recipe) == [(1, None, "duplicate_key")]


def test_a_csv_row_with_other_fields_than_the_header(tmp_path):
    data = b'question,response\nq,a\nq,b,c\nr,"d\ne"\n'
    recipe = prepared(tmp_path, "f.csv", data, {"question": "question", "response": "response"})
    assert reasons(recipe) == [(1, None, "wrong_column_count")]


def test_a_glob_that_matches_nothing(tmp_path, capsys):
    recipe = runs.write_recipe(tmp_path, runs.one_source("data/*.jsonl"))
    assert_refused(capsys, recipe, 2, "data/*.jsonl", "recipe.yaml:")
    runs.write_lines(tmp_path / "data/a.jsonl", good_rows())
    assert runs.pack(recipe).train == 3


def test_two_sources_of_one_name(small, capsys):
    recipe = runs.values()
    recipe["sources"][1]["name"] = "questions"
    runs.write_recipe(small.parent, recipe)
    assert_refused(capsys, small, 2, "recipe.yaml:", "two sources are named `questions`", "the first is at")


def test_a_recipe_from_a_newer_version(small, capsys):
    runs.write_recipe(small.parent, runs.values() | {"version": 2, "unheard": "of"})
    assert_refused(capsys, small, 2, "recipe.yaml:", "newer version (2); this octomed reads version 1")


BAD_NAMES = [
    ("prompt", "{{ question", "`prompt`: line 1: unexpected end of input", "minijinja template"),
    ("prompt", "{{ qestion }}", "`prompt`: `qestion` is not a variable", "a prompt has `question`"),
    ("model", "/nope/model", "`model: /nope/model` does not exist", "tokenizer.json"),
    ("model", "qwen9", "`model: qwen9` is not a built-in model", "`qwen2.5`"),
    ("template", "qwen9", "`template: qwen9` is neither a built-in template nor a file", "`llama-3`"),
    ("template", "{{ messages", "chat template of the recipe: ", "leave `template` out"),
]


@pytest.mark.parametrize("bad", BAD_NAMES)
@pytest.mark.parametrize("option", [False, True])
def test_what_a_key_names_is_refused_at_its_place(small, capsys, bad, option):
    key, value, message, hint = bad
    options = ["--set", f"{key}='{value}'"] if option else []
    if not option:
        runs.write_recipe(small.parent, runs.values() | {key: value})
    lines = small.read_text().splitlines()
    line = next((number for number, text in enumerate(lines, 1) if text.startswith(f' "{key}"')), 0)
    place = f"error: `{' '.join(options)}`: " if option else f"error: {small}:{line}:{len(key) + 6}: "
    assert_refused(capsys, small, 2, f"{place}{message}", hint, options=options)
    assert runs.fails(capsys, "check", small, *options)[0] == 2


def test_an_output_folder_that_cannot_be_made(small, capsys):
    (small.parent / "file").write_text("in the way")
    assert_refused(capsys, small, 4, "file/out", options=["--set", "output.path=file/out"])
    assert_refused(capsys, small, 4, "file` is a file, not a folder", options=["--set", "work.path=file"])
    assert (small.parent / "file").read_text() == "in the way"


@contextlib.contextmanager
def small_disk(folder, size, *options):
    """A file system of this size, or none where that is not allowed."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    allowed = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    if allowed and options:
        subprocess.run(["mount", "-o", ",".join(["remount", *options]), str(folder)], check=True)
    try:
        yield allowed
    finally:
        if allowed:
            subprocess.run(["umount", str(folder)], check=True)


def test_an_output_folder_that_is_read_only(small, capsys):
    with small_disk(small.parent / "disk", "1m", "ro") as mounted:
        if not mounted:
            (small.parent / "disk").chmod(0o500)
        hint = "read-only" if mounted else "permissions"
        assert_refused(capsys, small, 4, "disk/out", hint, options=["--set", "output.path=disk/out"])
    (small.parent / "disk").chmod(0o700)
    assert runs.pack(small, "output.path=disk2/out").train > 0


@pytest.mark.parametrize("which", ["output", "work"])
def test_a_disk_that_is_too_small_is_seen_before(small, capsys, which):
    options = ["--set", f"{which}.path=disk/{which}", "--set", "output.compression=null"]
    with small_disk(small.parent / "disk", "200k") as mounted:
        if mounted:
            place = f"more disk space at `{small.parent / 'disk' / which}`"
            assert_refused(capsys, small, 4, "the run needs about", place, options=options)
            subprocess.run(["mount", "-o", "remount,size=50m", str(small.parent / "disk")], check=True)
        assert runs.pack(small, *options[1::2]).train > 0


@pytest.mark.parametrize("which", ["output", "work"])
def test_a_full_disk_while_writing(small, capsys, which):
    """The driver lets the estimate pass, so that the disk fills under the run."""
    options = ["--set", f"{which}.path=disk/{which}", "--set", "output.compression=null"]
    expected = runs.pack(small, "output.compression=null", "output.path=whole", "work.path=other")
    with small_disk(small.parent / "disk", "200k") as mounted:
        if not mounted:
            limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, 8_000))}
        process = runs.start(small, *options, **({} if mounted else limit))
        _, said = process.communicate(timeout=600)
        assert process.returncode == 4, said
        assert "error: " in said
        assert "resume: `octomed pack " in said
        assert "Traceback" not in said
        assert [path.name for path in small.parent.rglob("*.tmp*")] == []
        if mounted:
            assert "No space left on device" in said
            assert "hint: free some space" in said
            subprocess.run(["mount", "-o", "remount,size=50m", str(small.parent / "disk")], check=True)
        again = runs.pack(small, *options[1::2])
        assert again.train == expected.train
        out = small.parent / ("disk/output" if which == "output" else "out")
        whole = runs.contents(small.parent / "whole")
        assert {name: digest for name, digest in runs.contents(out).items() if name != "octomed.json"} == {
            name: digest for name, digest in whole.items() if name != "octomed.json"
        }
    capsys.readouterr()


def test_a_replacement_that_fails_before_it_writes_replaces_nothing(small, capsys):
    runs.pack(small)
    before = runs.contents(small.parent / "out")
    (small.parent / "data/chains.json").write_text("[{]")
    assert_refused(capsys, small, 3, "chains.json", options=["--replace"])
    assert runs.contents(small.parent / "out") == before


def test_a_replacement_deletes_shards_that_a_killed_run_did_not_note(small):
    runs.pack(small)
    out = small.parent / "out"
    manifest = json.loads((out / ".octomed-run.json").read_text())
    unnoted = max(manifest["shards"])
    del manifest["shards"][unnoted]
    state_files.write(out / ".octomed-run.json", manifest)
    other = ["output.compression=null"]
    runs.pack(small, *other, replace=True)
    assert not (out / unnoted).exists()
    found = runs.contents(out)
    runs.pack(small, *other, "output.path=fresh")
    expected = runs.contents(small.parent / "fresh")
    assert found.keys() == expected.keys()


def test_a_replacement_deletes_what_was_unpacked_of_the_old_shards(small):
    """Streaming reads the unpacked file where there is one, and would read the old run without a word."""
    runs.pack(small)
    out = small.parent / "out"
    assert runs.unpack(out)
    manifest = json.loads((out / ".octomed-run.json").read_text())
    unnoted = max(manifest["shards"])
    del manifest["shards"][unnoted]
    manifest["begun"] = [unnoted]
    state_files.write(out / ".octomed-run.json", manifest)
    mine = out / "len-00256/mine.mds"
    mine.write_text("mine")
    runs.pack(small, "pack.seed=99", "pack.buckets=[256]", replace=True)
    assert list(out.glob("*/*.mds")) == [mine]
    assert octomed.verify(out).findings == ()


def test_a_shard_that_is_written_again_takes_its_unpacked_file_along(small):
    runs.pack(small)
    first, *others = runs.unpack(small.parent / "out")
    first.write_bytes(b"old")
    first.with_suffix(".mds.zstd").unlink()
    assert runs.pack(small).shards_written == 1
    assert not first.exists()
    assert all(path.exists() for path in others)


def test_an_output_folder_with_a_run_of_another_recipe(small, capsys):
    runs.pack(small)
    out = small.parent / "out"
    foreign = [out / "notes.txt", out / "len-00256/mine.bin", out / "provenance/mine.parquet"]
    for path in foreign:
        path.write_text("mine")
    before = runs.contents(out)
    other = ["--set", "pack.capacity=512", "--set", "pack.buckets=[128]"]
    assert_refused(capsys, small, 2, "holds a run of another recipe", "--replace", options=other)
    assert runs.contents(out) == before
    summary = runs.pack(small, *other[1::2], replace=True)
    assert set(summary.streams) == {"len-00128", "len-00512"}
    assert [path.read_text() for path in foreign] == ["mine"] * 3
    left = {path.name for path in (out / "len-00256").iterdir()}
    assert left == {"mine.bin"}
    runs.pack(small, *other[1::2], "output.path=fresh")
    ours = {
        name: digest
        for name, digest in runs.contents(out).items()
        if "mine" not in name and name != "notes.txt"
    }
    fresh = runs.contents(small.parent / "fresh")
    assert ours.keys() == fresh.keys()
    assert {name for name in ours if ours[name] != fresh[name]} == {"octomed.json"}


@pytest.mark.parametrize("name", ["thesis.txt", ".hidden", "len-00256/x.bin", "rejects/x", "other/deep/x"])
def test_an_output_folder_with_files_that_no_run_wrote(small, capsys, name):
    out = small.parent / "out"
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    (out / name).write_text("mine")
    for options in ([], ["--replace"]):
        assert_refused(capsys, small, 2, f"already holds `{name.split('/')[0]}`", options=options)
    assert [path.name for path in out.iterdir()] == [name.split("/")[0]]
    assert (out / name).read_text() == "mine"


def test_an_output_folder_in_which_only_a_run_ever_began(small):
    """Its lock, a manifest cut by a lost disk, and the working store are no foreign files."""
    out = small.parent / "out"
    (out / "deep/store").mkdir(parents=True)
    (out / ".octomed.lock").touch()
    (out / ".octomed-run.json").write_text("{")
    (out / ".octomed-run.json.tmp-1").write_text("{")
    assert runs.pack(small, "work.path=out/deep/store").train > 0


def test_a_file_that_is_put_beside_a_run_stays(small):
    runs.pack(small)
    out = small.parent / "out"
    notes = out / "notes.txt"
    notes.write_text("mine")
    (out / "octomed.json").unlink()
    again = runs.pack(small)
    assert (again.already_done, again.shards_written) == (False, 0)
    assert runs.pack(small).already_done
    assert runs.pack(small, "pack.seed=5", replace=True).train > 0
    assert notes.read_text() == "mine"


def test_a_replacement_that_is_killed_while_it_deletes_can_be_run_again(small, monkeypatch):
    """The old manifest stays until there is a new one, or a user's own file would stand in the way."""
    runs.pack(small)
    notes = small.parent / "out/notes.txt"
    notes.write_text("mine")
    write = Manifest.write

    def killed(manifest):
        if manifest.begun:
            raise SystemExit
        write(manifest)

    with monkeypatch.context() as patched:
        patched.setattr(Manifest, "write", killed)
        with pytest.raises(SystemExit):
            runs.pack(small, "pack.seed=5", replace=True)
    assert runs.pack(small, "pack.seed=5", replace=True).train > 0
    assert notes.read_text() == "mine"


@pytest.mark.parametrize("name", ["g.jsonl", "g.parquet", "g.json"])
def test_a_file_that_changes_between_plan_and_scan(tmp_path, capsys, monkeypatch, name):
    path = tmp_path / "data" / name
    rows = runs.question_rows(5, 40)

    def write(rows):
        if name == "g.parquet":
            runs.write_parquet(path, rows)
        elif name == "g.jsonl":
            runs.write_lines(path, rows)
        else:
            path.write_text(json.dumps(rows))

    path.parent.mkdir()
    write(rows)
    recipe = runs.write_recipe(tmp_path, runs.one_source(f"data/{name}"))
    original = scan.scan

    def changed(*arguments, **settings):
        write(runs.question_rows(6, 60))
        return original(*arguments, **settings)

    with monkeypatch.context() as patched:
        patched.setattr("octomed.pipeline.passes.run.scan", changed)
        assert_refused(
            capsys, recipe, 3, f"`{path}` changed while the run read it", "run the same command again"
        )
    assert runs.pack(recipe).rows == 60


@pytest.mark.parametrize("name", ["s.jsonl", "s.csv"])
def test_too_many_unreadable_rows(tmp_path, capsys, name):
    if name == "s.csv":
        rows = [b"question,response\n", *[b"q%d,a\n" % number for number in range(50)]]
        rows[31] = rows[41] = b"one,two,three\n"
        mapping, reason = {"question": "question", "response": "response"}, "wrong_column_count"
    else:
        rows = [json.dumps(row).encode() + b"\n" for row in good_rows(50)]
        rows[30] = rows[40] = b"{broken\n"
        mapping, reason = "octomed", "invalid_json"
    recipe = prepared(tmp_path, name, b"".join(rows), mapping)
    place = f"`{tmp_path / 'data' / name}` row 30: {reason}"
    assert_refused(capsys, recipe, 3, "source `only`: 2 of 50 rows cannot be read, 1 are tolerated", place)
    summary = runs.pack(recipe, "sources.only.max_unreadable=0.04")
    assert (summary.blocks_scanned, summary.rows_unreadable) == (0, 2)
    assert [row["row"] for row in runs.rejects(tmp_path / "out")] == [30, 40]


def test_one_unreadable_row_of_few_is_tolerated_and_of_many_one_in_a_hundred(tmp_path, capsys):
    rows = [json.dumps(row).encode() + b"\n" for row in good_rows(300)]
    rows[7] = rows[70] = rows[170] = b"]\n"
    recipe = prepared(tmp_path, "s.jsonl", b"".join(rows))
    assert runs.pack(recipe).rows_unreadable == 3
    rows[171] = b"[\n"
    recipe = prepared(tmp_path, "s.jsonl", b"".join(rows))
    assert_refused(capsys, recipe, 3, "4 of 300 rows cannot be read, 3 are tolerated", options=["--replace"])


@pytest.mark.parametrize("name", ["bad.parquet", "bad.json", "bad.jsonl.gz"])
def test_a_bad_file_that_is_skipped(tmp_path, name):
    array = json.dumps(runs.question_rows(1, 200)).encode()
    whole = {
        "bad.parquet": b"PAR1 no more",
        "bad.json": array[: len(array) - 100],
        "bad.jsonl.gz": gzip.compress(lines(*runs.question_rows(1, 200)))[:-50],
    }[name]
    runs.write_lines(tmp_path / "data/good.jsonl", good_rows())
    recipe = prepared(tmp_path, name, whole)
    runs.write_recipe(tmp_path, runs.one_source("data/*", on_bad_file="skip"))
    summary = runs.pack(recipe)
    assert (summary.rows, summary.train) == (3, 3)
    assert list(summary.files_skipped) == [f"only/{name}"]
    assert {row["file"] for row in runs.provenance(tmp_path / "out")} == {"good.jsonl"}
    assert name in summary.plain()
    assert runs.pack(recipe).already_done


def test_an_over_long_trace_is_an_error_where_the_recipe_says_so(tmp_path, capsys):
    long = {"question": "long", "responses": ["word " * 500]}
    recipe = prepared(tmp_path, "l.jsonl", lines(GOOD, long))
    options = ["--set", "curate.over_long=error"]
    assert_refused(capsys, recipe, 3, "only/l.jsonl row 1 sample 0", options=options)
    assert reasons(recipe, "curate.over_long=reject", "output.path=out")[0] == (1, 0, "over_long")
