"""The compiled half of `octomed`; users import the Python classes that wrap it.

Written by `make stubs`; not by hand.
"""

from typing import Any, final

@final
class ArrowCutter:
    """Cuts record batches of Parquet row groups."""
    def __init__(self, mapping: Any, first_row: Any = 0, target: Any = ...) -> None: ...
    def feed(self, batch: Any) -> Any:
        """Take the next `pyarrow.RecordBatch`; returns the blocks that it completes."""
    def finish(self) -> Any:
        """End the task; returns the last block, if there is one."""
    @property
    def rows(self) -> Any:
        """Rows of the task so far, refused ones counted."""

@final
class Block:
    """Consecutive rows of a task, as they were read."""
    @property
    def end_position(self) -> Any:
        """Position just after the last row: a byte offset in plain JSON Lines, else a row number."""
    @property
    def first_ordinal(self) -> Any:
        """Number of the first row from the start of the task."""
    @property
    def memory(self) -> Any:
        """The most memory that it takes with all that a scan makes of it."""
    @property
    def rows(self) -> Any:
        """Rows, unreadable ones included, blank lines not."""
    @property
    def source_bytes(self) -> Any:
        """Bytes that the rows take in their source."""

COLUMNS: list[Any]

@final
class Cancel:
    """A flag that ends running calls early."""
    def __init__(self) -> None: ...
    def is_set(self) -> Any:
        """Whether it was set."""
    def set(self) -> Any:
        """Ends calls that were given this flag, soon."""

@final
class ChatTemplate:
    """A chat template, compiled once.

    `template` is the name of a built-in (`builtin=True`) or a Jinja source; `controls` are the
    tokenizer's special tokens with their ids; `variables` are what a source may name beside the
    messages, such as `bos_token`.
    """
    def __init__(
        self, template: Any, controls: Any, variables: Any = None, *, builtin: Any = False
    ) -> None: ...
    @property
    def content_hash(self) -> Any:
        """128-bit hash of all that decides what the template writes, in hexadecimal."""
    def encode(self, tokenizer: Any, messages: Any, supervise: Any = "all") -> Any:
        """The ids of a conversation under a tokenizer, and the half-open ranges of those that carry loss."""
    def probe(self) -> Any:
        """Raises `RecipeError` when the template can never work for training."""
    def render(self, messages: Any, supervise: Any = "all") -> Any:
        """The whole string, its control tokens and its supervised spans; offsets count UTF-8 bytes.

        `messages` are pairs of role and content; `supervise` is `"all"` or `"last"`.
        """

@final
class CsvCutter:
    """Cuts a CSV file."""
    def __init__(self, mapping: Any, dialect: Any, target: Any = ...) -> None: ...
    def feed(self, chunk: Any) -> Any:
        """Take the next bytes of the file."""
    def finish(self) -> Any:
        """Say that no bytes follow."""
    def next_block(self) -> Any:
        """Return the next block that the bytes so far complete, or `None`; it is to be asked for until then.

        Raises `DataError` when the header is not what the mapping needs.
        """
    @property
    def rows(self) -> Any:
        """Rows of the file so far, refused ones counted and blank lines not."""

@final
class CsvDialect:
    """What separates the fields of a CSV file, what may surround one, and what takes a character's meaning away."""
    def __init__(self, delimiter: Any, quote: Any, escape: Any) -> None: ...
    def check_columns(self, mapping: Any, names: Any) -> Any:
        """Check that a file with columns `names` has what a mapping needs.

        Raises `DataError` when a mapped column is missing or there twice.
        """
    def names(self, head: Any, *, is_last: Any) -> Any:
        """The names in the header of a file that begins with the bytes `head`; `None` where it does not end in them.

        Raises `DataError` when the header cannot be read. There are no names where `is_last` says that no
        bytes follow, and all lines are blank.
        """

INDEX_ROW_BYTES: int

@final
class JsonArrayCutter:
    """Cuts a file that is one JSON array."""
    def __init__(self, target: Any = ...) -> None: ...
    def feed(self, chunk: Any) -> Any:
        """Take the next bytes of the file; returns the blocks that they complete."""
    def finish(self) -> Any:
        """End the task; returns the last block, if there is one. Raises `DataError` when the file is cut off."""
    @property
    def rows(self) -> Any:
        """Rows so far, refused ones and blank lines counted."""

@final
class JsonLinesCutter:
    """Cuts a task of a JSON Lines file: the lines that start at bytes `start` to `end`."""
    def __init__(
        self, start: Any = 0, end: Any = None, *, by_offset: Any = True, target: Any = ...
    ) -> None: ...
    @property
    def done(self) -> Any:
        """Whether what follows belongs to another task."""
    def feed(self, chunk: Any) -> Any:
        """Take the next bytes of the file; returns the blocks that they complete."""
    def finish(self) -> Any:
        """End the task; returns the last block, if there is one. Raises `DataError` when the file is cut off."""
    @property
    def read_from(self) -> Any:
        """The offset in the file from which the cutter must be fed."""
    @property
    def rows(self) -> Any:
        """Rows so far, refused ones and blank lines counted."""

@final
class JsonObjectsCutter:
    """Cuts a file of JSON objects one behind the other, over as many lines as they like."""
    def __init__(self, target: Any = ...) -> None: ...
    def feed(self, chunk: Any) -> Any:
        """Take the next bytes of the file; returns the blocks that they complete."""
    def finish(self) -> Any:
        """End the task; returns the last block, if there is one. Raises `DataError` when the file is cut off."""
    @property
    def rows(self) -> Any:
        """Rows so far, refused ones and blank lines counted."""

@final
class JsonRowsCutter:
    """Cuts a file that is one JSON object, in which a path of keys leads to the rows."""
    def __init__(self, path: Any, target: Any = ...) -> None: ...
    def feed(self, chunk: Any) -> Any:
        """Take the next bytes of the file; returns the blocks that they complete."""
    def finish(self) -> Any:
        """End the task; returns the last block, if there is one. Raises `DataError` when the file is cut off."""
    @property
    def rows(self) -> Any:
        """Rows so far, refused ones and blank lines counted."""

@final
class JsonShape:
    """Tells how the rows stand in a JSON file, from its first value."""
    def __init__(self) -> None: ...
    def feed(self, chunk: Any) -> Any:
        """Take the next bytes of the file; returns whether that is enough."""
    @property
    def holds_only_objects(self) -> Any:
        """Whether the first object holds objects and nothing else."""
    @property
    def is_on_one_line(self) -> Any:
        """Whether the first value ends on the line on which it begins."""
    @property
    def keys(self) -> Any:
        """The first keys of the first object, each with `object`, `objects` (a list of them) or `other`."""
    @property
    def layout(self) -> Any:
        """`empty`, `lines`, `array`, `object` or `objects`."""

@final
class Layout:
    """Which traces stay, which share a pack, and which packs a shard."""
    def __init__(self, blocks: Any, settings: Any, *, threads: Any, cancel: Any) -> None: ...
    @property
    def block_sources(self) -> Any:
        """The source of each block."""
    def bytes_of(self, numbers: Any) -> Any:
        """Raw bytes of some ranges' rows."""
    def counts(self) -> Any:
        """Traces by what became of them, tokens, and packs beside their lower bound."""
    @property
    def extension(self) -> Any:
        """What shard names end with after `.mds`."""
    def open_range(self, number: Any, cancel: Any) -> Any:
        """Opens range `number`, and has it read ahead."""
    @property
    def packs(self) -> Any:
        """Packs in all streams."""
    @property
    def ranges(self) -> Any:
        """Ranges, in the order in which they are written."""
    def rejects(self, number: Any) -> Any:
        """What block `number` left out: source, file, row, sample, reason, detail."""
    def shards(self, number: Any) -> Any:
        """Stream and number of every shard of range `number`, the largest first: written in this order they leave no
        worker with a large one at the end.
        """
    def source_accounts(self) -> Any:
        """Rows and traces of each source, and what became of them, in source order."""
    def stream_summaries(self) -> Any:
        """Packs, traces, tokens, raw bytes and shards of each stream that holds packs."""
    @property
    def streams(self) -> Any:
        """Names of the streams that hold packs."""

@final
class Mapping:
    """Which columns of a row hold which part of a trace."""
    def __init__(self, mapping: Any) -> None: ...
    def columns_to_read(self, names: Any) -> Any:
        """The columns to read of a file with columns `names`, in the file's order.

        Raises `DataError` when a mapped column is missing or several columns have one name.
        """
    @staticmethod
    def fault_of_keys(mapping: Any) -> Any:
        """What is wrong with the keys of a mapping taken together: message, hint, and the key that should not be there."""
    @staticmethod
    def is_picture_name(column: Any) -> Any:
        """Whether a column's name alone says that pictures are in it."""
    def searches_pictures_in(self, column: Any) -> Any:
        """Whether a picture is looked for in a column that the mapping does not name."""
    @staticmethod
    def suggests_pictures(column: Any) -> Any:
        """Whether a column's name has a word for pictures: `image_0`, `imgPath`, `Figure_path`.

        That is a reason to look; what a row holds is read from its values.
        """

@final
class MdsReader:
    """Reads rows of MDS shards in a folder."""
    def __init__(self, directory: Any) -> None: ...
    def __len__(self, /) -> Any:
        """Return len(self)."""
    def locate(self, row: Any) -> Any:
        """Shard and row in the shard of row `row`."""
    def read(self, row: Any) -> Any:
        """Name, encoding and value of each column of row `row`."""
    @property
    def shards(self) -> Any:
        """File and number of rows of each shard."""

@final
class MdsWriter:
    """Writes rows into a folder as MDS shards."""
    def __init__(
        self, directory: Any, columns: Any, compression: Any, hashes: Any, size_limit: Any, threads: Any
    ) -> None: ...
    def abandon(self) -> Any:
        """Give up: shards that are written stay, and there is no index."""
    @property
    def columns(self) -> Any:
        """Names and encodings of the columns, in the order in which `write` wants values."""
    def finish(self) -> Any:
        """Write the last shard and the index; the number of shards."""
    def write(self, values: Any) -> Any:
        """Write a row: for each column bytes, or data type, shape and bytes of an array."""

@final
class Prompt:
    """The layout of the user's turn, compiled once.

    `source` is Jinja over `question`, `options`, `labelled_options` and `system`; without one, the
    question is followed by its lettered options.
    """
    def __init__(self, source: Any = None) -> None: ...
    @property
    def content_hash(self) -> Any:
        """128-bit hash of all that decides what the layout writes, in hexadecimal."""
    def render(self, question: Any, options: Any, system: Any = None) -> Any:
        """The user's turn for one question."""

REASONS: dict[str, Any]

@final
class Range:
    """A range that is open."""
    def provenance(self, stream: Any) -> Any:
        """Where the range's traces in a stream come from, a row a trace."""
    def write_shard(self, stream: Any, shard: Any, folder: Any, cancel: Any) -> Any:
        """Writes a shard into `folder` and returns `info`, its entry of `index.json`, and `digest`, `xxh3_64` of its file."""

SCAN_VERSION: int

@final
class Scanner:
    """Turns blocks of source rows into blocks of the working store."""
    def __init__(
        self,
        mapping: Any,
        template: Any,
        prompt: Any,
        tokenizer: Any,
        *,
        system: Any = None,
        supervise: Any = "all",
        beside: Any = None,
    ) -> None: ...
    def look(self, block: Any, ordinal: Any) -> Any:
        """What becomes of the row with number `ordinal` in the block's task: a list of traces as
        `(sample, verdict, text, ids, spans)`, or the reason and detail of its refusal; `None` when the
        block has no such row.
        """
    @property
    def mapping(self) -> Any:
        """The row format."""
    def measure(self, block: Any) -> Any:
        """Traces, tokens and stored bytes that a block would give, nothing written."""
    def release_memory(self) -> Any:
        """Drops caches and memory that only scanning needs."""
    def scan(
        self, block: Any, source: Any, file: Any, number: Any, folder: Any, cancel: Any, mode: Any = "umask"
    ) -> Any:
        """Scans a block into `<folder>/<number>.ids` and `.index`, and `<number>-1.ids` and so on where it has several
        parts; `mode` says who may read them. Returns the header of each.
        """

@final
class Tokenizer:
    """A tokenizer and the encoders that rest between its batches."""
    @staticmethod
    def builtin(name: Any) -> Any:
        """A vocabulary that the package carries."""
    @property
    def content_hash(self) -> Any:
        """A hash of everything that decides the ids, in hexadecimal."""
    def decode(self, ids: Any) -> Any:
        """The bytes that ids stand for."""
    def encode_arrays(self, arrays: Any, threads: Any = None) -> Any:
        """Encode Arrow arrays of strings, one after the other."""
    def encode_list(self, strings: Any, threads: Any = None) -> Any:
        """Encode a list of strings."""
    @staticmethod
    def from_json(content: Any, added: Any = ..., add_prefix_space: Any = None) -> Any:
        """The tokenizer that a `tokenizer.json` describes.

        `added` are further added tokens: content, `single_word`, `lstrip`, `rstrip`, `normalized`, `special`;
        `add_prefix_space` replaces that of a lone `ByteLevel` pre-tokenizer.
        """
    @staticmethod
    def outline(content: Any) -> Any:
        """A `tokenizer.json` without its vocabulary, as JSON."""
    @property
    def path(self) -> Any:
        """Which way text takes through the engine."""
    def special_tokens(self) -> Any:
        """Special added tokens and their ids."""
    def token_to_id(self, token: Any) -> Any:
        """The id of a token as the vocabulary writes it."""
    @property
    def vocabulary_size(self) -> Any:
        """One more than the largest id."""

WRITE_VERSION: int

__version__: str

def arrow_sizes(path: Any) -> Any:
    """Bytes of the largest record batch of an Arrow file or stream, of all dictionaries together, and rows in all."""

def buckets(edges: Any, capacity: Any) -> Any:
    """Stream names of the buckets with these inner upper edges, and the edges that the capacity makes idle."""

def check_packs(rows: Any, vocabulary: Any) -> Any:
    """Checks what `fill_batch` would refuse of `rows`."""

def check_shard(folder: Any, shard: Any, vocabulary_size: Any, capacity: Any) -> Any:
    """Checks every pack of a shard: faults, packs, tokens, ids and lengths of its traces, and traces of each pack."""

def digest(data: Any) -> Any:
    """`xxh3_64` of bytes in hexadecimal."""

def file_digest(path: Any) -> Any:
    """Size of a file, and `xxh3_64` of its content in hexadecimal."""

def fill_batch(rows: Any, buffers: Any, vocabulary: Any) -> Any:
    """Writes the batch of `rows` into `buffers`, and returns the length of its longest document.

    A row is (input_ids, lengths, loss_spans, trace_ids); buffers are (packs, input_ids, labels,
    position_ids, cu_seqlens, trace_ids, supervised_tokens), contiguous and of the batch's size.
    """

def fingerprint(path: Any) -> Any:
    """What tells a file's content from that of another one of its name, size and time, in hexadecimal digits."""

def first_unreadable(path: Any) -> Any:
    """Row number in the task, reason and detail of a block's first unreadable row."""

def index_json(shards: Any) -> Any:
    """The bytes of a stream's `index.json`, from its shards' entries in order."""

def longest_of_dictionary(dictionary: Any) -> Any:
    """The length of the longest text in the bytes of a Parquet dictionary of texts."""

def mapped_columns(mapping: Any, names: Any) -> Any:
    """Of a file with columns `names`: the required columns that it lacks, how many are required, and those that are read."""

def mds_verify(directory: Any, threads: Any) -> Any:
    """All that is wrong with the dataset in a folder: shard (or none), file, and what."""

def pack_lengths(lengths: Any, capacity: Any) -> Any:
    """Pack `lengths`, an Arrow array of uint32, by best fit decreasing.

    Returns offsets (one more than packs), items (pack after pack), the filled share of the packs and
    the lower bound on their number.
    """

def parquet_pages(path: Any, chunks: Any) -> Any:
    """The pages of chunks that begin at `(offset, values)`."""

def preview(block: Any, mapping: Any, count: Any, *, skip: Any = 0) -> Any:
    """The first `count` rows of a block from its row `skip` on, as dicts for people to look at.

    A row has `position`, `ordinal`, `id`, `system`, and either `messages` or `question`, `options`,
    `answer` and `responses`; a refused one has `position`, `ordinal`, `reason` and `detail`.
    """

def raw_rows(block: Any, ordinals: Any) -> Any:
    """The rows with these numbers in the block's task, as far as they lie in it: bytes of JSON, a
    `pyarrow.RecordBatch` of one row, or `None` for a row that was not kept. Numbers rise.
    """

def read_pack(folder: Any, pack: Any) -> Any:
    """A pack read back: `input_ids`, `lengths`, `loss_spans` (pairs) and `trace_ids`."""

def read_parts(path: Any, *, every_byte: Any = False) -> Any:
    """The headers of all parts of the block `path`, which has no extension; `None` where one is not there."""

def remove_temporaries() -> Any:
    """Removes the temporary files of calls that still run, before the process ends."""

def row_outcomes(scanner: Any, block: Any, count: Any, seconds: Any = ...) -> Any:
    """What becomes of the first `count` rows of a block: `(ordinal, reason, detail, traces)`, the reason `None` for a
    row with traces, and a trace `(sample, verdict, tokens)`. Capacity and duplicates are not looked at. Once `seconds`
    are over, no further row is looked at.
    """

def top_level_keys(block: Any, count: Any) -> Any:
    """The top-level keys of a block's first `count` rows, in the order in which they appear; `None` where the file's
    columns have names of their own.
    """

def verify_block(path: Any) -> Any:
    """The header of a block of which every byte is as it was written."""
