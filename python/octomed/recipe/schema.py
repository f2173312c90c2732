"""The recipe: what goes in, what becomes of it, and where it goes. Every key, its type and its default."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from octomed.commands import in_python, python_call, shell_command
from octomed.names import without_secrets
from octomed.recipe.curate import (
    Coverage,
    Curate,
    Decontaminate,
    Duplicates,
    EvaluationSet,
    GroupFilters,
    Mix,
    Near,
    PassRateFrom,
    Report,
    Stratify,
    TracesKept,
    Validation,
    check_groups,
    check_sources,
)
from octomed.recipe.document import Document
from octomed.recipe.filters import FILTER_MODELS, Filters
from octomed.recipe.formats import Format, Mapping, Messages, is_left_out, mapping_of, roots_of
from octomed.recipe.images import Images, SourceImages
from octomed.recipe.invalid import invalid
from octomed.recipe.part import Part, Sparse
from octomed.recipe.path_values import (
    STORE,
    LocalPath,
    NameOrPath,
    SourcePaths,
    WrittenPath,
    WrittenPaths,
    as_list,
)
from octomed.recipe.problems import suggest
from octomed.recipe.resolved import check_filters
from octomed.recipe.stores import StoreEntry, check_prefixes, unused_entries
from octomed.recipe.values import (
    Character,
    Compression,
    Dialect,
    HashName,
    Name,
    ShardSize,
    StoreSize,
)
from octomed.schemes import scheme_of
from octomed.storage import Mode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

    from octomed.recipe.problems import Place

VERSION = 1
"""Version of the recipe's language that this package reads."""

SMALLEST_CAPACITY, LARGEST_CAPACITY = 16, 2**24


SplitName = Annotated[str, Field(min_length=1)]
Split = Annotated[
    tuple[SplitName, ...],
    Field(strict=False, min_length=1),
    BeforeValidator(as_list, json_schema_input_type=str | list[str]),
]


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


class Source(Sparse):
    """A named dataset."""

    only_written: ClassVar[frozenset[str]] = frozenset({"curate", "license", "citation"})

    name: Name
    """Name of the source; part of every trace's identity, so that renaming it scans again."""
    path: SourcePaths
    """File, folder, glob (`*`, `?`, `[…]`, `**`), an address of these in a store, or a list of them."""
    format: Format | None = None
    """Name of a row format, or a mapping of columns; found by the columns of its files if left out."""
    split: Split | None = None
    """Split or splits to read of a folder or glob that holds several; `all` for every file."""
    rows: Annotated[str, Field(min_length=1)] | None = None
    """Keys that lead to the rows of a JSON file that is one object, dots between them: `data`."""
    group: Name | None = None
    """Group that the mix counts the source in; changing it scans nothing."""
    teacher: str | None = None
    """Who wrote the responses; a note for the provenance."""
    license: Annotated[str, Field(min_length=1)] | None = None
    """Licence of its rows, `cc-by-4.0` as the Hub calls it or in words; a note for the dataset card."""
    citation: Annotated[str, Field(min_length=1)] | None = None
    """How its authors want to be cited, BibTeX or words; a note for the dataset card."""
    on_bad_file: Literal["error", "skip"] = "error"
    """What becomes of a file that cannot be read at all."""
    max_unreadable: Annotated[float, Field(ge=0.0, le=1.0)] = 0.01
    """Share of unreadable rows that is tolerated, and at least one row."""
    csv: Csv | None = None
    """How the source's CSV files are written, where they are not as usual."""
    images: SourceImages | None = None
    """What the source has otherwise than the recipe's `images`."""
    curate: Filters | None = None
    """Which of its responses pass, otherwise than `curate` and its group say."""

    def dialect(self, kind: Literal["csv", "tsv"]) -> Dialect:
        """Return the characters that divide its files of this kind."""
        return (self.csv or Csv()).dialect(kind)

    @property
    def mapping(self) -> dict[str, Any]:
        """The row mapping as plain values, for Rust; of a source without a format, an empty one."""
        return {} if self.format is None or is_left_out(self.format) else mapping_of(self.format)

    @property
    def image_roots(self) -> tuple[str, ...]:
        """Folders and archives in which its rows' paths of images are looked up, in this order."""
        return () if self.format is None else roots_of(self.format)


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
    traces_per_image: Annotated[int, Field(ge=1, le=16)] = 1
    """Traces of one image that share a pack, and one copy of the image, at most; 1 groups none."""
    max_patches: Annotated[int, Field(ge=4, le=LARGEST_CAPACITY)] | None = None
    """Patches of all distinct images of a pack at most, which bounds a step's memory in the vision tower."""

    @model_validator(mode="after")
    def _ascending(self) -> Pack:
        if any(low >= high for low, high in zip(self.buckets, self.buckets[1:], strict=False)):
            raise invalid("the edges must ascend", f"write {sorted(set(self.buckets))}", at=("buckets",))
        return self

    @property
    def edges(self) -> tuple[int, ...]:
        """Upper edges of all buckets, rising; the last is the capacity."""
        return (*(edge for edge in self.buckets if edge < self.capacity), self.capacity)


class Output(Sparse):
    """Where the shards go, and in what form."""

    only_written: ClassVar[frozenset[str]] = frozenset({"copies"})

    path: WrittenPath
    """Folder of the run, or its address in a store."""
    copies: WrittenPaths | None = None
    """Folders and addresses that the finished files of the run are written to as well."""
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


class Work(Sparse):
    """The working store: tokenized blocks and their index, which later runs use again."""

    only_written: ClassVar[frozenset[str]] = frozenset({"scratch", "max_size"})

    path: WrittenPath = STORE
    """Folder of the store, or its address; several recipes may share it."""
    scratch: LocalPath | None = None
    """Local folder for what waits for stores or came from them; `path` if that is local, else a cache."""
    max_size: StoreSize | None = None
    """Largest size of the store, bytes or `50GB`: the least recently used goes first, none of this run."""
    keep: bool = True
    """Keep the store after a run."""
    mode: Mode = "owner"
    """Who may read what is written there: `owner`, `group`, or `umask` for whoever the umask lets."""


class Recipe(Sparse):
    """A whole recipe, its paths ready to use.

    `load_recipe` makes it: `$VAR` in paths is expanded, and relative paths start at the recipe's folder.
    """

    only_written: ClassVar[frozenset[str]] = frozenset({"mix", "validation", "target", "report", "stores"})

    version: Annotated[int, Field(ge=1)] = VERSION
    """Version of the recipe's language."""
    name: Name
    """Name of the run."""
    model: NameOrPath
    """Model whose tokenizer and chat template are used: a built-in one, a local folder, or a hub id."""
    template: NameOrPath | None = None
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
    images: Images = Images()
    """How images are found, checked, resized and stored."""
    mix: Mix | None = None
    """How often each group is trained on: epochs, or `epochs` and `max_examples`; once if left out."""
    validation: Validation | None = None
    """What is kept out of training, as the stream `validation`; nothing if left out."""
    target: Literal["trace", "answer"] | None = None
    """What is learned: each accepted response, or of the same questions one right answer each."""
    report: Report | None = None
    """Whether `report.html` and the dataset card are written, and what they show."""
    stores: Annotated[tuple[StoreEntry, ...], Field(strict=False)] | None = None
    """How the stores of its addresses are reached; as the environment says if left out."""

    @model_validator(mode="after")
    def _each_store_once(self) -> Recipe:
        check_prefixes(self.stores)
        return self

    @model_validator(mode="after")
    def _groups_of_sources(self) -> Recipe:
        known = {source.group for source in self.sources}
        for group in self.curate.groups or {}:
            if group not in known:
                hint = suggest(group, sorted(filter(None, known)), kind="groups") if any(known) else None
                raise invalid(
                    f"no source is in group `{group}`",
                    hint or "write `group: …` in a source",
                    at=("curate", "groups", group),
                )
        return self

    _file: Path = PrivateAttr(default=Path("recipe.yaml"))
    _document: Document = PrivateAttr(default_factory=lambda: Document("recipe.yaml"))
    _written: dict[str, Any] = PrivateAttr(default_factory=dict)
    _overrides: tuple[str, ...] = PrivateAttr(default=())
    _from_values: bool = PrivateAttr(default=False)

    @model_validator(mode="after")
    def _known_groups(self) -> Recipe:
        check_groups(self.mix, [source.group for source in self.sources])
        check_sources(self.curate.stratify, [source.name for source in self.sources])
        check_filters(self.curate, self.sources)
        if self.target == "answer" and self.curate.duplicates.near is not None:
            message = "near duplicates are of responses, and `target: answer` learns none"
            raise invalid(message, "leave `near` out", at=("curate", "duplicates", "near"))
        return self

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
        self._overrides, self._from_values = tuple(map(without_secrets, overrides)), from_values

    def canonical(self) -> dict[str, Any]:
        """Return the recipe as plain values, with its defaults, and with paths as they were written."""
        return self._written or self.model_dump(mode="json")

    def notes(self) -> list[str]:
        """Return what the recipe says to no effect."""
        idle = [edge for edge in self.pack.buckets if edge >= self.pack.capacity]
        notes = [
            f"bucket edge {edge} is not below the capacity {self.pack.capacity}: left out" for edge in idle
        ]
        notes += unused_entries(self.stores, self.addresses)
        if self.work.scratch is not None and not self.addresses:
            notes.append("`work.scratch` is of stores, and the recipe names no address: not used")
        if self.work.max_size is not None and not self.work.keep:
            notes.append("`work.max_size` is of blocks that are kept, and `work.keep` keeps none: not used")
        if "codec" in self.images.model_fields_set and not any(map(self.resizes, self.sources)):
            notes.append("`images.codec` is of resized images, and `images.store` resizes none: not used")
        return notes

    @property
    def addresses(self) -> list[str]:
        """Addresses of stores that it reads from and writes to, in the order of its keys."""
        read = [path for source in self.sources for path in source.path] + self.curate.paths
        written = [self.output.path, *(self.output.copies or ()), self.work.path]
        return [path for path in (*read, *written) if scheme_of(path) is not None]

    def resizes(self, source: Source) -> bool:
        """Tell whether a source's images are stored resized."""
        own = source.images.store if source.images is not None else None
        return (own or self.images.store) == "resized"

    def with_formats(self, formats: dict[int, str]) -> Recipe:
        """Return the recipe with the row formats of these sources, by index, as if they were written.

        Parameters
        ----------
        formats : dict of int to str
            Names of built-in row formats.
        """
        sources = list(self.sources)
        written = self.canonical()
        listed = [dict(one) for one in written["sources"]]
        for index, name in formats.items():
            own = sources[index].format
            with_root = own.model_copy(update={"preset": name}) if isinstance(own, Mapping) else None
            sources[index] = sources[index].model_copy(update={"format": with_root or name})
            listed[index]["format"] = {**listed[index]["format"], "preset": name} if with_root else name
        found = self.model_copy(update={"sources": tuple(sources)})
        found.adopt(
            self._file,
            self._document,
            {**written, "sources": listed},
            self._overrides,
            from_values=self._from_values,
        )
        return found


MODELS: dict[tuple[str, ...], type[BaseModel]] = {
    (): Recipe,
    ("sources",): Source,
    ("sources", "csv"): Csv,
    ("sources", "images"): SourceImages,
    ("sources", "format"): Mapping,
    ("sources", "format", "messages"): Messages,
    ("curate",): Curate,
    ("curate", "duplicates"): Duplicates,
    **{
        (*home, *way): model
        for home in (("curate",), ("curate", "groups", "*"), ("sources", "curate"))
        for way, model in FILTER_MODELS.items()
    },
    ("curate", "groups", "*"): GroupFilters,
    ("curate", "decontaminate"): Decontaminate,
    ("curate", "decontaminate", "against"): EvaluationSet,
    ("curate", "decontaminate", "rule"): Coverage,
    ("curate", "pass_rate"): PassRateFrom,
    ("curate", "traces_per_question"): TracesKept,
    ("curate", "stratify"): Stratify,
    ("curate", "duplicates", "near"): Near,
    ("sources", "curate"): Filters,
    ("validation",): Validation,
    ("report",): Report,
    ("stores",): StoreEntry,
    ("pack",): Pack,
    ("output",): Output,
    ("work",): Work,
    ("images",): Images,
}
"""The typed models of a recipe's mappings, by the names that lead to them."""


def schema_json() -> dict[str, Any]:
    """Return the JSON Schema of a recipe.

    Examples
    --------
    >>> schema_json()["required"]
    ['name', 'model', 'sources', 'output']
    """
    schema = Recipe.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "OctoMed recipe", **schema}
