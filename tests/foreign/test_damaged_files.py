"""A file whose numbers lie among good ones: it is named, and the run, the check and the others go on."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import signal
import struct
import zlib

import octomed
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from octomed.errors import StorageError
from octomed.foreign import BrokenFileError, ForeignTable, end_idle, helper
from octomed.pipeline.inputs import streams
from octomed.recipe.opening import open_stream, open_text

from tests.end_to_end import runs

from . import samples

FORMAT = "octomed"


def parquet(**options):
    file = pa.BufferOutputStream()
    options = {"use_dictionary": False, "compression": "none", "row_group_size": samples.GROUP} | options
    pq.write_table(samples.table(), file, **options)
    return file.getvalue().to_pybytes()


def aborting():
    """A footer whose column has a repetition that there is none of: Arrow ends the process."""
    whole = parquet()
    found = whole.replace(b"\x25\x02\x18\x08question", b"\x25\x22\x18\x08question")
    assert found != whole
    return found


def broken_name():
    return parquet().replace(b"\x25\x02\x18\x08question", b"\x25\x02\x18\x08qu\xe9stion")


def fewer_rows():
    """The footer's number of rows, and that of its last row group, less by 5: a row group is cut."""
    whole = parquet()
    footer = len(whole) - 8 - struct.unpack("<I", whole[-8:-4])[0]
    head, tail = whole[:footer], whole[footer:]
    assert tail.count(b"\x16\x78") == 1  # 60 rows
    return head + tail.replace(b"\x16\x78", b"\x16\x6e").replace(b"\x16\x14\x26", b"\x16\x0a\x26")


def flipped_text():
    """A letter of a text, under a checksum."""
    whole = parquet(write_page_checksum=True, write_statistics=False)
    assert whole.count(b"0? what of 0 beats") == 1
    return whole.replace(b"0? what of 0 beats", b"0? what of 0 beetz")


def other_name():
    """One of the two places where a footer names a column: it may be one that a format can do without."""
    whole = parquet()
    at = whole.rindex(b"\x08question")
    return whole[: at + 1] + b"questiom" + whole[at + 9 :]


def arrow(as_file, batches=3):
    file = pa.BufferOutputStream()
    held = samples.table()
    with (pa.ipc.new_file if as_file else pa.ipc.new_stream)(file, held.schema) as writer:
        writer.write_table(held, max_chunksize=len(held) // batches)
    return file.getvalue().to_pybytes()


def fewer_batches():
    whole = arrow(as_file=True)
    length = struct.unpack("<i", whole[-10:-6])[0]
    footer = whole[-10 - length : -10]
    for at in range(len(footer) - 4):
        if footer[at : at + 4] == struct.pack("<I", 3) and _offset(footer, at + 4) in range(8, len(whole)):
            changed = footer[:at] + struct.pack("<I", 2) + footer[at + 4 :]
            return whole[: -10 - length] + changed + whole[-10:]
    raise AssertionError


def _offset(footer, at):
    return struct.unpack("<q", footer[at : at + 8])[0] if at + 8 <= len(footer) else -1


def early_end():
    """A stream with the mark of its end before the last batch."""
    whole, mark = arrow(as_file=False), b"\xff\xff\xff\xff\x00\x00\x00\x00"
    begins = [at for at in range(0, len(whole), 8) if whole[at : at + 4] == mark[:4]]
    return whole[: begins[-2]] + mark + whole[begins[-2] + 8 :]


DAMAGED = {
    "abort.parquet": (aborting, "crashes the process that reads it (SIGABRT)"),
    "name.parquet": (broken_name, "UnicodeDecodeError"),
    "rows.parquet": (fewer_rows, "row group"),
    "text.parquet": (flipped_text, "CRC checksum verification failed"),
    "column.parquet": (other_name, "column `question`"),
    "cut.parquet": (lambda: parquet()[:-5], "the file is cut off"),
    "longer.parquet": (lambda: parquet()[:-8] + b"\xff\xff\xff\x0fPAR1", "longer than the file"),
    "batches.arrow": (fewer_batches, "its footer does not list all of its batches"),
    "early.arrow": (early_end, "ends before the file does"),
    "cut.arrow": (lambda: arrow(as_file=True)[:-1], "the Arrow file has no end"),
    "stream.arrow": (lambda: arrow(as_file=False)[:-8], "the Arrow stream has no end"),
}


def recipe_with(folder, name, data):
    """A good file of Parquet and a good one of JSON Lines around the damaged one."""
    (folder / "data").mkdir()
    (folder / "data/a.parquet").write_bytes(parquet())
    (folder / "data" / f"m_{name}").write_bytes(data)
    runs.write_lines(folder / "data/z.jsonl", samples.rows(40))
    return runs.write_recipe(folder, runs.one_source("data", FORMAT))


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_among_good_ones(tmp_path, capsys, name):
    make, what = DAMAGED[name]
    recipe = recipe_with(tmp_path, name, make())
    place = f"data/m_{name}` (source `only`)"
    code, said = runs.fails(capsys, "pack", recipe)
    assert code == 3, said
    for part in (place, what, "hint: ", "on_bad_file: skip"):
        assert part in said, said
    assert "Traceback" not in said
    skip = "sources.only.on_bad_file=skip"
    for options in ({}, {"replace": True}):  # of the store too, the second time
        summary = runs.pack(recipe, skip, **options)
        assert summary.rows == 100
        assert list(summary.files_skipped) == [f"only/m_{name}"]
        assert what in summary.files_skipped[f"only/m_{name}"]
    code, said = runs.fails(capsys, "pack", recipe, "--replace")  # what stands in the store is no excuse
    assert code == 3, said
    assert place in said


@pytest.mark.parametrize("name", ["abort.parquet", "name.parquet", "cut.arrow"])
def test_check_plan_and_inspect_name_it_too(tmp_path, capsys, name):
    make, what = DAMAGED[name]
    recipe = recipe_with(tmp_path, name, make())
    for words in (("check", recipe), ("plan", recipe), ("inspect", recipe, "--source", "only", "--row", "1")):
        code, said = runs.fails(capsys, *words)
        assert code == 3, said
        assert f"data/m_{name}` (source `only`)" in said
        assert what in said
    skip = ("--set", "sources.only.on_bad_file=skip")
    for verb, more in (("check", ()), ("plan", ()), ("inspect", ("--source", "only", "--row", "1"))):
        code, said = runs.fails(capsys, verb, recipe, *more, *skip)
        assert code == 0, said
    runs.pack(recipe, skip[1])
    assert runs.fails(capsys, "rejects", tmp_path / "out", "--show-text")[0] == 0


def test_splits_are_listed_without_the_rows_of_a_damaged_file(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/validation.parquet").write_bytes(parquet())
    (tmp_path / "data/test.parquet").write_bytes(aborting())
    code, said = runs.fails(capsys, "check", runs.write_recipe(tmp_path, runs.one_source("data", FORMAT)))
    assert code == 2, said
    assert "`test`: 1 file" in said


@pytest.mark.parametrize("error", [
    RuntimeError("odd"), KeyError("x"), OverflowError("huge"), MemoryError(), zlib.error("bits"), EOFError(),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), ValueError("neither"), OSError("Arrow's"),
    OSError(22, "a number led nowhere"), struct.error("short"), NotImplementedError("codec"),
    pa.ArrowInvalid("odd"), pa.ArrowNotImplementedError("odd"),
])  # fmt: skip
def test_whatever_a_reader_raises_is_the_error_of_its_file(tmp_path, capsys, monkeypatch, error):
    (tmp_path / "data").mkdir()
    runs.write_lines(tmp_path / "data/a.jsonl", samples.rows(20))
    (tmp_path / "data/b.json").write_text(json.dumps(samples.rows(20)))
    recipe = runs.write_recipe(tmp_path, runs.one_source("data", FORMAT))

    def opened(path, *rest):
        if path.endswith("b.json"):
            raise error
        return open_text(path, *rest)

    monkeypatch.setattr(streams, "open_text", opened)
    code, said = runs.fails(capsys, "pack", recipe)
    assert code == 3, said
    assert "data/b.json` (source `only`) cannot be read" in said
    assert "hint: " in said
    summary = runs.pack(recipe, "sources.only.on_bad_file=skip")
    assert (summary.rows, list(summary.files_skipped)) == (20, ["only/b.json"])


def test_a_disk_that_fails_is_no_bad_file(tmp_path, capsys, monkeypatch):
    runs.write_lines(tmp_path / "data/a.jsonl", samples.rows(20))
    recipe = runs.write_recipe(tmp_path, runs.one_source("data", FORMAT, on_bad_file="skip"))

    def opened(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(streams, "open_text", opened)
    assert runs.fails(capsys, "pack", recipe)[0] == 4


@pytest.fixture
def sound(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(parquet(row_group_size=10))
    end_idle()
    yield path
    end_idle()


def rows_of(table):
    return [row for batch in table.batches(table.schema.names, ["question"], range(len(table.groups)))
            for row in batch.to_pylist()]  # fmt: skip


def test_a_reader_that_is_killed_once_is_asked_again(sound):
    with ForeignTable(str(sound), "parquet") as table:
        expected = rows_of(table)
    assert [row["question"].decode() for row in expected] == [row["question"] for row in samples.rows()]
    for after in range(3):
        with ForeignTable(str(sound), "parquet") as table:
            batches = table.batches(["id"], ["id"], range(len(table.groups)))
            found = [next(batches) for _ in range(min(after, 1))]
            os.kill(table._helper._process.pid, signal.SIGKILL)
            found += batches
            assert sum(batch.num_rows for batch in found) == samples.ROWS


def test_a_reader_that_is_killed_again_and_again_is_no_bad_file(sound, monkeypatch):
    ask = helper.Helper.ask

    def killed(self, request):
        if "next" in request:
            os.kill(self._process.pid, signal.SIGKILL)
        return ask(self, request)

    monkeypatch.setattr(helper.Helper, "ask", killed)
    with ForeignTable(str(sound), "parquet") as table, pytest.raises(StorageError, match="from outside"):
        rows_of(table)


def answering(monkeypatch, code):
    """Have children answer everything by running this."""
    start = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from octomed.foreign import child; "
    change = f"exec({code!r}); child._Reading.answer = answer; child.main()"
    monkeypatch.setattr(helper, "_START", start + change)
    end_idle()


@pytest.mark.parametrize(("code", "what"), [
    ("def answer(*_): return bytearray(3 * 2**30)", "more memory than a reader may take"),
    ("def answer(*_):\n while True: pass\nchild.MOST_SECONDS = 1", "SIGXCPU"),
    ("def answer(*_): raise SystemError('odd')", "SystemError: odd"),
    ("import os\ndef answer(*_): os.kill(os.getpid(), 11)", "SIGSEGV"),
])  # fmt: skip
def test_a_reader_that_goes_wrong_in_any_way(sound, monkeypatch, code, what):
    answering(monkeypatch, code)
    with pytest.raises(BrokenFileError, match=what):
        ForeignTable(str(sound), "parquet")
    end_idle()


def test_a_reader_that_does_not_start(sound, monkeypatch):
    end_idle()
    monkeypatch.setattr(helper, "_START", "raise ImportError('no such room')")
    with pytest.raises(StorageError, match="does not start: ImportError: no such room"):
        ForeignTable(str(sound), "parquet")


def test_a_reader_ends_with_the_run(sound):
    table = ForeignTable(str(sound), "parquet")
    process = table._helper._process
    process.stdin.close()
    assert process.wait(timeout=60) == 0


def test_one_process_reads_many_files_and_text_needs_none(tmp_path, monkeypatch):
    end_idle()
    started = []
    new = helper.Helper.__init__
    monkeypatch.setattr(helper.Helper, "__init__", lambda self: (started.append(1), new(self))[1])
    (tmp_path / "data").mkdir()
    runs.write_lines(tmp_path / "data/a.jsonl", samples.rows(20))
    recipe = runs.write_recipe(tmp_path, runs.one_source("data", FORMAT))
    runs.pack(recipe, "report.write=false")
    assert not started
    for number in range(20):
        (tmp_path / f"data/{number}.parquet").write_bytes(parquet())
    octomed.check(octomed.load_recipe(recipe))
    assert len(started) == 1
    assert runs.pack(recipe, "report.write=false", replace=True).rows == 20 * 61
    assert len(started) <= 2
    assert not helper._idle  # its memory is given back for the writing


def test_a_file_that_breaks_leaves_the_reader_to_the_next(tmp_path, sound):
    broken = tmp_path / "b.parquet"
    broken.write_bytes(broken_name())
    with pytest.raises(BrokenFileError):
        ForeignTable(str(broken), "parquet")
    with ForeignTable(str(sound), "parquet") as table:
        assert len(rows_of(table)) == samples.ROWS


def test_columns_come_in_the_order_of_their_file(sound):
    with ForeignTable(str(sound), "parquet") as table:
        names = table.schema.names
        for mapped in ([], ["question"], ["responses", "topic"], names):
            batch = next(table.batches(names, mapped, [0]))
            assert batch.schema.names == names
            assert batch.column("id").to_pylist() == list(range(10))


def lines(data):
    return b"".join(b"%d %d\n" % (number, number * 7919) for number in range(data))


def read_all(path, compression):
    found = b""
    with open_stream(str(path), compression) as stream:
        while chunk := stream.read(2**16):
            found += chunk
    return found


@pytest.mark.parametrize("back", [1, 3, 4, 5, 8])
@pytest.mark.parametrize("member", [0, 1])
def test_checksum_and_length_of_every_gzip_member(tmp_path, back, member):
    members = [bytearray(gzip.compress(lines(900))), bytearray(gzip.compress(lines(300)))]
    path = tmp_path / "a.gz"
    path.write_bytes(b"".join(members))
    assert read_all(path, "gzip") == lines(900) + lines(300)
    members[member][-back] ^= 1
    path.write_bytes(b"".join(members))
    with pytest.raises(OSError, match=r"."):
        read_all(path, "gzip")


def test_the_checksum_of_a_zstd_frame(tmp_path):
    xxhash = pytest.importorskip("xxhash")
    text = lines(500)
    frame = bytearray(pa.compress(text, "zstd", asbytes=True))
    frame[4] |= 4  # the frame has a checksum
    frame += struct.pack("<I", xxhash.xxh64(text).intdigest() & 0xFFFFFFFF)
    path = tmp_path / "a.zst"
    path.write_bytes(frame)
    assert read_all(path, "zstd") == text
    for at in range(6, len(frame), 7):
        changed = bytearray(frame)
        changed[at] ^= 16
        path.write_bytes(changed)
        with pytest.raises(OSError, match=r"."):
            read_all(path, "zstd")


@pytest.mark.parametrize("compression", ["gzip", "zstd", "bz2", "lz4", "brotli", "xz"])
def test_a_file_cut_anywhere_but_between_two_parts(tmp_path, compression):
    path = tmp_path / "a"
    part = compressed(lines(400), compression)
    whole = part if compression == "brotli" else part + part
    for cut in [*range(1, len(whole), 23), len(whole) - 1]:
        path.write_bytes(whole[:cut])
        if cut == len(part):
            continue  # what was behind it, nobody can know: docs/bad-input.md says so
        with pytest.raises((OSError, EOFError)):
            read_all(path, compression)


def test_xz_that_asks_for_two_gibibytes(tmp_path):
    data = bytearray(lzma.compress(lines(10)))
    end = 12 + 4 * (data[12] + 1) - 4  # of the block's header, which ends with its checksum
    data[16] = 38  # its dictionary
    data[end : end + 4] = struct.pack("<I", zlib.crc32(data[12:end]))
    path = tmp_path / "a.xz"
    path.write_bytes(data)
    with pytest.raises(lzma.LZMAError, match="emory"):
        read_all(path, "xz")


def compressed(data, compression):
    if compression == "xz":
        return lzma.compress(data)
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, compression) as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()
