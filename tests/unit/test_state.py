"""State files: a record, or not there, or damaged; never an exception of another kind."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

import pytest
from octomed.errors import RecipeError, StorageError
from octomed.state import Damaged, NotThere, StateFile, is_as_written
from octomed.strict_json import MOST_VALUES, parse, plain

CASES = int(os.environ.get("OCTOMED_CASES", "300"))


@dataclass(frozen=True)
class Inner:
    number: int
    name: str | None = None


@dataclass(frozen=True)
class Outer:
    inner: Inner
    many: tuple[Inner, ...] = ()
    by_name: dict[str, float] = field(default_factory=dict)
    anything: Any = None
    yes: bool = False


KINDS = [StateFile(Outer, "do this"), StateFile(Outer, "do this", part="inner")]
OUTER = Outer(
    Inner(2**64 - 1, "心 \udc80 \x1b"),
    (Inner(1), Inner(2, "")),
    {"a": 0.25, "b": 1e-05, "c": 3.0},
    {"seed": [None, -1, "x"]},
    yes=True,
)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read(tmp_path, kind):
    path = tmp_path / "state.json"
    assert kind.load(path) == NotThere(str(path))
    assert kind.load(path / "x") == NotThere(str(path / "x"))
    kind.write(path, OUTER)
    assert kind.load(path) == OUTER
    assert is_as_written(path.read_bytes())
    assert isinstance(kind.load(tmp_path), Damaged)


@pytest.mark.parametrize("kind", KINDS)
def test_every_flipped_bit_is_seen(tmp_path, kind):
    """A newer format is refused, which says no less; a number's `e` that becomes `E` is no other value."""
    path = tmp_path / "state.json"
    kind.write(path, OUTER)
    data = path.read_bytes()
    for at in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[at] ^= 1 << bit
            try:
                found = kind.read(bytes(flipped), "file")
            except RecipeError:
                continue
            assert isinstance(found, Damaged) or (found == OUTER and not is_as_written(bytes(flipped)))


WRONG = {
    "nothing": b"",
    "no JSON": b"{",
    "two values": b"{}{}",
    "a list": b"[1]",
    "a text": b'"x"',
    "not UTF-8": b'{"inner": {"number": 1, "name": "\xff"}}',
    "UTF-16": '{"inner": {"number": 1}}'.encode("utf-16"),
    "a BOM": b'\xef\xbb\xbf{"inner": {"number": 1}}',
    "NUL bytes": b"\0" * 100,
    "a key twice": b'{"inner": {"number": 1, "number": 2}}',
    "missing": b"{}",
    "null": b'{"inner": null}',
    "a text for a number": b'{"inner": {"number": "1"}}',
    "a boolean for a number": b'{"inner": {"number": true}}',
    "a float for a number": b'{"inner": {"number": 1.0}}',
    "a negative number": b'{"inner": {"number": -1}}',
    "a huge number": b'{"inner": {"number": 18446744073709551616}}',
    "too many digits": b'{"inner": {"number": ' + b"9" * 10_000 + b"}}",
    "a number for a text": b'{"inner": {"number": 1, "name": 1}}',
    "a number for a boolean": b'{"inner": {"number": 1}, "yes": 1}',
    "NaN": b'{"inner": {"number": 1}, "by_name": {"a": NaN}}',
    "NaN anywhere": b'{"inner": {"number": 1}, "anything": NaN}',
    "Infinity": b'{"inner": {"number": 1}, "by_name": {"a": 1e999}}',
    "a list for an object": b'{"inner": {"number": 1}, "by_name": []}',
    "an object for a list": b'{"inner": {"number": 1}, "many": {}}',
    "a wrong one of many": b'{"inner": {"number": 1}, "many": [{"number": 1}, 3]}',
    "deep": b'{"inner": {"number": 1}, "anything": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "many values": b'{"inner": {"number": 1}, "anything": [' + b"[]," * MOST_VALUES + b"[]]}",
    "no format": b'{"inner": {"number": 1}, "format": "1"}',
    "format 0": b'{"inner": {"number": 1}, "format": 0}',
    "no digest": b'{"inner": {"number": 1}, "format": 2}',
    "another digest": b'{"inner": {"number": 1}, "digest": "00"}',
    "a digest of another type": b'{"inner": {"number": 1}, "format": 2, "digest": [1]}',
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_damaged_says_so(tmp_path, case):
    path = tmp_path / "state.json"
    path.write_bytes(WRONG[case])
    found = KINDS[0].load(path)
    assert isinstance(found, Damaged)
    assert found.what
    error = found.error()
    assert isinstance(error, StorageError)
    assert f"`{path}` is damaged: " in error.message
    assert error.hint == "do this"


def test_a_file_of_100_mb_is_refused_before_it_is_parsed(tmp_path):
    path = tmp_path / "state.json"
    path.write_bytes(b'{"inner": ' + b"[]," * (35 * 2**20))
    assert "too large" in KINDS[0].load(path).what


def test_a_newer_format_is_refused_by_name(tmp_path):
    path = tmp_path / "state.json"
    path.write_text('{"format": 3}')
    with pytest.raises(RecipeError, match=r"state\.json` has format 3, and this version of octomed reads 2"):
        KINDS[0].load(path)


def test_keys_that_a_later_version_adds_are_passed_over():
    assert KINDS[0].read(b'{"inner": {"number": 1, "new": []}, "other": 2}', "file") == Outer(Inner(1))


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_json_is_read_or_damaged(kind):
    draw = random.Random(5)
    data = json.dumps(kind.signed(plain(OUTER))).encode()
    for _ in range(CASES):
        changed = bytearray(data)
        for _ in range(draw.randint(1, 4)):
            at = draw.randrange(len(changed))
            changed[at : at + draw.choice([0, 1, 1, 9])] = draw.choice(
                [
                    b"",
                    b"{",
                    b"[",
                    b'"',
                    b"\\u",
                    b"\xff",
                    b"-1",
                    b"1e999",
                    b"null",
                    bytes([draw.randrange(256)]),
                ]
            )
        try:
            found = kind.read(bytes(changed), "file")
        except RecipeError:
            continue
        assert isinstance(found, Damaged) or found == OUTER


def test_a_header_has_the_fields_of_the_engine_s(tmp_path):
    """A field that the engine adds is one that Python has to know: none is lost between task and counts."""
    from tests.end_to_end import runs

    runs.make_inputs(tmp_path, rows=5)
    runs.pack(runs.write_recipe(tmp_path, runs.values()))
    from octomed import _octomed

    path = next(tmp_path.glob("store/blocks/*/0.index"))
    (header,) = _octomed.read_parts(str(path.with_suffix("")))
    written = re.search(rb'{"version".*?}', path.read_bytes())[0]
    known, there = plain(header), json.loads(written)
    assert there.items() <= known.items()
    # What only curation writes is left out where there is nothing of it.
    assert not any(known[name] for name in known.keys() - there.keys())


def test_numbers_are_read_back_as_they_were():
    for number in (0.1, 1e-05, 1e16, 123456789.123, 5e-324):
        assert parse(json.dumps({"a": number}).encode()) == {"a": number}


def test_reading_state_loads_no_library():
    heavy = {"pydantic", "numpy", "pyarrow", "torch"}
    program = f"import sys, octomed.run_file; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
