"""A curated trace, as other trainers' formats are made of it."""

from __future__ import annotations

from dataclasses import dataclass

_KINDS = (
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG", "png"),
    (b"GIF8", "gif"),
    (b"BM", "bmp"),
    (b"II*\0", "tif"),
    (b"MM\0*", "tif"),
)


@dataclass(frozen=True)
class Turn:
    """A turn of a conversation.

    Attributes
    ----------
    role
        `system`, `user`, `assistant` or `tool`.
    pieces
        Its texts, and the numbers of images among those of the trace, in order.
    learned
        Whether the model learns to say it.
    """

    role: str
    pieces: tuple[str | int, ...]
    learned: bool = False

    @property
    def text(self) -> str:
        """What is said, without images.

        Examples
        --------
        >>> Turn("user", ("See ", 0, " and ", 1, ".")).text
        'See  and .'
        """
        return "".join(piece for piece in self.pieces if isinstance(piece, str))

    def with_marks(self, mark: str) -> str:
        """Return what is said, with a mark in the place of each image.

        Examples
        --------
        >>> Turn("user", (0, "What is it?")).with_marks("<image>")
        '<image>What is it?'
        """
        return "".join(piece if isinstance(piece, str) else mark for piece in self.pieces)


@dataclass(frozen=True)
class ExportedImage:
    """An image of a trace.

    Attributes
    ----------
    hash
        Of its bytes as they came, 16 hexadecimal digits.
    place
        Where the row has it.
    data
        Its bytes as the run stores them.
    """

    hash: str
    place: str
    data: bytes

    @property
    def name(self) -> str:
        r"""A name for its file.

        Examples
        --------
        >>> ExportedImage("00000000000000ff", "scan", b"\x89PNG\r\n").name
        '00000000000000ff.png'
        """
        other = "webp" if self.data[:4] == b"RIFF" and self.data[8:12] == b"WEBP" else "bin"
        ending = next((kind for head, kind in _KINDS if self.data.startswith(head)), other)
        return f"{self.hash}.{ending}"


@dataclass(frozen=True)
class ExportedTrace:
    """A curated trace.

    Attributes
    ----------
    trace_id
        As provenance has it.
    source, file, row, sample
        Where it is from.
    turns
        Its conversation.
    images
        Its images, each as often as the row has it; turns name them by number.
    answer
        The right answer, where the row has one.
    copies
        In how many copies `mix` packed it.
    is_validation
        Whether it is kept out of training.
    """

    trace_id: int
    source: str
    file: str
    row: int
    sample: int
    turns: tuple[Turn, ...]
    images: tuple[ExportedImage, ...] = ()
    answer: str | None = None
    copies: int = 1
    is_validation: bool = False

    @property
    def shown(self) -> tuple[ExportedImage, ...]:
        """Its images in the order in which its turns show them."""
        places = (piece for turn in self.turns for piece in turn.pieces if isinstance(piece, int))
        return tuple(self.images[place] for place in places)
