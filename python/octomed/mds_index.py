"""`index.json` of a stream, as `MDSWriter` writes it: what shards it has."""

from __future__ import annotations

from dataclasses import dataclass, field

from octomed.plain_names import check_basename
from octomed.strict_json import parse, read_as

INDEX = "index.json"


@dataclass(frozen=True)
class FileInfo:
    """A file of a shard: its name in the folder, its size, and its digests by name."""

    basename: str
    bytes: int
    hashes: dict[str, str]

    def __post_init__(self) -> None:
        """Refuse a name that leads out of the folder."""
        check_basename(self.basename)


@dataclass(frozen=True)
class ShardInfo:
    """A shard as the index lists it.

    Attributes
    ----------
    raw_data, zip_data
        The shard, and the compressed file that holds it, if it is compressed.
    samples
        Its packs.
    """

    column_encodings: tuple[str, ...]
    column_names: tuple[str, ...]
    column_sizes: tuple[int | None, ...]
    compression: str | None
    format: str
    hashes: tuple[str, ...]
    raw_data: FileInfo
    samples: int
    size_limit: int | None
    version: int
    zip_data: FileInfo | None

    @property
    def file(self) -> FileInfo:
        """The file that was written."""
        return self.zip_data or self.raw_data


@dataclass(frozen=True)
class StreamIndex:
    """The shards of a stream, in order."""

    shards: tuple[ShardInfo, ...] = field(default=())
    version: int = 2


def read_index(data: bytes) -> StreamIndex:
    """Return what the bytes of an index say.

    Raises
    ------
    ValueError
        Saying what is wrong with it; a name that leads out of its folder, too.
    """
    value = parse(data)
    if not isinstance(value, dict) or "shards" not in value:
        raise ValueError("it lists no shards")
    return read_as(StreamIndex, value)
