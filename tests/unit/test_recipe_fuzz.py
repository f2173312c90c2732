"""Whatever a recipe is, it is read, or refused with exit code 2 in seconds: never a fault, never a hang."""

from __future__ import annotations

import copy
import json
import os
import random
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from octomed.cli.app import run as command_line
from octomed.errors import RecipeError
from octomed.recipe import load_recipe, recipe_bytes
from octomed.train.recipe import load_train_recipe

from tests.unit import recipes

TRAIN = (Path(__file__).parents[2] / "recipes/quickstart-train.yaml").read_text()
PIECES = [
    "<<: *a",
    "<<",
    "&a ",
    "*a",
    "!!binary ",
    "!!python/object:os.system ",
    "!!set ",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "\t",
    "\r\n",
    "\r",
    "\0",
    "\ufeff",
    "\x85",
    "\u2028",
    "\ud83d",
    "\U0001f600",
    "\x1b",
    "\u202e",
    "{",
    "}",
    "[",
    "]",
    ": ",
    "- ",
    "? ",
    "| ",
    "> ",
    '"',
    "'",
    "#",
    ",",
    "\\ud83d\\ude00",
    "\\ud83d",
    "\\x1b",
    "null",
    "~",
    "true",
    ".inf",
    ".nan",
    "1e400",
    "9" * 5000,
    "-0",
    "0x1f",
    "1_0",
    "2020-01-01",
    "12:30:45",
    "[" * 300,
    "{a: " * 300,
    "- " * 300,
    "a" * 300,
    "é" * 150,
    "$",
    "${",
    "$HOME",
    "~",
    "../" * 40,
    "/" * 300,
    "*" * 50,
    "**/" * 30,
    "s3://",
    "://",
    "{{ x }}",
    "{% for a in b %}",
    "\n",
    "\n\n  ",
    " ",
    "=",
    ".",
    "",
    "name",
    "sources",
    "path",
    "format",
    "0",
    "-1",
]
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**63,
    2**64,
    10**30,
    10**5000,
    -(10**5000),
    0.0,
    -0.0,
    1e308,
    float("inf"),
    float("nan"),
    Fraction(10**500),
    1j,
    b"bytes",
    "",
    " ",
    "a" * 300,
    "é" * 300,
    "漢" * 90,
    "\0",
    "\x1b[31m",
    "\u202e",
    "\n",
    "\ud83d",
    "\udc80",
    "$HOME",
    "$NOPE",
    "${",
    "~",
    "~nobody/x",
    "/",
    ".",
    "..",
    "*",
    "[",
    "**",
    "s3://a",
    "none",
    "zstd:99",
    "9" * 500 + "GiB",
    [],
    {},
    [[]],
    [{}],
    [None],
    {"": 1},
    {"a": {"b": 1}},
    ["a", "a"],
    {1: 2},
    {None: 1},
    {"any_of": []},
    {"any_of": ["a"], "optional": 3},
    Path("data"),
    Path("x" * 300),
    {"<<": 1},
    {"<text>": 1},
    "{{ question",
    "{% if %}",
    "x.jinja",
    "y" * 300 + ".jinja",
    object(),
    len,
]
SECONDS = 10.0


def attempt(read: Any, *arguments: Any, **options: Any) -> str | None:
    """Read a recipe; return what is said of it."""
    begin = time.monotonic()
    said = None
    try:
        read(*arguments, **options)
    except RecipeError as error:
        said = f"{error}\n{error.hint}"
    assert time.monotonic() - begin < SECONDS
    return said


def mutated(text: str, chance: random.Random) -> str:
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text) + 1)
        to = min(len(text), at + chance.choice([0, 0, 1, 3, 12]))
        if chance.random() < 0.2:
            line = chance.choice(text.splitlines() or [""])
            text = f"{text[:at]}\n{line}\n{text[at:]}"
        else:
            text = text[:at] + chance.choice(PIECES) + text[to:]
    return text


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["yaml", "json", "train"])
def test_mutated_texts(tmp_path, seed, kind):
    chance = random.Random(f"{kind} {seed}")
    recipes.make_data(tmp_path)
    whole = {"yaml": recipes.to_yaml(recipes.VALUES), "json": json.dumps(recipes.VALUES), "train": TRAIN}[
        kind
    ]
    path = tmp_path / "recipe.yaml"
    refused = 0
    for _ in range(60):
        path.write_bytes(mutated(whole, chance).encode("utf-8", "surrogatepass"))
        read = load_train_recipe if kind == "train" else load_recipe
        refused += attempt(read, path) is not None
    assert refused > 10


def test_mutated_bytes(tmp_path):
    chance = random.Random(4)
    recipes.make_data(tmp_path)
    path = tmp_path / "recipe.yaml"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-be", "latin-1"):
        whole = recipes.to_yaml(recipes.VALUES).encode(encoding)
        for _ in range(10):
            data = bytearray(whole)
            for _ in range(chance.randint(0, 3)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            path.write_bytes(data[: chance.choice([len(data), chance.randrange(len(data))])])
            attempt(load_recipe, path)


def ways(values: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [way] if way else []
    items = (
        values.items() if isinstance(values, dict) else enumerate(values if isinstance(values, list) else [])
    )
    for key, item in items:
        found += ways(item, (*way, key))
    return found


@pytest.mark.parametrize("option", [False, True])
def test_every_value_at_every_key(tmp_path, option):
    recipes.make_data(tmp_path)
    whole = recipes.values() | {
        "template": "qwen2.5",
        "mix": {},
        "images": {},
        "validation": {},
        "work": {"path": "store", "keep": True},
    }
    whole["sources"][0] |= {
        "rows": "a",
        "split": "train",
        "csv": {"delimiter": ";", "quote": None, "escape": "\\"},
    }
    path = recipes.write(tmp_path, recipes.values())
    chance = random.Random(5)
    for way in ways(whole):
        for value in VALUES:
            if option:
                if isinstance(value, str | float) and chance.random() < 0.2:
                    attempt(load_recipe, path, [f"{'.'.join(map(str, way))}={value}"])
                continue
            bent = copy.deepcopy(whole)
            parent = bent
            for part in way[:-1]:
                parent = parent[part]
            parent[way[-1]] = value
            attempt(load_recipe, bent, folder=tmp_path)


def nested(depth: int) -> list[str]:
    return [
        "[" * depth + "]" * depth,
        "{a: " * depth + "1" + "}" * depth,
        '{"a":' * depth + "1" + "}" * depth,
        "[" * depth,
        "- " * depth + "a",
        "? " * depth + "a",
        "a: &a [*a]",
        "a: &a {x: *a, y: *a}",
        "a: &a {? *a : 1}",
    ]


def test_texts_that_lie_deep_or_multiply(tmp_path):
    path = recipes.write(tmp_path, recipes.values())
    assert "nested too deeply" in (attempt(load_recipe, path, ["a." * 20_000 + "b=1"]) or "")
    bomb = (
        "a0: &a0 ["
        + "x," * 9
        + "]\n"
        + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
    )
    long = f"a: &a {'x' * 100_000}\nb: [{'*a, ' * 20_000}]\n"
    for text in (*nested(33), *nested(20_000), bomb, long):
        path.write_text(f"pack: {text}" if text[:2] != "- " and ":" not in text[:4] else text)
        said = attempt(load_recipe, path)
        assert said is not None
        if text in {bomb, long}:
            assert "too many values" in said
        said = attempt(load_recipe, recipes.write(tmp_path, recipes.values()), [f"pack={text}"])
        assert said is not None
        if len(text) > 30_000 and text[0] in "[{":
            assert "nested too deeply" in said or "too many values" in said


def test_values_that_hold_themselves(tmp_path):
    folded: dict[str, Any] = {}
    folded |= {"a": folded, "b": folded}
    chain: list[Any] = []
    for _ in range(20_000):
        chain = [chain]
    for value in (folded, chain):
        said = attempt(load_recipe, recipes.values() | {"pack": value}, folder=tmp_path)
        assert said
        assert len(said) < 10_000


def test_json_is_read_as_json(tmp_path):
    """A character beyond 16 bits is a pair of escapes in JSON; YAML has one of its own for it."""
    recipes.make_data(tmp_path)
    values = recipes.values() | {"system": "\U0001f600 / \u00e9 \u2028 \x85 \t"}
    values["sources"][0]["format"]["question"] = "\U0001f600"
    for text in (
        json.dumps(values),
        json.dumps(values, indent=2).replace("/", "\\/"),
        json.dumps(values, indent=1),
    ):
        assert "\\ud83d\\ude00" in text
        path = tmp_path / "recipe.json"
        path.write_text(text)
        loaded = load_recipe(path, [r'name="a"', r'prompt="\ud83d\ude00"'])
        assert (loaded.system, loaded.prompt) == (values["system"], "\U0001f600")
        assert loaded.sources[0].mapping["question"] == "\U0001f600"
    for half in ("\\ud83d", "\\ude00", "\\ude00\\ud83d", "\\ud83d \\ude00"):
        path.write_text(json.dumps(values).replace("\\ud83d\\ude00", half, 1))
        assert "a lone surrogate" in (attempt(load_recipe, path) or "")


SAID = {
    "<<: {a: 1}\n": "1:1: the key `<<` is not supported",
    "work: &w {keep: true}\nzz: {<<: *w}\n": "2:6: the key `<<` is not supported",
    '"<<": 1\n': "unknown key `<<`",
    "zz: !!binary aGk=\n": "1:5: the tag `!!binary` is not supported",
    "zz: !!set {a}\n": "1:5: the tag `!!set` is not supported",
    "zz: !!python/object:os.system [ls]\n": "the tag `!!python/object:os.system` is not supported",
    "zz: !mine a\n": "the tag `!mine` is not supported",
    f"zz: {10**50}\n": "1:5: this number is too large",
    f"zz: {'9' * 5000}\n": "1:5: this number is too large",
    f"zz: {'漢' * 10}\n": "unknown key `zz`",
    "zz: 1\n'zz': 2\n": "the key `zz` is given twice",
    "zz: 1\n---\nzz: 2\n": "a recipe is one document",
    "zz: a\0b\n": "the character U+0000 is not allowed in YAML",
}


@pytest.mark.parametrize("text", SAID)
def test_what_is_said_of_it(tmp_path, text):
    path = recipes.write(tmp_path, text + recipes.to_yaml(recipes.VALUES) if "---" not in text else text)
    assert SAID[text] in (attempt(load_recipe, path) or "")


def test_names_longer_than_a_file_system_takes(tmp_path):
    def said(**values: Any) -> str:
        return attempt(load_recipe, recipes.values() | values, folder=tmp_path, check_files=False) or ""

    long = recipes.values()["sources"]
    long[0]["name"] = "漢" * 67
    assert "too long for a name of files" in said(sources=long)
    assert "too long for a name of files" in said(name="漢" * 67)
    assert said(name="漢" * 66) == ""
    assert "a name in this path is too long" in said(output={"path": "a/" + "b" * 256})
    assert "a name in this path is too long" in said(work={"path": "é" * 128})
    assert "this path is too long" in said(output={"path": "ab/" * 1500})
    assert said(model="m" * 300) == ""
    assert "does not exist" in said(template="t" * 300 + ".jinja")


def test_a_file_that_is_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(recipe_bytes, "_SECONDS_FOR_A_WRITER", 0.2)
    pipe, loop = tmp_path / "pipe", tmp_path / "loop"
    os.mkfifo(pipe)
    loop.symlink_to(loop)
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(100 * 2**20)
    for path, words in {
        pipe: "is a pipe to which nothing is written",
        loop: "cannot be read: Too many levels of symbolic links",
        tmp_path: "is a folder",
        large: "too large for a recipe",
        Path("/dev/zero"): "is a device",
        tmp_path / ("n" * 300): "cannot be read: File name too long",
        tmp_path / "a\0b": "cannot be read: embedded null",
        tmp_path / "none": "does not exist",
    }.items():
        assert words in (attempt(load_recipe, path) or ""), path
    assert command_line(["check", str(loop)]) == 2


def test_a_pipe_is_read(tmp_path):
    """As `octomed check <(make recipe)` gives it."""
    recipes.make_data(tmp_path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write() -> None:
        time.sleep(0.2)
        with pipe.open("w") as file:
            for line in recipes.to_yaml(recipes.VALUES).splitlines(keepends=True):
                file.write(line)
                file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    assert attempt(load_recipe, pipe) is None
    writer.join()
