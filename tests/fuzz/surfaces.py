"""What is damaged, and which command reads it then."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from octomed.cli.app import run as command_line

from bench.reliability import small

if TYPE_CHECKING:
    from tests.fuzz.mutation import Mutator

ROWS = 20
TOP = Path(__file__).parents[2]
TIME = 1_700_000_000
"""Of every input, so that a store's keys, and the names of its files with them, are those of every run."""


@dataclass(frozen=True)
class Surface:
    """A kind of file.

    Attributes
    ----------
    kind
        How it is damaged: the name of a method of `Mutator`.
    files
        Patterns of the files, of which a case damages one.
    commands
        Of which a case runs one; ``{recipe}`` and ``{out}`` are filled in.
    only
        Sources of the recipe; all where it is empty.
    packed
        Whether the case begins from a finished run.
    """

    kind: str
    files: tuple[str, ...]
    commands: tuple[str, ...]
    only: tuple[str, ...] = ()
    packed: bool = False


_READ = ("check {recipe}", "pack {recipe}", "pack {recipe}{skip}", "plan {recipe}")
_RUN = (
    "pack {recipe}",
    "pack {recipe}",
    "pack {recipe} --replace",
    "pack {recipe} --replace --set pack.seed=4",
    "verify {out}",
    "inspect {out}",
    "rejects {out}",
    "plan {recipe}",
    "clean {recipe}",
    "clean {recipe} --all",
)
_COMPRESSED = ("gzip", "zstd", "bzip2", "xz", "lz4", "brotli")

SURFACES = {
    "parquet": Surface("bytes", ("data/table.parquet",), _READ, ("parquet",)),
    "arrow": Surface("bytes", ("data/*.arrow",), _READ, ("feather", "stream")),
    "compressed": Surface("bytes", ("data/lines.jsonl.*",), _READ, _COMPRESSED),
    "json": Surface("text", ("data/*.json", "data/lines.jsonl"), _READ, ("lines", "array", "object")),
    "tables": Surface("text", ("data/table.csv",), _READ, ("csv",)),
    "tokenizer": Surface("json", ("model/tokenizer.json",), _READ[:2], ("lines",)),
    "state": Surface(
        "json",
        ("out/.octomed-run.json", "out/octomed.json", "store/**/*.json"),
        _RUN,
        ("lines", "csv"),
        packed=True,
    ),
    "index": Surface("json", ("out/*/index.json",), _RUN, ("lines", "csv"), packed=True),
    "run": Surface(
        "bytes",
        ("out/*/shard*", "out/*/*.parquet", "store/blocks/*/*.i*"),
        _RUN,
        ("lines", "csv"),
        packed=True,
    ),
    "recipe": Surface("json", ("recipe.yaml",), _READ[::3], ("lines",)),
    "yaml": Surface("text", ("recipe.yaml",), _READ[::3], ("lines",)),
    "train": Surface("text", ("train.yaml",), ("train {train}",), ("lines",)),
}

_YAML = """# As people write them.
version: 1
name: small
model: model
template: "{%for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' }}{% endfor %}"
sources: &all
  - {name: lines, path: "data/lines.jsonl", format: {question: q, response: r}, group: text}
  - name: more
    path: [data/lin*.jsonl]
    format: &format
      question: q
      reasoning: {any_of: [t, u], optional: true}
      response: "{{ r }}!"
curate: {duplicates: {exact: true}, over_long: reject}
pack: {capacity: 1024, buckets: [256, 512], seed: 3}
output: {path: out, compression: "zstd:1", hashes: [xxh3_64], shard_size: 1MiB}
work: {path: ./store, keep: true}
"""


def write_base(surface: str, folder: Path) -> None:
    """Write what the cases of a surface begin from."""
    wanted = SURFACES[surface]
    recipe = small.write_all(folder, count=ROWS, only=wanted.only)
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (TIME, TIME))
    if surface == "yaml":
        recipe.write_text(_YAML, encoding="utf-8")
    shutil.copyfile(TOP / "recipes/quickstart-train.yaml", folder / "train.yaml")
    if wanted.packed:
        assert command_line(["pack", str(recipe)]) == 0


def outside(folder: Path) -> dict[str, bytes]:
    """What no command may change: what lies beside a case, and what it reads."""
    found = {}
    for path in sorted([*(folder.parent / "outside").rglob("*"), *(folder / "data").rglob("*")]):
        if path.is_file():
            found[str(path.relative_to(folder.parent))] = path.read_bytes()
    return found


def damage(surface: str, folder: Path, mutator: Mutator) -> tuple[Path, list[str]]:
    """Damage one file of a case; returns it, and the words of the command to run."""
    wanted = SURFACES[surface]
    files = sorted(path for pattern in wanted.files for path in folder.glob(pattern) if path.is_file())
    path = mutator.draw.choice(files)
    path.write_bytes(getattr(mutator, wanted.kind)(path.read_bytes()))
    return path, words(surface, mutator.draw.choice(wanted.commands), folder)


def corpus(names: list[str]) -> list[Path]:
    """Cases that were found once: the `command` of a folder each, which has the damaged file too."""
    folder = Path(__file__).parent / "corpus"
    return sorted(path for name in names for path in (folder / name).glob("*/command"))


def known(surface: str, folder: Path, command: Path) -> tuple[str, list[str]]:
    """Put a case of the corpus over a copy of the base."""
    files = [path for path in command.parent.rglob("*") if path.is_file() and path != command]
    for path in files:
        shutil.copyfile(path, folder / path.relative_to(command.parent))
    return command.parent.name, words(surface, command.read_text(encoding="utf-8").strip(), folder)


def words(surface: str, command: str, folder: Path) -> list[str]:
    """The words of a command over a case's folder."""
    skip = "".join(f" --set sources.{name}.on_bad_file=skip" for name in SURFACES[surface].only)
    places = {"recipe": folder / "recipe.yaml", "out": folder / "out", "train": folder / "train.yaml"}
    return command.format(skip=skip, **places).split(" ")


def execute(arguments: list[str]) -> int:
    """Run a command in this process; returns its exit code."""
    if arguments[0] != "train":
        return command_line(arguments)
    from octomed.errors import OctomedError
    from octomed.train.recipe import load_train_recipe

    try:
        load_train_recipe(arguments[1])
    except OctomedError as error:
        return error.exit_code
    return 0
