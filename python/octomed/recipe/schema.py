"""The recipe: what goes in, what becomes of it, and where it goes. Every key, its type and its default."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from octomed.commands import in_python, python_call, shell_command
from octomed.names import as_text
from octomed.recipe.document import Document
from octomed.recipe.formats import Format, mapping_of
from octomed.recipe.invalid import invalid
from octomed.recipe.values import (
    Character,
    Compression,
    Dialect,
    HashName,
    Name,
    NotBuilt,
    ShardSize,
    not_built,
)
from octomed.storage import Mode
from octomed.urls import scheme_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from octomed.recipe.problems import Place

VERSION = 1
"""Version of the recipe's language that this package reads."""

_LONGEST_FILE_NAME = 255
_LONGEST_PATH = 3840
"""Linux takes 4,095 bytes, and a run's files lie below its path."""

SMALLEST_CAPACITY, LARGEST_CAPACITY = 16, 2**24


def _local(value: Any) -> Any:  # noqa: ANN401 checked by the field's own type afterwards
    if isinstance(value, str) and (scheme := scheme_of(value)) is not None:
        hint = "write the path alone" if scheme == "file" else "copy the files to a local folder"
        raise invalid(f"paths of `{scheme}://` are not supported yet", hint)
    if isinstance(value, str) and not value:
        raise invalid("a path may not be empty", "write `.` for the recipe's own folder")
    if isinstance(value, str) and "\0" in value:
        raise invalid("a path may not hold a NUL character")
    if isinstance(value, str):
        _refuse_long(value)
    return value


def _refuse_long(path: str) -> None:
    """Refuse what no file system takes; a glob's `[…]` may be longer than what it matches."""
    names = [name for name in path.split("/") if not any(sign in name for sign in "*?[")]
    if max(map(_bytes_of, names), default=0) > _LONGEST_FILE_NAME:
        raise invalid(
            "a name in this path is too long", f"a file's name has at most {_LONGEST_FILE_NAME} bytes"
        )
    if _bytes_of(path) > _LONGEST_PATH:
        raise invalid("this path is too long", f"a path has at most {_LONGEST_PATH:,} bytes")


def _bytes_of(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def _as_list(value: Any) -> Any:  # noqa: ANN401 checked by the field's own type afterwards
    return [value] if isinstance(value, str) else value


def _of_any_bytes(value: Any, check: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 as pydantic has it
    """Pass a path below a folder whose name is not UTF-8: pydantic takes no text with such bytes."""
    return value if isinstance(value, str) and as_text(value) != value else check(value)


LocalPath = Annotated[str, BeforeValidator(_local), WrapValidator(_of_any_bytes)]
_NameOrPath = Annotated[str, Field(min_length=1), WrapValidator(_of_any_bytes)]
Paths = Annotated[
    tuple[LocalPath, ...],
    Field(strict=False, min_length=1),
    BeforeValidator(_as_list, json_schema_input_type=str | list[str]),
]


SplitName = Annotated[str, Field(min_length=1)]
Split = Annotated[
    tuple[SplitName, ...],
    Field(strict=False, min_length=1),
    BeforeValidator(_as_list, json_schema_input_type=str | list[str]),
]


class Part(BaseModel):
    """A piece of a recipe: it cannot be changed, and keys it does not know are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class Csv(Part):
    """How the CSV files of a source are written."""

    delimiter: Character | None = None
    """Character between fields; a comma in `.csv` files and a tab in `.tsv` files if left out."""
    quote: Character | None = '"'
    """Character around a field, two of which are one inside; null if none has a meaning."""
    escape: Character | None = None
    """Character after which any other is text, inside quotes and outside of them; null if none is."""

    @model_validator(mode="after")
    def _different(self) -> Csv:
        delimiters = [self.delimiter] if self.delimiter else [",", "\t"]
        given = [one for one in (*delimiters, self.quote, self.escape) if one is not None]
        if len(set(given)) != len(given):
            raise invalid(
                "delimiter, quote and escape must differ", "the delimiter is a comma or tab if left out"
            )
        return self

    def dialect(self, kind: Literal["csv", "tsv"]) -> Dialect:
        """Return the characters of a file of this kind."""
        return Dialect(self.delimiter or {"csv": ",", "tsv": "\t"}[kind], self.quote, self.escape)


class Source(Part):
    """A named dataset."""

    name: Name
    """Name of the source; part of every trace's identity, so that renaming it scans again."""
    path: Paths
    """File, folder, glob (`*`, `?`, `[…]`, `**`) or a list of these."""
    format: Format
    """Name of a row format, or a mapping of columns."""
    split: Split | None = None
    """Split or splits to read of a folder or glob that holds several; `all` for every file."""
    rows: Annotated[str, Field(min_length=1)] | None = None
    """Keys that lead to the rows of a JSON file that is one object, dots between them: `data`."""
    group: Name | None = None
    """Group that the mix counts the source in; changing it scans nothing."""
    teacher: str | None = None
    """Who wrote the responses; a note for the provenance."""
    on_bad_file: Literal["error", "skip"] = "error"
    """What becomes of a file that cannot be read at all."""
    max_unreadable: Annotated[float, Field(ge=0.0, le=1.0)] = 0.01
    """Share of unreadable rows that is tolerated, and at least one row."""
    csv: Csv | None = None
    """How the source's CSV files are written, where they are not as usual."""

    def dialect(self, kind: Literal["csv", "tsv"]) -> Dialect:
        """Return the characters that divide its files of this kind."""
        return (self.csv or Csv()).dialect(kind)

    @property
    def mapping(self) -> dict[str, Any]:
        """The row mapping as plain values, for Rust."""
        return mapping_of(self.format)


class Duplicates(Part):
    """Which copies are dropped."""

    exact: bool = True
    """Drop a trace that equals an earlier one in all its text."""
    near: NotBuilt = not_built()


class Curate(Part):
    """Which traces stay."""

    duplicates: Duplicates = Duplicates()
    """Which copies are dropped."""
    over_long: Literal["reject", "error"] = "reject"
    """What becomes of a trace longer than the capacity; it is never cut."""
    accept: NotBuilt = not_built()
    length: NotBuilt = not_built()
    repetition: NotBuilt = not_built()
    decontaminate: NotBuilt = not_built()
    traces_per_question: NotBuilt = not_built()
    stratify: NotBuilt = not_built()


class Pack(Part):
    """How traces become packs."""

    capacity: Annotated[int, Field(ge=SMALLEST_CAPACITY, le=LARGEST_CAPACITY)] = 16384
    """Tokens that a pack holds at most."""
    buckets: Annotated[tuple[Annotated[int, Field(ge=1, le=LARGEST_CAPACITY)], ...], Field(strict=False)] = (
        1024,
        4096,
    )
    """Inner upper edges of the length buckets, each a stream of its own; the last edge is the capacity."""
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 17
    """Seed of the order of ranges, and of traces inside one."""

    @model_validator(mode="after")
    def _ascending(self) -> Pack:
        if any(low >= high for low, high in zip(self.buckets, self.buckets[1:], strict=False)):
            raise invalid("the edges must ascend", f"write {sorted(set(self.buckets))}", at=("buckets",))
        return self

    @property
    def edges(self) -> tuple[int, ...]:
        """Upper edges of all buckets, rising; the last is the capacity."""
        return (*(edge for edge in self.buckets if edge < self.capacity), self.capacity)


class Output(Part):
    """Where the shards go, and in what form."""

    path: LocalPath
    """Folder of the run."""
    compression: Compression = "zstd:1"
    """`zstd`, `br`, `gz`, `bz2` (with a level: `zstd:1`), `snappy`, or null for none."""
    hashes: Annotated[tuple[HashName, ...], Field(strict=False)] = ("xxh3_64",)
    """Digests of each shard that `index.json` records."""
    shard_size: ShardSize = 2**27
    """Largest size of a raw shard: bytes, or `128MiB`."""
    mode: Mode = "owner"
    """Who may read what is written: `owner`, `group`, or `umask` for whoever the umask lets."""

    @model_validator(mode="after")
    def _each_once(self) -> Output:
        if len(set(self.hashes)) != len(self.hashes):
            raise invalid("a digest is named twice", "name each once", at=("hashes",))
        return self


class Work(Part):
    """The working store: tokenized blocks and their index, which later runs use again."""

    path: LocalPath = ".octomed"
    """Folder of the store; several recipes may share it."""
    keep: bool = True
    """Keep the store after a run."""
    mode: Mode = "owner"
    """Who may read what is written there: `owner`, `group`, or `umask` for whoever the umask lets."""


class Recipe(Part):
    """A whole recipe, its paths ready to use.

    `load_recipe` makes it: `$VAR` in paths is expanded, and relative paths start at the recipe's folder.
    """

    version: Annotated[int, Field(ge=1)] = VERSION
    """Version of the recipe's language."""
    name: Name
    """Name of the run."""
    model: _NameOrPath
    """Model whose tokenizer and chat template are used: a built-in one, a local folder, or a hub id."""
    template: _NameOrPath | None = None
    """Chat template: a built-in one's name, or a `.jinja` file; the model's own if left out."""
    system: str | None = None
    """System message of every trace whose row has none."""
    prompt: Annotated[str, Field(min_length=1)] | None = None
    """Layout of the user's turn, a minijinja template over `question` and `options`."""
    supervise: Literal["all", "last"] = "all"
    """Which assistant turns are learned."""
    sources: Annotated[tuple[Source, ...], Field(strict=False, min_length=1)]
    """Datasets, in the order that decides which duplicate stays."""
    curate: Curate = Curate()
    """Which traces stay."""
    pack: Pack = Pack()
    """How traces become packs."""
    output: Output
    """Where the shards go."""
    work: Work = Work()
    """Where tokenized blocks are kept between runs."""
    mix: NotBuilt = not_built()
    validation: NotBuilt = not_built()
    images: NotBuilt = not_built()

    _file: Path = PrivateAttr(default=Path("recipe.yaml"))
    _document: Document = PrivateAttr(default_factory=lambda: Document("recipe.yaml"))
    _written: dict[str, Any] = PrivateAttr(default_factory=dict)
    _overrides: tuple[str, ...] = PrivateAttr(default=())
    _from_values: bool = PrivateAttr(default=False)

    @property
    def file(self) -> Path:
        """The recipe's own path; of one that is a dict a path in the working directory where no file is."""
        return self._file

    @property
    def from_values(self) -> bool:
        """Whether it was given as a dict."""
        return self._from_values

    def command(self, verb: str, *options: str, arguments: tuple[str, ...] = ()) -> str:
        """Return what to run next with this recipe, `--set` included; a call where Python is spoken.

        Parameters
        ----------
        verb : str
            `pack`, for instance; there is a function of the name where Python is spoken.
        options : str
            More words of the command line.
        arguments : tuple of str
            The same as arguments of the call: `replace=True`.
        """
        origin = self._document.origin
        if in_python() or self.from_values:
            return python_call(verb, None if self.from_values else origin, self.overrides, *arguments)
        return shell_command(verb, origin, self.overrides, *options)

    @property
    def overrides(self) -> tuple[str, ...]:
        """What `--set` put over the file's values."""
        return self._overrides

    def written_at(self, *way: str | int) -> Place:
        """Return where the value at `way` was written, or the nearest one around it: `file:line:column`."""
        return self._document.place(way)

    def adopt(
        self,
        file: Path,
        document: Document,
        written: dict[str, Any],
        overrides: Sequence[str],
        *,
        from_values: bool = False,
    ) -> None:
        """Remember what this recipe was read from; the loader's last step."""
        self._file, self._document, self._written = file, document, written
        self._overrides, self._from_values = tuple(overrides), from_values

    def canonical(self) -> dict[str, Any]:
        """Return the recipe as plain values, with its defaults, and with paths as they were written."""
        return self._written or self.model_dump(mode="json")

    def notes(self) -> list[str]:
        """Return what the recipe says to no effect."""
        idle = [edge for edge in self.pack.buckets if edge >= self.pack.capacity]
        return [
            f"bucket edge {edge} is not below the capacity {self.pack.capacity}: left out" for edge in idle
        ]


def schema_json() -> dict[str, Any]:
    """Return the JSON Schema of a recipe, keys that are not supported yet marked `x-status`.

    Examples
    --------
    >>> schema_json()["required"]
    ['name', 'model', 'sources', 'output']
    """
    schema = Recipe.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "OctoMed recipe", **schema}
