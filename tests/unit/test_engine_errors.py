"""Errors of the engine as Python gets them: class, words, exit code, and the system's error number."""

from __future__ import annotations

import errno
import os
import pickle
import re
import resource
import subprocess
import sys
from pathlib import Path

import octomed
import pyarrow as pa
import pytest
from octomed import _octomed
from octomed.errors import CancelledRun, DamagedBlock, DataError, RecipeError, StorageError
from octomed.pipeline.threads import executor

COLUMNS = [("text", "str")]


def refusal(call, *arguments):
    with pytest.raises(StorageError) as caught:
        call(*arguments)
    return caught.value


def test_a_storage_error_has_the_number_of_the_system_s(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    missing = refusal(_octomed.file_digest, tmp_path / "none")
    assert missing.errno == errno.ENOENT
    assert missing.message == f"`{tmp_path}/none`: No such file or directory (os error 2)"
    assert missing.exit_code == 4
    inside = refusal(_octomed.MdsWriter, tmp_path / "file/inside", COLUMNS, None, [], None, 1)
    assert inside.errno == errno.ENOTDIR
    assert "Not a directory (os error 20)" in inside.message


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    (tmp_path / "file").touch(0)
    assert refusal(_octomed.file_digest, tmp_path / "file").errno == errno.EACCES


def test_a_file_that_grows_too_large(tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    code = (
        "import sys; from octomed import _octomed; from octomed.errors import StorageError\n"
        f"writer = _octomed.MdsWriter(sys.argv[1], {COLUMNS!r}, None, [], None, 1)\n"
        "try:\n    writer.write([bytes(4096)]); writer.finish()\n"
        "except StorageError as error: print(error.errno)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "out")]
    said = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True, check=True)
    assert said.stdout == f"{errno.EFBIG}\n"


def test_a_full_disk(tmp_path):
    from tests.end_to_end.test_bad_input import small_disk

    with small_disk(tmp_path / "disk", "100k") as mounted:
        if not mounted:
            pytest.skip("no disk can be mounted here")
        writer = _octomed.MdsWriter(tmp_path / "disk/out", COLUMNS, None, [], None, 1)
        writer.write([bytes(2**18)])
        error = refusal(writer.finish)
    assert error.errno == errno.ENOSPC
    assert "No space left on device (os error 28)" in error.message


def test_a_link_is_not_followed_and_says_its_number(tmp_path):
    (tmp_path / "0.ids").symlink_to(tmp_path / "theirs")
    error = refusal(scan_into, tmp_path)
    assert error.errno == errno.ELOOP
    assert "there is a link, which is not followed (os error 40)" in error.message
    assert not (tmp_path / "theirs").exists()


def scan_into(folder, cancel=None):
    tokenizer = _octomed.Tokenizer.builtin("qwen2.5")
    specials = tokenizer.special_tokens()
    mapping = _octomed.Mapping({"question": "q", "response": "r"})
    template = _octomed.ChatTemplate("qwen2.5", specials, builtin=True)
    scanner = _octomed.Scanner(mapping, template, _octomed.Prompt(), tokenizer)
    cutter = _octomed.ArrowCutter(mapping)
    batch = pa.RecordBatch.from_pylist([{"q": "a", "r": "b"}])
    (block,) = [*cutter.feed(batch), *cutter.finish()]
    return scanner.scan(block, "s", "f", 0, folder, cancel or _octomed.Cancel())


def test_a_call_that_its_flag_ends(tmp_path):
    assert executor.CancelledRun is CancelledRun
    cancel = _octomed.Cancel()
    cancel.set()
    with pytest.raises(CancelledRun):
        scan_into(tmp_path, cancel)


def test_a_damaged_block_names_its_file(tmp_path):
    scan_into(tmp_path)
    path = tmp_path / "0.index"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DamagedBlock) as caught:
        _octomed.verify_block(path)
    assert (caught.value.path, caught.value.errno) == (path, None)


def test_errors_without_the_system_are_of_their_class(tmp_path):
    with pytest.raises(RecipeError, match="vocabular"):
        _octomed.Tokenizer.builtin("none")
    (tmp_path / "index.json").write_bytes(b"{}")
    with pytest.raises(DataError, match="not an index of MDS shards"):
        _octomed.MdsReader(tmp_path)
    with pytest.raises(IndexError):
        _octomed.MdsReader(made(tmp_path / "out")).locate(7)
    with pytest.raises(FileNotFoundError):
        _octomed.fingerprint(tmp_path / "none")


def made(folder):
    writer = _octomed.MdsWriter(folder, COLUMNS, None, [], None, 1)
    writer.write([b"x"])
    assert writer.finish() == 1
    return folder


def test_a_storage_error_crosses_processes_whole():
    error = pickle.loads(pickle.dumps(StorageError("what", "hint", errno.ENOSPC)))
    assert (error.message, error.hint, error.errno) == ("what", "hint", errno.ENOSPC)


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (StorageError("what", "hint", errno.EIO), {"errno": errno.EIO}),
        (StorageError("what", None, errno.EIO), {"errno": errno.EIO}),
        (DamagedBlock("what", None, "a.ids"), {"path": "a.ids"}),
        (DataError("what"), {}),
    ],
)
def test_another_hint_is_all_that_changes(error, kept):
    before = error.hint
    other = error.with_hint("do this")
    assert (type(other), other.message, other.hint) == (type(error), error.message, "do this")
    assert other.__notes__ == ["hint: do this"]
    assert {name: getattr(other, name) for name in kept} == kept
    assert error.hint == before
    assert "do this" in str(pickle.loads(pickle.dumps(other)).__notes__)


def test_no_error_is_made_again_of_its_message_alone():
    """What else it holds would be lost: `with_hint` keeps it."""
    package = Path(octomed.__file__).parent
    again = re.compile(r"raise type\(\w+\)\(")
    assert not [path for path in package.rglob("*.py") if again.search(path.read_text(encoding="utf-8"))]
