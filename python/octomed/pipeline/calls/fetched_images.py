"""Images of the web: fetched before a block is scanned, and kept in the working store.

What came once is not asked for again: a later run takes it from the store. Why nothing came is kept with the
block alone, which is scanned again unless its task is finished.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from octomed.file_names import UNREACHABLE, task_folder
from octomed.storage import atomic_file, make_folder_inside, storage_error
from octomed.web.errors import NoImage
from octomed.web.request import Limits, ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from octomed import _octomed
    from octomed.pipeline.calls.specs import TaskSpec

LIMITS = Limits()
PAUSES = (1.0, 4.0)
"""Seconds before an address is asked once more."""

_AT_ONCE = 8
"""Questions that a block has at once: more would be rude to the one host that most sets name."""

_DIGEST = 32
_PIECE = 2**16
_POLL_SECONDS = 0.1
_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*", b"BM")
_LOCKS = tuple(threading.Lock() for _ in range(64))
"""Two blocks that show one image ask for it once: those of one remainder wait for each other."""


class _Ended(Exception):
    """What a block fetches is no longer wanted."""


def fetches(spec: TaskSpec) -> bool:
    """Tell whether the images of a task may be in the web."""
    images = spec.scanner.images
    return images is not None and images["urls"] == "fetch"


def fetch_for(
    spec: TaskSpec, scanner: _octomed.Scanner, block: _octomed.Block, number: int, check: Callable[[], None]
) -> bool:
    """Fetch the images of a block that are not kept yet, and note where one of them did not come.

    Call `settle` once the block is written: the note is what has parts of an earlier scan made again.

    Parameters
    ----------
    spec
        The task.
    scanner
        Knows which addresses its rows name.
    block, number
        The block, and its number in the task.
    check
        Raises when the run is cancelled.

    Returns
    -------
    bool
        Whether all came.

    Raises
    ------
    StorageError
        When the working store cannot be written.
    """
    failed, ended = 0, threading.Event()

    def go_on() -> None:
        if ended.is_set():
            raise _Ended
        check()

    threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="octomed-fetch")
    try:
        places = scanner.image_addresses(block).items()
        waiting = {threads.submit(_keep, spec, address, place, go_on) for address, place in places}
        while waiting:
            done, waiting = wait(waiting, _POLL_SECONDS, FIRST_COMPLETED)
            failed += sum(not one.result() for one in done)
            check()
    finally:
        ended.set()
        threads.shutdown(wait=True, cancel_futures=True)  # none writes once the store is another's
    if failed:
        spec.local.put(_note(spec, number), b"")
    return not failed


def settle(spec: TaskSpec, number: int) -> None:
    """Forget that images of a block had not come: it is written with all of them."""
    spec.local.delete(_note(spec, number))


def is_incomplete(spec: TaskSpec, number: int) -> bool:
    """Tell whether an image of a block did not come when it was scanned: another run asks again."""
    return fetches(spec) and spec.local.size(_note(spec, number)) is not None


def lacks_images(spec: TaskSpec) -> bool:
    """Tell whether images of a task did not come when it was scanned."""
    return fetches(spec) and any(spec.folder.glob(f"*{UNREACHABLE}"))


def _note(spec: TaskSpec, number: int) -> str:
    return f"{task_folder(spec.task.key)}/{number}{UNREACHABLE}"


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error("delete", path, error) from error


def _keep(spec: TaskSpec, address: str, place: Path, check: Callable[[], None]) -> bool:
    """Keep what comes of an address, unless it is kept already; return whether there is an image."""
    image = place.with_suffix(".image")
    with _LOCKS[hash(place.name) % len(_LOCKS)]:
        if _is_whole(image):
            return True
        make_folder_inside(spec.store, str(place.parent.relative_to(spec.store)), spec.mode)
        try:
            _fetch_patiently(spec, address, image, check)
        except NoImage as error:
            value = {"reason": error.reason, "detail": error.detail}
            note = place.with_suffix(".fault").relative_to(spec.store)
            spec.local.put(str(note), json.dumps(value).encode())
            return False
        return True


def _fetch_patiently(spec: TaskSpec, address: str, image: Path, check: Callable[[], None]) -> None:
    """Fetch an image, asking again where that may help."""
    for pause in (*PAUSES, None):
        check()
        try:
            return _fetch(spec, address, image, check)
        except NoImage as error:
            if pause is None or not error.passes:
                raise
        _sleep(pause, check)
    return None


def _sleep(seconds: float, check: Callable[[], None]) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        check()
        time.sleep(min(left, _POLL_SECONDS))


def _fetch(spec: TaskSpec, address: str, image: Path, check: Callable[[], None]) -> None:
    """Write what an address sends, with its digest behind it: the file is whole or not there."""
    digest = hashlib.sha256()
    pieces = _only_images(ask(address, LIMITS))
    with atomic_file(image, mode=spec.mode, sync=False) as file:
        for piece in pieces:
            check()
            digest.update(piece)
            file.write(piece)
        file.write(digest.digest())


def _only_images(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the pieces of what begins as an image does."""
    first = next(pieces, b"")
    if not (first.startswith(_STARTS) or (first[:4] == b"RIFF" and first[8:12] == b"WEBP")):
        raise NoImage(f"its host sends {_kind(first)} in place of an image", "image_kind")
    yield first
    yield from pieces


def _kind(first: bytes) -> str:
    if not first:
        return "nothing"
    is_text = first.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"<", b"{", b"["}
    return "a web page or another text" if is_text else "something else"


def _is_whole(image: Path) -> bool:
    """Tell whether an image is kept, every byte as it was written; what is not is removed."""
    try:
        with image.open("rb") as file:
            is_whole = _ends_with_its_digest(file)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise storage_error("read", image, error) from error
    if not is_whole:
        _unlink(image)
    return is_whole


def _ends_with_its_digest(file: BinaryIO) -> bool:
    left, digest = os.fstat(file.fileno()).st_size - _DIGEST, hashlib.sha256()
    while left > 0 and (piece := file.read(min(left, _PIECE))):  # not whole: several are looked at at once
        digest.update(piece)
        left -= len(piece)
    return left == 0 and file.read() == digest.digest()
