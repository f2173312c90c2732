"""Text to token ids, equal to Hugging Face `tokenizers` in every id, at the speed of memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from octomed import _octomed
from octomed.errors import DataError, RecipeError, StorageError
from octomed.machine import cores
from octomed.pipeline.models.model_files import refuse_foreign

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from numpy.typing import ArrayLike, NDArray

__all__ = ["TokenBatch", "Tokenizer"]


@dataclass(frozen=True, eq=False)
class TokenBatch:
    """The ids of many texts in one buffer.

    A sequence of texts, each a view of its ids.

    Attributes
    ----------
    ids : ndarray of uint32, shape [tokens]
        The ids of all texts, one after the other; a view of the engine's own memory.
    offsets : ndarray of int64, shape [texts + 1]
        The ids of text ``n`` are ``ids[offsets[n]:offsets[n + 1]]``.
    """

    ids: NDArray[np.uint32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.offsets) - 1

    def __getitem__(self, text: int) -> NDArray[np.uint32]:
        """Return the ids of one text; negative numbers count from the end."""
        texts = len(self)
        if not -texts <= text < texts:
            raise IndexError(f"text {text} of {texts}")
        text %= texts
        return self.ids[self.offsets[text] : self.offsets[text + 1]]


class Tokenizer:
    """A byte-level BPE tokenizer.

    Ids are those of `tokenizers` 0.22.2 with ``encode_special_tokens=True`` and without the
    post-processor: special tokens typed in a text stay text, added tokens that are not special match.
    A file that the fast path does not know is left to the `tokenizers` crate; `path` says so.

    Threads may share one; the encoders that it keeps between batches remember words in bounded memory,
    about 60 MB for each thread.

    Examples
    --------
    >>> from octomed import Tokenizer
    >>> tokenizer = Tokenizer.builtin("qwen2.5")
    >>> batch = tokenizer.encode_batch(["Fever and a stiff neck.", "Hello"])
    >>> batch[1].tolist()
    [9707]
    >>> tokenizer.decode(batch[0])
    'Fever and a stiff neck.'
    """

    def __init__(self, native: _octomed.Tokenizer) -> None:
        self._native = native

    @classmethod
    def from_file(cls, path: str | PathLike[str]) -> Tokenizer:
        """Read a `tokenizer.json`.

        Parameters
        ----------
        path : path-like
            The file, or a folder that holds a `tokenizer.json`.

        Raises
        ------
        StorageError
            When the file cannot be read.
        RecipeError
            When it is not a tokenizer.
        """
        file = Path(path)
        if file.is_dir():
            file = file / "tokenizer.json"
        try:
            content = file.read_bytes()
        except OSError as error:
            raise StorageError(
                f"cannot read the tokenizer `{file}`: {error.strerror}", errno=error.errno
            ) from error
        refuse_foreign(file, content)
        try:
            return cls(_octomed.Tokenizer.from_json(content))
        except RecipeError as error:
            raise RecipeError(f"{file}: {error.message}", error.hint) from None

    @classmethod
    def builtin(cls, name: str) -> Tokenizer:
        """Take a vocabulary that the package carries.

        Parameters
        ----------
        name : str
            ``"qwen2.5"`` (Qwen2.5 and Qwen2.5-VL) or ``"qwen3"`` (Qwen3 and Qwen3-VL).

        Raises
        ------
        RecipeError
            For any other name.
        """
        return cls(_octomed.Tokenizer.builtin(name))

    @property
    def path(self) -> str:
        """Which way text takes: ``"byte-level BPE"``, or ``"tokenizers crate: <why>"``."""
        return self._native.path

    @property
    def vocabulary_size(self) -> int:
        """One more than the largest id, added tokens included."""
        return self._native.vocabulary_size

    @property
    def content_hash(self) -> str:
        """A hash of everything that decides the ids, as 32 hexadecimal digits."""
        return self._native.content_hash

    @property
    def special_tokens(self) -> dict[str, int]:
        """Added tokens marked special, with their ids."""
        return dict(self._native.special_tokens())

    def token_to_id(self, token: str) -> int | None:
        """Return the id of a token as the vocabulary writes it, or None."""
        return self._native.token_to_id(token)

    def encode(self, text: str) -> NDArray[np.uint32]:
        """Encode one text; many are encoded faster together, by :meth:`encode_batch`.

        Parameters
        ----------
        text : str
            The text.

        Returns
        -------
        ndarray of uint32
            Its ids.

        Raises
        ------
        DataError
            When it is no text, or holds surrogates.
        """
        if not isinstance(text, str):
            hint = (
                "`encode_batch` takes many texts"
                if isinstance(text, list | tuple | pa.Array)
                else "give a `str`"
            )
            raise DataError(f"`encode` takes one text, and this is a {type(text).__name__}", hint)
        return self.encode_batch([text], threads=1)[0]

    def encode_batch(
        self, strings: pa.Array | pa.ChunkedArray | Sequence[str], *, threads: int | None = None
    ) -> TokenBatch:
        """Encode many texts at once.

        Parameters
        ----------
        strings : pyarrow Array or ChunkedArray of strings, or sequence of str
            The texts. Arrow strings (string, large_string, string_view) are read where they lie;
            Python strings are each looked up first.
        threads : int, optional
            How many threads work; all cores by default.

        Returns
        -------
        TokenBatch
            Ids and offsets over one buffer.

        Raises
        ------
        DataError
            When a text is null, not UTF-8 or holds surrogates; the message names its row. When one text is
            given instead of many.
        """
        if threads is not None and threads < 1:
            raise DataError(f"threads is {threads}", hint="give at least 1")
        if isinstance(strings, str | bytes | bytearray):  # a sequence too, of characters
            hint = "`encode(text)` takes one text, `encode_batch([text])` a list of them"
            raise DataError("`encode_batch` takes many texts, and this is one", hint)
        threads = threads or cores()
        if isinstance(strings, (pa.Array, pa.ChunkedArray)):
            chunks = strings.chunks if isinstance(strings, pa.ChunkedArray) else [strings]
            ids, offsets = self._native.encode_arrays([_as_bytes(chunk) for chunk in chunks], threads)
        else:
            ids, offsets = self._native.encode_list(list(strings), threads)
        return TokenBatch(ids.to_numpy(zero_copy_only=True), offsets.to_numpy(zero_copy_only=True))

    def decode(self, ids: ArrayLike) -> str:
        """Return the text of ids, special tokens written out; bytes that are not UTF-8 become U+FFFD.

        Raises
        ------
        DataError
            When an id is outside the vocabulary.
        """
        array = pa.array(np.ascontiguousarray(ids, dtype=np.uint32))
        return bytes(self._native.decode(array)).decode("utf-8", errors="replace")


def _as_bytes(strings: pa.Array) -> pa.Array:
    """Return the strings' bytes, not copied: Arrow vouches for no UTF-8, and the engine names a bad row."""
    if pa.types.is_string(strings.type):
        return strings.cast(pa.binary())
    if pa.types.is_large_string(strings.type):
        return strings.cast(pa.large_binary())
    return strings
