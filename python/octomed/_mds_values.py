"""Python values to the bytes of an MDS column, and back, as mosaicml-streaming 0.13 defines them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from octomed.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Stored = bytes | tuple[str, Sequence[int], Any]

#: Encodings of one number, with the NumPy type that stores it.
SCALARS: dict[str, Any] = {
    "int": np.int64,
    "uint8": np.uint8,
    "uint16": np.uint16,
    "uint32": np.uint32,
    "uint64": np.uint64,
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "float16": np.float16,
    "float32": np.float32,
    "float64": np.float64,
}

#: Types of the arrays that MDS stores, by a key that is found faster than NumPy builds the name.
ARRAYS = {np.dtype(name): name for name in SCALARS if name != "int"}

#: Encodings that store a value as text, with its Python type.
TEXTS: dict[str, type] = {"str": str, "str_int": int, "str_float": float, "str_decimal": Decimal}


def encoder_of(column: str, encoding: str) -> Callable[[Any], Stored]:
    """Return the function that encodes values of a column.

    Bytes pass through in every encoding. Arrays are given as data type, shape and the bytes of their
    values, which are not copied; their header is written by the engine.

    Parameters
    ----------
    column : str
        Name of the column, for messages.
    encoding : str
        A valid encoding of MDS.

    Returns
    -------
    callable
        Raises `DataError` for a value that the encoding does not take.
    """
    encode = _encoder(encoding)

    def checked(value: Any) -> Stored:  # noqa: ANN401
        if isinstance(value, bytes):
            return value
        try:
            return encode(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(f"column `{column}` ({encoding}) cannot store the value: {error}") from error

    return checked


def _encoder(encoding: str) -> Callable[[Any], Stored]:
    if encoding.partition(":")[0] == "ndarray":
        return _array
    if encoding in TEXTS:
        return _text_encoder(TEXTS[encoding])
    if encoding == "int":
        return lambda value: np.int64(_typed(value, int)).tobytes()
    if encoding in SCALARS:
        return lambda value: SCALARS[encoding](value).tobytes()
    return _json if encoding == "json" else _only_bytes


def _typed(value: Any, kind: type) -> Any:  # noqa: ANN401
    if not isinstance(value, kind):
        raise TypeError(f"it is {type(value).__name__}, not {kind.__name__}")
    return value


def _text_encoder(kind: type) -> Callable[[Any], bytes]:
    return lambda value: str(_typed(value, kind)).encode()


def _json(value: Any) -> bytes:  # noqa: ANN401
    return json.dumps(value.tolist() if isinstance(value, np.ndarray) else value).encode()


def _only_bytes(value: Any) -> bytes:  # noqa: ANN401
    return bytes(_typed(value, bytes))


def _array(value: Any) -> Stored:  # noqa: ANN401
    array = _typed(value, np.ndarray)
    name = ARRAYS.get(array.dtype)
    if name is not None:
        return name, array.shape, array.reshape(-1).view(np.uint8)
    native = array.dtype.newbyteorder("=")
    if native not in ARRAYS:
        raise TypeError(f"MDS stores no arrays of {array.dtype}")
    return _array(array.astype(native))


def decode(encoding: str, stored: Stored) -> Any:  # noqa: ANN401
    """Return the value that a column stores.

    Images and pickles are returned as their bytes: nothing is opened or executed.

    Parameters
    ----------
    encoding : str
        A valid encoding of MDS.
    stored : bytes or tuple
        The bytes, or data type, shape and values of an array.

    Raises
    ------
    ValueError
        If the bytes are not what the encoding says.
    """
    if isinstance(stored, tuple):
        dtype, shape, values = stored
        return np.frombuffer(values, np.dtype(dtype).newbyteorder("<")).reshape(shape)
    if encoding == "int":
        return int(np.frombuffer(stored, np.int64)[0])
    if encoding in SCALARS:
        return np.frombuffer(stored, SCALARS[encoding])[0]
    if encoding in TEXTS:
        return TEXTS[encoding](stored.decode())
    return json.loads(stored) if encoding == "json" else stored
