"""Make the archives that the tests read: as Python's own modules write them."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
MEMBERS = {
    "a.jpg": b"first",
    "images/b c.png": b"second " * 500,
    "images/é医.png": b"third",
    "empty.png": b"",
    "deep/" + "x" * 120 + "/" + "y" * 90 + ".jpg": b"long",
}
LINKS = [
    ("same.jpg", tarfile.LNKTYPE, "./a.jpg"),
    ("link.jpg", tarfile.SYMTYPE, "a.jpg"),
    ("lost.jpg", tarfile.LNKTYPE, "z"),
    ("pipe", tarfile.FIFOTYPE, ""),
]
FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


class Stream(io.RawIOBase):
    """What cannot be sought in, so that sizes stand behind the members."""

    def __init__(self) -> None:
        """Begin with nothing written."""
        self.parts: list[bytes] = []

    def writable(self) -> bool:
        """Say that it is written to."""
        return True

    def write(self, data: bytes) -> int:
        """Keep what is written."""
        self.parts.append(bytes(data))
        return len(data)


def make_zip(
    target: Path | Stream, compression: int, *, comment: bytes = b"", force_zip64: bool = False
) -> None:
    """Write the members as a `.zip`."""
    with zipfile.ZipFile(target, "w", compression) as archive:
        archive.mkdir("images")
        for member, content in MEMBERS.items():
            info = zipfile.ZipInfo(member, (2020, 1, 1, 0, 0, 0))
            with archive.open(info, "w", force_zip64=force_zip64) as file:
                file.write(content)
        archive.comment = comment


def make_tar(target: Path, form: int) -> None:
    """Write the members as a `.tar`, and links."""
    with tarfile.open(target, "w", format=form) as archive:
        folder = tarfile.TarInfo("./images/")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for member, content in MEMBERS.items():
            info = tarfile.TarInfo("./" + member)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, kind, linked in LINKS:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, linked
            archive.addfile(info)


def main() -> None:
    """Write all archives next to this file."""
    make_zip(HERE / "deflated.zip", zipfile.ZIP_DEFLATED)
    make_zip(HERE / "comment.zip", zipfile.ZIP_STORED, comment=b"a comment PK\x05\x06")
    make_zip(HERE / "zip64.zip", zipfile.ZIP_DEFLATED, force_zip64=True)
    stream = Stream()
    make_zip(stream, zipfile.ZIP_DEFLATED)
    (HERE / "stream.zip").write_bytes(b"#!/bin/sh\n" + b"".join(stream.parts))
    with zipfile.ZipFile(HERE / "lzma.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr(zipfile.ZipInfo("a.jpg"), b"first", zipfile.ZIP_LZMA)
    for name, form in FORMATS.items():
        make_tar(HERE / f"{name}.tar", form)


if __name__ == "__main__":
    main()
