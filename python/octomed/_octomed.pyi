"""
The compiled half of `octomed`; users import the Python classes that wrap it.

Written by `make stubs`; not by hand.
"""

import collections.abc
import numpy
import numpy.typing
import pyarrow
import typing

from collections.abc import Sequence
from numpy import uint8
from numpy.typing import NDArray
from octomed.mds_index import ShardInfo
from octomed.run_file import Counts, SourceCounts, StreamEntry
from octomed.store_files import BlockHeader
from os import PathLike
from pathlib import Path
from pyarrow import Array, RecordBatch
from typing import Final, final

COLUMNS: Final[list[tuple[str, str]]]
"""
Names and encodings of the columns of a pack.
"""

FILTER_COLUMNS: Final[list[str]]
"""
Columns that filters of the user's own may ask for.
"""

INDEX_ROW_BYTES: Final[int]
"""
Bytes that a trace takes in the index of a block.
"""

REASONS: Final[dict[str, bool]]
"""
The reasons why a row has no trace, and whether each makes it unreadable.
"""

SCAN_VERSION: Final[int]
"""
Part of every key of a block.
"""

VERDICTS: Final[list[str]]
"""
The names of what may become of a trace.
"""

WRITE_VERSION: Final[int]
"""
Part of every key of what is written.
"""

__version__: Final[str]
"""
The version of the package.
"""

@final
class ArrowCutter:
    """
    Cuts record batches of Parquet row groups.
    """
    def __new__(cls, /, mapping: Mapping, first_row: int = 0, target: int = ...) -> ArrowCutter:
        """
        A cutter for a task whose first row has number `first_row` in its file.
        """
    def feed(self, /, batch: RecordBatch) -> list[Block]:
        """
        Take the next `pyarrow.RecordBatch`; returns the blocks that it completes.
        """
    def finish(self, /) -> list[Block]:
        """
        End the task; returns the last block, if there is one.
        """
    @property
    def rows(self, /) -> int:
        """
        Rows of the task so far, refused ones counted.
        """

@final
class Block:
    """
    Consecutive rows of a task, as they were read.
    """
    @property
    def end_position(self, /) -> int:
        """
        Position just after the last row: a byte offset in plain JSON Lines, else a row number.
        """
    @property
    def first_ordinal(self, /) -> int:
        """
        Number of the first row from the start of the task.
        """
    def give(self, /, columns: Sequence[tuple[str, str | None]]) -> None:
        """
        Give all rows columns that are not in their file, once: their folders' `key=value`, null where it is `None`.
        """
    @property
    def memory(self, /) -> int:
        """
        The most memory that it takes with all that a scan makes of it.
        """
    @property
    def rows(self, /) -> int:
        """
        Rows, unreadable ones included, blank lines not.
        """
    @property
    def source_bytes(self, /) -> int:
        """
        Bytes that the rows take in their source.
        """

@final
class Cancel:
    """
    A flag that ends running calls early.
    """
    def __new__(cls, /) -> Cancel:
        """
        A flag that is not set.
        """
    def is_set(self, /) -> bool:
        """
        Whether it was set.
        """
    def set(self, /) -> None:
        """
        Ends calls that were given this flag, soon.
        """

@final
class ChatTemplate:
    """
    A chat template, compiled once.

    `template` is the name of a built-in (`builtin=True`) or a Jinja source; `controls` are the
    tokenizer's special tokens with their ids; `variables` are what a source may name beside the
    messages, such as `bos_token`.
    """
    def __new__(
        cls,
        /,
        template: str,
        controls: Sequence[tuple[str, int]],
        variables: dict[str, str] | None = None,
        *,
        builtin: bool = False,
    ) -> ChatTemplate: ...
    @property
    def content_hash(self, /) -> str:
        """
        128-bit hash of all that decides what the template writes, in hexadecimal.
        """
    def encode(
        self,
        /,
        tokenizer: Tokenizer,
        messages: Sequence[tuple[str, str]],
        supervise: str = "all",
        images: Sequence[Sequence[tuple[int, int]]] | None = None,
    ) -> tuple[list[int], list[tuple[int, int]]]:
        """
        The ids of a conversation under a tokenizer, and the half-open ranges of those that carry loss.
        """
    def probe(self, /) -> None:
        """
        Raises `RecipeError` when the template can never work for training.
        """
    def render(
        self,
        /,
        messages: Sequence[tuple[str, str]],
        supervise: str = "all",
        images: Sequence[Sequence[tuple[int, int]]] | None = None,
    ) -> tuple[str, list[tuple[int, int, int]], list[tuple[int, int]]]:
        """
        The whole string, its control tokens and its supervised spans; offsets count UTF-8 bytes.

        `messages` are pairs of role and content; `supervise` is `"all"` or `"last"`; `images` has for each message its
        images, as pairs of the byte of the content before which one stands and of its tokens.
        """
    def takes_images(self, /, role: str) -> bool:
        """
        Whether images are written in turns of this role.
        """

@final
class CsvCutter:
    """
    Cuts a CSV file.
    """
    def __new__(cls, /, mapping: Mapping, dialect: CsvDialect, target: int = ...) -> CsvCutter:
        """
        A cutter for a whole file.
        """
    def feed(self, /, chunk: bytes | bytearray) -> None:
        """
        Take the next bytes of the file.
        """
    def finish(self, /) -> None:
        """
        Say that no bytes follow.
        """
    def next_block(self, /) -> Block | None:
        """
        Return the next block that the bytes so far complete, or `None`; it is to be asked for until then.

        Raises `DataError` when the header is not what the mapping needs.
        """
    @property
    def rows(self, /) -> int:
        """
        Rows of the file so far, refused ones counted and blank lines not.
        """

@final
class CsvDialect:
    """
    What separates the fields of a CSV file, what may surround one, and what takes a character's meaning away.
    """
    def __new__(cls, /, delimiter: str, quote: str | None, escape: str | None) -> CsvDialect:
        """
        Characters of ASCII, all different and none of them a line end.
        """
    def check_columns(self, /, mapping: Mapping, names: Sequence[str]) -> None:
        """
        Check that a file with columns `names` has what a mapping needs.

        Raises `DataError` when a mapped column is missing or there twice.
        """
    def names(self, /, head: bytes | bytearray, *, is_last: bool) -> list[str] | None:
        """
        The names in the header of a file that begins with the bytes `head`; `None` where it does not end in them.

        Raises `DataError` when the header cannot be read. There are no names where `is_last` says that no
        bytes follow, and all lines are blank.
        """

@final
class EvaluationQuestions:
    """
    What was read of a block of an evaluation set.
    """
    @property
    def questions(self, /) -> int:
        """
        How many questions it has.
        """

@final
class EvaluationReader:
    """
    Reads the questions and pictures of an evaluation set.
    """
    def __new__(
        cls,
        /,
        mapping: Mapping,
        images: dict[str, typing.Any],
        look: str,
        masks: collections.abc.Sequence[collections.abc.Sequence[str]],
        kept: KeptPictures,
    ) -> EvaluationReader:
        """
        A reader by a mapping of questions only; `look` says what is found out about pictures: `if_there`, `bytes`, `pixels` or
        `near`; `masks` which kinds of identifying data sources mask, one list for each way in which one does; pictures that
        `kept` knows are not decoded.
        """
    def read(
        self, /, block: Block, file: int, first_row: int, place: str, cancel: Cancel
    ) -> EvaluationQuestions:
        """
        What a block of the set's file with this number has; its task begins with row `first_row`, `place` is the file in
        words.

        Raises `DataError` when a row, or a picture that is compared, cannot be read, `CancelledRun` once `cancel` is set.
        """

@final
class EvaluationSets:
    """
    Evaluation sets that were read whole.
    """
    def __new__(
        cls,
        /,
        sets: Sequence[tuple[str, Sequence[str], Sequence[EvaluationQuestions]]],
        images: dict[str, typing.Any],
        masks: collections.abc.Sequence[collections.abc.Sequence[str]],
    ) -> EvaluationSets:
        """
        Puts sets together: of each the name, the paths of its files as reports have them, and what was read of its blocks,
        in order. `images` are the settings of the recipe's images, `masks` those that the readers had.
        """
    @property
    def questions(self, /) -> list[int]:
        """
        Questions of each set.
        """

@final
class Filtered:
    """
    What filters leave out of a block.
    """
    def __len__(self, /) -> int:
        """
        How many traces.
        """

@final
class ImageCost:
    """
    What the images of a selection cost.
    """
    @property
    def image_bytes(self, /) -> int:
        """
        Bytes of these, which are read out of the working store.
        """
    @property
    def images(self, /) -> int:
        """
        Distinct images of each range, summed.
        """
    @property
    def packed(self, /) -> list[PackedImages]:
        """
        What is written, for each choice of how many traces of an image share a pack.
        """
    @property
    def ranges(self, /) -> int:
        """
        Ranges.
        """
    @property
    def runs(self, /) -> int:
        """
        Reads that bring them.
        """

@final
class ImageDecoding:
    """
    Decodes the images of a run, each distinct one once; threads share it.
    """
    def __new__(cls, /, vision: str) -> ImageDecoding:
        """
        Decodes by the record `vision` of the run, as JSON.
        """
    def shard(self, /, folder: str | PathLike[str], shard: int) -> tuple[int, list[tuple[int, str]]]:
        """
        Decodes the images of a shard that were not decoded before, and compares their sizes with their grids: how many
        they are, and row of the shard and what is wrong of each that fails.
        """

@final
class JsonArrayCutter:
    """
    Cuts a file that is one JSON array.
    """
    def __new__(cls, /, target: int = ...) -> JsonArrayCutter:
        """
        A cutter for a whole file.
        """
    def feed(self, /, chunk: bytes | bytearray) -> list[Block]:
        """
        Take the next bytes of the file; returns the blocks that they complete.
        """
    def finish(self, /) -> list[Block]:
        """
        End the task; returns the last block, if there is one. Raises `DataError` when the file is cut off.
        """
    @property
    def rows(self, /) -> int:
        """
        Rows so far, refused ones and blank lines counted.
        """

@final
class JsonLinesCutter:
    """
    Cuts a task of a JSON Lines file: the lines that start at bytes `start` to `end`.
    """
    def __new__(
        cls, /, start: int = 0, end: int | None = None, *, by_offset: bool = True, target: int = ...
    ) -> JsonLinesCutter:
        """
        Positions are byte offsets, or row numbers for a file that cannot be entered in its middle.
        """
    @property
    def done(self, /) -> bool:
        """
        Whether what follows belongs to another task.
        """
    def feed(self, /, chunk: bytes | bytearray) -> list[Block]:
        """
        Take the next bytes of the file; returns the blocks that they complete.
        """
    def finish(self, /) -> list[Block]:
        """
        End the task; returns the last block, if there is one. Raises `DataError` when the file is cut off.
        """
    @property
    def read_from(self, /) -> int:
        """
        The offset in the file from which the cutter must be fed.
        """
    @property
    def rows(self, /) -> int:
        """
        Rows so far, refused ones and blank lines counted.
        """

@final
class JsonObjectsCutter:
    """
    Cuts a file of JSON objects one behind the other, over as many lines as they like.
    """
    def __new__(cls, /, target: int = ...) -> JsonObjectsCutter:
        """
        A cutter for a whole file.
        """
    def feed(self, /, chunk: bytes | bytearray) -> list[Block]:
        """
        Take the next bytes of the file; returns the blocks that they complete.
        """
    def finish(self, /) -> list[Block]:
        """
        End the task; returns the last block, if there is one. Raises `DataError` when the file is cut off.
        """
    @property
    def rows(self, /) -> int:
        """
        Rows so far, refused ones and blank lines counted.
        """

@final
class JsonRowsCutter:
    """
    Cuts a file that is one JSON object, in which a path of keys leads to the rows.
    """
    def __new__(cls, /, path: Sequence[str], target: int = ...) -> JsonRowsCutter:
        """
        A cutter for a whole file; without a path its own object's values are the rows.
        """
    def feed(self, /, chunk: bytes | bytearray) -> list[Block]:
        """
        Take the next bytes of the file; returns the blocks that they complete.
        """
    def finish(self, /) -> list[Block]:
        """
        End the task; returns the last block, if there is one. Raises `DataError` when the file is cut off.
        """
    @property
    def rows(self, /) -> int:
        """
        Rows so far, refused ones and blank lines counted.
        """

@final
class JsonShape:
    """
    Tells how the rows stand in a JSON file, from its first value.
    """
    def __new__(cls, /) -> JsonShape:
        """
        A look at a file of which nothing was read yet.
        """
    def feed(self, /, chunk: bytes | bytearray) -> bool:
        """
        Take the next bytes of the file; returns whether that is enough.
        """
    @property
    def holds_only_objects(self, /) -> bool:
        """
        Whether the first object holds objects and nothing else.
        """
    @property
    def is_on_one_line(self, /) -> bool:
        """
        Whether the first value ends on the line on which it begins.
        """
    @property
    def keys(self, /) -> list[tuple[str, str]]:
        """
        The first keys of the first object, each with `object`, `objects` (a list of them) or `other`.
        """
    @property
    def layout(self, /) -> str:
        """
        `empty`, `lines`, `array`, `object` or `objects`.
        """

@final
class KeptPictures:
    """
    What was found out about pictures of evaluation sets, kept from one run to the next.
    """
    def __new__(cls, /, written: bytes) -> KeptPictures:
        """
        Those of an earlier run, as `to_bytes` wrote them; none where that is damaged, or empty.
        """
    def to_bytes(self, /) -> bytes | None:
        """
        All of them, for a later run; `None` where no picture is new.
        """

@final
class Layout:
    """
    Which traces stay, which share a pack, and which packs a shard.
    """
    def __new__(
        cls,
        /,
        blocks: Sequence[tuple[str | PathLike[str], int]],
        settings: dict[str, typing.Any] | str,
        *,
        threads: int,
        cancel: Cancel,
        scanner: Scanner | None = None,
        evaluation: EvaluationSets | None = None,
    ) -> Layout:
        """
        Selects and lays out `blocks`: paths without extension in source order, each with the row number
        in its file of its task's first row. `settings` has the recipe's sections `curate`, `pack` and `output`, the
        path left out, as a dict or as its JSON. With `curate.duplicates.near` it wants a
        scanner that the blocks may be of, whose tokenizer reads their texts; `evaluation` are the sets that
        `curate.decontaminate` names.
        """
    @property
    def block_sources(self, /) -> list[str]:
        """
        The source of each block.
        """
    def bytes_of(self, /, numbers: Sequence[int]) -> int:
        """
        Raw bytes of some ranges' rows.
        """
    def contaminated(self, /, *, texts: bool) -> RecordBatch | None:
        """
        The questions that leave because an evaluation set has them, with the words that both share where texts are shown;
        none without evaluation sets.
        """
    def counts(self, /) -> Counts:
        """
        Traces by what became of them, tokens, and packs beside their lower bound.
        """
    def decontamination(self, /) -> str | None:
        """
        What was counted of evaluation sets, as JSON; nothing without any.
        """
    @property
    def extension(self, /) -> str:
        """
        What shard names end with after `.mds`.
        """
    def identifying(self, /, number: int) -> RecordBatch:
        """
        Data of block `number` that tell who somebody is: source, file, row, sample, field, kind, where the trace's first
        begins, and whether the trace is packed. Never the data.
        """
    def image_cost(self, /, traces_per_image: Sequence[int], *, threads: int, cancel: Cancel) -> ImageCost:
        """
        What the images cost, for each choice of how many traces of an image share a pack.
        """
    def near_duplicates(self, /) -> RecordBatch:
        """
        The clusters of near duplicates, the largest first, a row a trace.
        """
    def near_pictures(self, /, *, pictures: bool) -> RecordBatch | None:
        """
        The pictures that are nearly those of an evaluation set, with both in grey where they are shown; none without
        evaluation sets.
        """
    def near_summary(self, /) -> dict[str, float] | None:
        """
        What was found of near duplicates, in figures: `traces` near to one that stays, `clusters`, `candidates` that share
        a band key, `compared` pairs of texts, `crowded` groups, and `seconds` of search and comparison; nothing where
        they were not looked for.
        """
    def open_range(self, /, number: int, cancel: Cancel) -> Range:
        """
        Opens range `number`, and has it read ahead.
        """
    @property
    def packs(self, /) -> int:
        """
        Packs in all streams.
        """
    @property
    def ranges(self, /) -> int:
        """
        Ranges, in the order in which they are written.
        """
    def rejects(self, /, number: int) -> RecordBatch:
        """
        What block `number` left out: source, file, row, sample, reason, detail.
        """
    def shards(self, /, number: int) -> list[tuple[str, int]]:
        """
        Stream and number of every shard of range `number`, the largest first: written in this order they leave no
        worker with a large one at the end.
        """
    def shared_images(self, /, most: int) -> tuple[int, list[SharedImage]]:
        """
        How many images several sources show, or are stored in several ways; and of these the `most` that most traces
        show, the largest first.
        """
    def source_accounts(self, /) -> dict[str, SourceCounts]:
        """
        Rows and traces of each source, and what became of them, in source order.
        """
    def stream_summaries(self, /) -> dict[str, StreamEntry]:
        """
        Packs, traces, tokens, raw bytes and shards of each stream that holds packs.
        """
    @property
    def streams(self, /) -> list[str]:
        """
        Names of the streams that hold packs.
        """

@final
class Mapping:
    """
    Which columns of a row hold which part of a trace.
    """
    def __new__(cls, /, mapping: dict[str, typing.Any] | str) -> Mapping:
        """
        Check a mapping, given as a dict or as its JSON.
        """
    def columns_to_read(self, /, names: Sequence[str]) -> list[str]:
        """
        The columns to read of a file with columns `names`, in the file's order.

        Raises `DataError` when a mapped column is missing or several columns have one name.
        """
    @staticmethod
    def fault_of_keys(mapping: dict[str, typing.Any] | str) -> tuple[str, str | None, str | None] | None:
        """
        What is wrong with the keys of a mapping taken together: message, hint, and the key that should not be there.
        """
    @staticmethod
    def is_picture_name(column: str) -> bool:
        """
        Whether a column's name alone says that pictures are in it.
        """
    def maps(self, /, column: str) -> bool:
        """
        Whether a column of this name is mapped.
        """
    @staticmethod
    def questions_only(mapping: dict[str, typing.Any] | str) -> Mapping:
        """
        A mapping of which only what is asked is wanted, as of an evaluation set: responses are not read.
        """
    def searches_pictures_in(self, /, column: str) -> bool:
        """
        Whether a picture is looked for in a column that the mapping does not name.
        """
    @staticmethod
    def suggests_pictures(column: str) -> bool:
        """
        Whether a column's name has a word for pictures: `image_0`, `imgPath`, `Figure_path`.

        That is a reason to look; what a row holds is read from its values.
        """
    def with_given(self, /, columns: Sequence[str]) -> Mapping:
        """
        The same mapping for a file whose place gives its rows these columns: it may be without them.
        """

@final
class MdsReader:
    """
    Reads rows of MDS shards in a folder.
    """
    def __len__(self, /) -> int: ...
    def __new__(cls, /, directory: str | PathLike[str]) -> MdsReader:
        """
        Read the index of the dataset in a folder.
        """
    def locate(self, /, row: int) -> tuple[int, int]:
        """
        Shard and row in the shard of row `row`.
        """
    def read(self, /, row: int) -> list[tuple[str, str, bytes | tuple[str, list[int], bytes]]]:
        """
        Name, encoding and value of each column of row `row`.
        """
    @property
    def shards(self, /) -> list[tuple[str, int]]:
        """
        File and number of rows of each shard.
        """

@final
class MdsWriter:
    """
    Writes rows into a folder as MDS shards.
    """
    def __new__(
        cls,
        /,
        directory: str | PathLike[str],
        columns: Sequence[tuple[str, str]],
        compression: str | None,
        hashes: Sequence[str],
        size_limit: int | None,
        threads: int,
    ) -> MdsWriter:
        """
        Open an empty or missing folder; `threads` compress and write.
        """
    def abandon(self, /) -> None:
        """
        Give up: shards that are written stay, and there is no index.
        """
    @property
    def columns(self, /) -> list[tuple[str, str]]:
        """
        Names and encodings of the columns, in the order in which `write` wants values.
        """
    def finish(self, /) -> int:
        """
        Write the last shard and the index; the number of shards.
        """
    def write(
        self, /, values: Sequence[bytes | bytearray | tuple[str, Sequence[int], NDArray[uint8]]]
    ) -> None:
        """
        Write a row: for each column bytes, or data type, shape and bytes of an array.
        """

@final
class PackContent:
    """
    A pack read back.
    """
    @property
    def image_grids(self, /) -> list[tuple[int, int]]:
        """
        Patches of each along height and width.
        """
    @property
    def image_refs(self, /) -> list[int]:
        """
        For each placeholder, which image stands there.
        """
    @property
    def images(self, /) -> list[bytes]:
        """
        Its encoded images.
        """
    @property
    def input_ids(self, /) -> list[int]:
        """
        Token ids of all traces.
        """
    @property
    def lengths(self, /) -> list[int]:
        """
        Tokens of each trace.
        """
    @property
    def loss_spans(self, /) -> list[tuple[int, int]]:
        """
        Supervised spans, half-open, in pack coordinates.
        """
    @property
    def trace_ids(self, /) -> list[int]:
        """
        Id of each trace.
        """

@final
class PackedImages:
    """
    What is written of the images, and what a vision tower has to do for them.
    """
    @property
    def image_bytes(self, /) -> int:
        """
        Bytes of these.
        """
    @property
    def images(self, /) -> int:
        """
        Images of the packs: one that several show counts in each.
        """
    @property
    def packs(self, /) -> int:
        """
        Packs.
        """
    @property
    def patches(self, /) -> int:
        """
        Patches of these.
        """
    @property
    def traces_per_image(self, /) -> int:
        """
        Traces of an image that share a pack at most.
        """

@final
class Prompt:
    """
    The layout of the user's turn, compiled once.

    `source` is Jinja over `question`, `options`, `labelled_options` and `system`; without one, the
    question is followed by its lettered options.
    """
    def __new__(cls, /, source: str | None = None) -> Prompt: ...
    @property
    def content_hash(self, /) -> str:
        """
        128-bit hash of all that decides what the layout writes, in hexadecimal.
        """
    def render(self, /, question: str, options: Sequence[str], system: str | None = None) -> str:
        """
        The user's turn for one question.
        """

@final
class QuestionRow:
    """
    A row that asks something.
    """
    @property
    def answer(self, /) -> str | None:
        """
        The right answer, as the row writes it.
        """
    @property
    def history(self, /) -> list[list[str]]:
        """
        Earlier turns of the same conversation: what was asked, and what was answered.
        """
    @property
    def id(self, /) -> str | None:
        """
        What the row calls itself.
        """
    @property
    def images(self, /) -> list[tuple[int, bytes]]:
        """
        Its images, each the hash of its bytes as they came, and what is stored of it.
        """
    @property
    def is_conversation(self, /) -> bool:
        """
        Whether the row is a conversation, of which the last response is asked for anew.
        """
    @property
    def options(self, /) -> list[tuple[str, str]]:
        """
        Labels and texts of its options.
        """
    @property
    def ordinal(self, /) -> int:
        """
        Number of the row from the start of its task.
        """
    @property
    def question(self, /) -> str:
        """
        What it asks, without options.
        """
    @property
    def question_id(self, /) -> int:
        """
        The id of its question, by which traces of a question are known.
        """
    @property
    def turns(self, /) -> list[tuple[str, list[str | int]]]:
        """
        All turns up to the response, each a role and its texts and images, these by number.
        """

@final
class Range:
    """
    A range that is open.
    """
    def provenance(self, /, stream: str) -> RecordBatch:
        """
        Where the range's traces in a stream come from, a row a trace.
        """
    def write_shard(
        self, /, stream: str, shard: int, folder: str | PathLike[str], cancel: Cancel
    ) -> tuple[ShardInfo, str]:
        """
        Writes a shard into `folder` and returns `info`, its entry of `index.json`, and `digest`, `xxh3_64` of its file.
        """

@final
class Scanner:
    """
    Turns blocks of source rows into blocks of the working store.
    """
    def __new__(
        cls,
        /,
        mapping: Mapping,
        template: ChatTemplate,
        prompt: Prompt,
        tokenizer: Tokenizer,
        *,
        system: str | None = None,
        supervise: str = "all",
        images: dict[str, typing.Any] | None = None,
        curation: dict[str, typing.Any] | None = None,
        beside: Scanner | None = None,
    ) -> Scanner:
        """
        A scanner for one source; `supervise` is `all` or `last`, `images` the settings of its images, none for a
        model that takes none, `curation` what its responses are measured and decided by, if they are. It shares the
        memory of one `beside` it.
        """
    def filtered(
        self,
        /,
        block: Block,
        source: str,
        file: str,
        columns: Sequence[str],
        cancel: Cancel,
        decide: collections.abc.Callable[[pyarrow.RecordBatch, list[int]], list[tuple[int, str, str]]],
    ) -> Filtered:
        """
        Hands the traces of a block that curation lets pass to `decide`, batch by batch, as a record batch of `columns` and
        the numbers of their rows in the block's task; it returns the traces that are left out, each by its row in the
        batch, the name of the filter, and what that says of it.
        """
    def image_addresses(self, /, block: Block) -> dict[str, Path]:
        """
        The addresses of images that are fetched before a block is scanned, each with the path, without ending, under
        which what comes of it is kept; none unless the recipe asks for it.
        """
    def look(
        self, /, block: Block, ordinal: int
    ) -> (
        list[tuple[int, str, str, list[int], list[tuple[int, int]], tuple[str, dict[str, float]] | None]]
        | tuple[str, str]
        | None
    ):
        """
        What becomes of the row with number `ordinal` in the block's task: a list of traces as
        `(sample, verdict, text, ids, spans, measures)`, what became of the answer and the figures by name of a scanner
        that curates, or the reason and detail of its refusal; `None` when the
        block has no such row.
        """
    def look_at_images(
        self, /, block: Block, ordinal: int
    ) -> list[tuple[str, int, int, int, int, int, int, int, bytes]]:
        """
        The images of the row with number `ordinal` in the block's task, in the row's order: of each where the row has
        it, the hashes of its bytes and its pixels, height, width, patches along both, tokens, and the bytes that are
        stored. None of a row that is refused.
        """
    @property
    def mapping(self, /) -> Mapping:
        """
        The row format.
        """
    def measure(self, /, block: Block) -> BlockHeader:
        """
        Traces, tokens and stored bytes that a block would give, nothing written.
        """
    def pass_rates(self, /, block: Block) -> list[tuple[int, int, int]]:
        """
        Right and all responses of each question of a block, by the question's id: of a scanner that compares answers.
        """
    def release_memory(self, /) -> None:
        """
        Drops caches and memory that only scanning needs.
        """
    def scan(
        self,
        /,
        block: Block,
        source: str,
        file: str,
        number: int,
        folder: str | PathLike[str],
        cancel: Cancel,
        mode: str = "umask",
        workers: int = 1,
        filtered: Filtered | None = None,
    ) -> list[BlockHeader]:
        """
        Scans a block into `<folder>/<number>.ids` and `.index`, and `<number>-1.ids` and so on where it has several
        parts; `mode` says who may read them. Of `workers` in this process, those that scan no block help with its
        images. Returns the header of each.
        What filters left out of the block is passed over.
        """
    def store_choices(self, /, block: Block, most: int) -> tuple[int, int, int, int, int, int]:
        """
        What the first distinct images of a block take for each choice of how they are stored: how many were looked at,
        their patches, their bytes as they came, and resized as WebP, PNG and JPEG.
        """

@final
class ShardCheck:
    """
    What is in a shard, and what is wrong with it.
    """
    @property
    def documents(self, /) -> Array:
        """
        Traces of each pack.
        """
    @property
    def faults(self, /) -> list[tuple[int, str]]:
        """
        Row of the shard and what is wrong with it.
        """
    @property
    def lengths(self, /) -> Array:
        """
        Length of every trace, pack after pack.
        """
    @property
    def packs(self, /) -> int:
        """
        Packs.
        """
    @property
    def tokens(self, /) -> int:
        """
        Tokens.
        """
    @property
    def trace_ids(self, /) -> Array:
        """
        Id of every trace, pack after pack.
        """

@final
class ShardCutter:
    """
    Cuts a tar archive in WebDataset's form, uncompressed: members of one key are a row.
    """
    def __new__(cls, /, mapping: Mapping, target: int = ...) -> ShardCutter:
        """
        A cutter for a whole archive.
        """
    def feed(self, /, chunk: bytes | bytearray) -> list[Block]:
        """
        Take the next bytes of the file; returns the blocks that they complete.
        """
    def finish(self, /) -> list[Block]:
        """
        End the task; returns the last block, if there is one. Raises `DataError` when the file is cut off.
        """
    @property
    def rows(self, /) -> int:
        """
        Rows so far, refused ones and blank lines counted.
        """

@final
class SharedImage:
    """
    An image that several sources show, or that is stored in several ways.
    """
    @property
    def files(self, /) -> int:
        """
        Files of other bytes that show it.
        """
    @property
    def hash(self, /) -> int:
        """
        The hash that its occurrences share.
        """
    @property
    def of_pixels(self, /) -> bool:
        """
        Whether that is the hash of its pixels, or of its bytes.
        """
    @property
    def places(self, /) -> list[tuple[str, str, int, int, str | None]]:
        """
        Where it is shown first: source, file, row, hash of the bytes there, and the path of the image's file.
        """
    @property
    def sources(self, /) -> list[tuple[str, int]]:
        """
        How many of these each source has, in source order.
        """
    @property
    def traces(self, /) -> int:
        """
        Traces that are kept and show it.
        """

@final
class Tokenizer:
    """
    A tokenizer and the encoders that rest between its batches.
    """
    @staticmethod
    def builtin(name: str) -> Tokenizer:
        """
        A vocabulary that the package carries.
        """
    @property
    def content_hash(self, /) -> str:
        """
        A hash of everything that decides the ids, in hexadecimal.
        """
    def decode(self, /, ids: Array) -> bytes:
        """
        The bytes that ids stand for.
        """
    def encode_arrays(self, /, arrays: Sequence[Array], threads: int | None = None) -> tuple[Array, Array]:
        """
        Encode Arrow arrays of strings, one after the other.
        """
    def encode_list(
        self, /, strings: collections.abc.Sequence[str], threads: int | None = None
    ) -> tuple[Array, Array]:
        """
        Encode a list of strings.
        """
    @staticmethod
    def from_json(
        content: bytes,
        added: Sequence[tuple[str, bool, bool, bool, bool, bool]] = ...,
        add_prefix_space: bool | None = None,
    ) -> Tokenizer:
        """
        The tokenizer that a `tokenizer.json` describes.

        `added` are further added tokens: content, `single_word`, `lstrip`, `rstrip`, `normalized`, `special`;
        `add_prefix_space` replaces that of a lone `ByteLevel` pre-tokenizer.
        """
    @staticmethod
    def outline(content: bytes) -> str:
        """
        A `tokenizer.json` without its vocabulary, as JSON.
        """
    @property
    def path(self, /) -> str:
        """
        Which way text takes through the engine.
        """
    def special_tokens(self, /) -> list[tuple[str, int]]:
        """
        Special added tokens and their ids.
        """
    def token_to_id(self, /, token: str) -> int | None:
        """
        The id of a token as the vocabulary writes it.
        """
    @property
    def vocabulary_size(self, /) -> int:
        """
        One more than the largest id.
        """

def arrow_sizes(path: str | PathLike[str]) -> tuple[int, int, int]:
    """
    Bytes of the largest record batch of an Arrow file or stream, of all dictionaries together, and rows in all.
    """

def buckets(edges: Sequence[int], capacity: int) -> tuple[list[str], list[int]]:
    """
    Stream names of the buckets with these inner upper edges, and the edges that the capacity makes idle.
    """

def changed_image_files(
    blocks: Sequence[str | PathLike[str]], root: str | PathLike[str] | Sequence[str | PathLike[str]] | None
) -> str | None:
    """
    The first file of images that is not what it was when these blocks were made: of another size or time, gone, or
    there where none was. Blocks are named by their paths without extension; `root` is where their source's images
    are: a folder or archive, or several.
    """

def check_packs(
    rows: collections.abc.Sequence[
        tuple[
            numpy.typing.NDArray[numpy.uint32],
            numpy.typing.NDArray[numpy.uint32],
            numpy.typing.NDArray[numpy.uint32],
            numpy.typing.NDArray[numpy.uint64],
            tuple[
                int,
                numpy.typing.NDArray[numpy.uint8],
                numpy.typing.NDArray[numpy.uint8],
                numpy.typing.NDArray[numpy.uint8],
            ]
            | None,
        ]
    ],
    vocabulary: int | None,
    image_rules: tuple[int, int] | None = None,
) -> None:
    """
    Checks what `fill_batch` would refuse of `rows`.
    """

def check_shard(
    folder: str | PathLike[str],
    shard: int,
    vocabulary_size: int,
    capacity: int,
    image_rules: tuple[int, int] | None = None,
) -> ShardCheck:
    """
    Checks every pack of a shard; image_rules are the token of images and the patches along a side of one.
    """

def contaminated_questions(
    evaluation: Sequence[str], training: Sequence[str], ngram: int
) -> list[tuple[bool, bool]]:
    """
    Whether each of the training questions leaves for one of the evaluation questions, by one shared n-gram of words:
    where templates are ignored, and where they are kept.
    """

def conversations(
    scanner: Scanner, block: Block, ordinals: Sequence[int]
) -> list[
    tuple[
        int,
        list[tuple[int, list[tuple[str, list[str | int], bool]]]],
        list[tuple[str, int, bytes]],
        str | None,
    ]
]:
    """
    The traces of the rows with these numbers in the block's task, as far as they lie in it, as turns of a conversation:
    masked where the source masks, before a template writes them. Numbers rise; a row that is refused is not there.
    """

def decode_image(
    data: numpy.typing.NDArray[numpy.uint8], alpha: str, gray16: str, max_source_pixels: int
) -> numpy.typing.NDArray[numpy.uint8]:
    """
    An image file as an upright RGB image: `[height, width, 3]`.
    """

def digest(data: bytes) -> str:
    """
    `xxh3_64` of bytes in hexadecimal.
    """

def encode_image(image: numpy.typing.NDArray[numpy.uint8], codec: str) -> bytes:
    """
    The bytes of a file that shows an image.
    """

def extract_answer(
    response: str, options: Sequence[tuple[str, str]], reasoning: str | None, finished: bool | None
) -> tuple[str, list[int], str | None, float | None, str | None, bool]:
    """
    The final answer of a response to a question whose options are pairs of label and text.
    """

def file_digest(path: str | PathLike[str]) -> tuple[int, str]:
    """
    Size of a file, and `xxh3_64` of its content in hexadecimal.
    """

def fill_batch(
    rows: collections.abc.Sequence[
        tuple[
            numpy.typing.NDArray[numpy.uint32],
            numpy.typing.NDArray[numpy.uint32],
            numpy.typing.NDArray[numpy.uint32],
            numpy.typing.NDArray[numpy.uint64],
            tuple[
                int,
                numpy.typing.NDArray[numpy.uint8],
                numpy.typing.NDArray[numpy.uint8],
                numpy.typing.NDArray[numpy.uint8],
            ]
            | None,
        ]
    ],
    buffers: tuple[
        numpy.typing.NDArray[numpy.int64],
        numpy.typing.NDArray[numpy.int64],
        numpy.typing.NDArray[numpy.int64],
        numpy.typing.NDArray[numpy.int64],
        numpy.typing.NDArray[numpy.int32],
        numpy.typing.NDArray[numpy.int64],
        numpy.typing.NDArray[numpy.int64],
    ],
    vocabulary: int | None,
    image_rules: tuple[int, int] | None = None,
    image_buffers: tuple[numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64]] | None = None,
) -> int:
    """
    Writes the batch of `rows` into `buffers`, and returns the length of its longest document.

    A row is (input_ids, lengths, loss_spans, trace_ids, images); images are (bytes, image_offsets,
    image_grid_thw, image_refs) or none. Buffers are (packs, input_ids, labels, position_ids, cu_seqlens,
    trace_ids, supervised_tokens), contiguous and of the batch's size. image_rules are the token of images and the
    patches along a side of one; image_buffers are (image_grid_thw, image_refs), and go with four columns of packs.
    """

def fingerprint(path: str | PathLike[str]) -> str:
    """
    What tells a file's content from that of another one of its name, size and time, in hexadecimal digits.
    """

def first_unreadable(path: str | PathLike[str]) -> tuple[int, str, str] | None:
    """
    Row number in the task, reason and detail of a block's first unreadable row.
    """

def image_content_hash(data: numpy.typing.NDArray[numpy.uint8]) -> int:
    """
    A hash of the bytes of an image file.
    """

def image_dhash(image: numpy.typing.NDArray[numpy.uint8]) -> int:
    """
    The hash of an image's gradients, which copies of it share but for a few bits.
    """

def image_families() -> list[tuple[str, int, int, int, list[float], list[float], int, int]]:
    """
    The families of models whose images are prepared.
    """

def image_header(data: numpy.typing.NDArray[numpy.uint8]) -> tuple[str, int, int, int, bool]:
    """
    What the header of an image file says: its format, height and width of the upright image, its orientation as EXIF
    numbers them, and whether the file says who or what it is of.
    """

def image_patches(
    packs: collections.abc.Sequence[
        tuple[bytes, numpy.typing.NDArray[numpy.uint32], numpy.typing.NDArray[numpy.uint32]] | None
    ],
    vision: str,
    out: numpy.typing.NDArray[numpy.uint8],
    threads: int,
) -> None:
    """
    Writes the patches of the images of packs into `out`, one image after the other.

    A pack is its encoded images, where each begins and the last one ends, and the grid of each, or None without images;
    `vision` is the record of the run as JSON. `threads` work at a time.
    """

def image_pixel_hash(image: numpy.typing.NDArray[numpy.uint8]) -> int:
    """
    A hash of an image's size and pixels.
    """

def image_size(data: numpy.typing.NDArray[numpy.uint8]) -> tuple[int, int]:
    """
    Height and width of an upright image, as the header of its file says.
    """

def index_json(shards: Sequence[ShardInfo]) -> bytes:
    """
    The bytes of a stream's `index.json`, from its shards' entries in order.
    """

def judge_answer(
    response: str,
    answer: str | None,
    options: Sequence[tuple[str, str]],
    rule: str,
    least: float,
    base: int | None,
    reasoning: str | None,
    finished: bool | None,
) -> str:
    """
    How a response compares with the gold `answer`; without one, whether it answers at all.

    `rule` is `options`, `exact`, `contains` or `token_f1`, whose least share is `least`; `base` is what an index counts from.
    Raises `DataError` when gold is no option, several, or a text that `rule` does not compare.
    """

def limits_allow(held: str, asked: str) -> bool:
    """
    Whether a block that was scanned with the thresholds `held` has all that those `asked` for let pass; both as JSON, and
    empty where there are none.
    """

def longest_of_dictionary(dictionary: bytes | bytearray) -> int:
    """
    The length of the longest text in the bytes of a Parquet dictionary of texts.
    """

def mapped_columns(mapping: Mapping, names: Sequence[str]) -> tuple[list[str], int, list[str]]:
    """
    Of a file with columns `names`: the required columns that it lacks, how many are required, and those that are read.
    """

def mds_verify(directory: str | PathLike[str], threads: int) -> list[tuple[int | None, str, str]]:
    """
    All that is wrong with the dataset in a folder: shard (or none), file, and what.
    """

def measured(curation: dict[str, typing.Any] | str) -> str:
    """
    Of what a source's responses are measured and decided by, as a dict or as its JSON: all that decides which measures a
    block holds, as JSON. Thresholds do not.
    """

def pack_lengths(lengths: Array, capacity: int) -> tuple[Array, Array, float, int]:
    """
    Pack `lengths`, an Arrow array of uint32, by best fit decreasing.

    Returns offsets (one more than packs), items (pack after pack), the filled share of the packs and
    the lower bound on their number.
    """

def parquet_pages(
    path: str | PathLike[str], chunks: Sequence[tuple[int, int]]
) -> list[tuple[int, int, int, list[int] | None]]:
    """
    The pages of chunks that begin at `(offset, values)`.
    """

def patches_of_image(
    image: numpy.typing.NDArray[numpy.uint8], family: str
) -> numpy.typing.NDArray[numpy.uint8]:
    """
    The patches of an image whose sides are multiples of the family's.
    """

def preview(block: Block, mapping: Mapping, count: int, *, skip: int = 0) -> list[dict[str, typing.Any]]:
    """
    The first `count` rows of a block from its row `skip` on, as dicts for people to look at.

    A row has `position`, `ordinal`, `id`, `system`, `images` where it has any, `asked` and `finish_reasons` where the
    mapping asks for them, and either `messages` or `question`, `options`, `answer` and `responses`. An image stands in a turn as `[image 1]`; of one in `images`, its path or URL
    or how many bytes it has, never these. A refused one has `position`, `ordinal`, `reason` and `detail`.
    """

def question_rows(scanner: Scanner, block: Block) -> list[QuestionRow | tuple[int, str, str]]:
    """
    What the rows of a block ask: of each in order a `QuestionRow`, or number, reason and detail of one that cannot be
    asked.
    """

def raw_rows(block: Block, ordinals: Sequence[int]) -> list[bytes | RecordBatch | None]:
    """
    The rows with these numbers in the block's task, as far as they lie in it: bytes of JSON, a
    `pyarrow.RecordBatch` of one row, or `None` for a row that was not kept. Numbers rise.
    """

def read_pack(folder: str | PathLike[str], pack: int) -> PackContent:
    """
    A pack read back.
    """

def read_parts(path: str | PathLike[str], *, every_byte: bool = False) -> list[BlockHeader] | None:
    """
    The headers of all parts of the block `path`, which has no extension; `None` where one is not there.
    """

def remove_temporaries() -> None:
    """
    Removes the temporary files of calls that still run, before the process ends.
    """

def resize_image(
    image: numpy.typing.NDArray[numpy.uint8], height: int, width: int
) -> numpy.typing.NDArray[numpy.uint8]:
    """
    An image in another size.
    """

def resized_image_size(
    height: int, width: int, family: str, min_pixels: int | None = None, max_pixels: int | None = None
) -> tuple[int, int, int]:
    """
    Height and width that a model takes an image in, and the tokens that stand for it.
    """

def response_parts(response: str, reasoning: str | None) -> tuple[str | None, str, bool]:
    """
    Split a response into reasoning and answer by its markers; `reasoning` is a column of its own, which wins.
    """

def row_outcomes(
    scanner: Scanner, block: Block, count: int, seconds: float = ...
) -> list[tuple[int, str | None, str, list[tuple[int, str, int]], list[tuple[int, bool]]]]:
    """
    What becomes of the first `count` rows of a block: `(ordinal, reason, detail, traces, images)`, the reason `None` for
    a row with traces, a trace `(sample, verdict, tokens)`, and an image the hash of its bytes and whether they identify. Capacity and duplicates are not looked at. Once `seconds`
    are over, no further row is looked at.
    """

def top_level_keys(block: Block, count: int) -> list[str] | None:
    """
    The top-level keys of a block's first `count` rows, in the order in which they appear; `None` where the file's
    columns have names of their own.
    """

def values_of_patches(
    patches: numpy.typing.NDArray[numpy.uint8], family: str
) -> numpy.typing.NDArray[numpy.float32]:
    """
    What a model takes of patches, normalised and with the copies along time.
    """

def verify_block(path: str | PathLike[str]) -> BlockHeader:
    """
    The header of a block of which every byte is as it was written.
    """
