"""Make the archives that the tests read: as Python's own modules write them."""

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


class Stream(io.RawIOBase):
    """What cannot be sought in, so that sizes stand behind the members."""

    def __init__(self):
        self.parts = []

    def writable(self):
        return True

    def write(self, data):
        self.parts.append(bytes(data))
        return len(data)


def make_zip(name, target, compression, **settings):
    with zipfile.ZipFile(target, "w", compression) as archive:
        archive.mkdir("images")
        for member, content in MEMBERS.items():
            with archive.open(zipfile.ZipInfo(member, (2020, 1, 1, 0, 0, 0)), "w", **settings) as file:
                file.write(content)
        archive.comment = b"a comment PK\x05\x06" if name == "comment" else b""


def main():
    make_zip("deflated", HERE / "deflated.zip", zipfile.ZIP_DEFLATED)
    make_zip("comment", HERE / "comment.zip", zipfile.ZIP_STORED)
    make_zip("zip64", HERE / "zip64.zip", zipfile.ZIP_DEFLATED, force_zip64=True)
    stream = Stream()
    make_zip("stream", stream, zipfile.ZIP_DEFLATED)
    (HERE / "stream.zip").write_bytes(b"#!/bin/sh\n" + b"".join(stream.parts))
    with zipfile.ZipFile(HERE / "lzma.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr(zipfile.ZipInfo("a.jpg"), b"first", zipfile.ZIP_LZMA)
    for form, number in (("ustar", tarfile.USTAR_FORMAT), ("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT)):
        with tarfile.open(HERE / f"{form}.tar", "w", format=number) as archive:
            folder = tarfile.TarInfo("./images/")
            folder.type = tarfile.DIRTYPE
            archive.addfile(folder)
            for member, content in MEMBERS.items():
                info = tarfile.TarInfo("./" + member)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            for name, kind, target in (("same.jpg", tarfile.LNKTYPE, "./a.jpg"), ("link.jpg", tarfile.SYMTYPE, "a.jpg"), ("lost.jpg", tarfile.LNKTYPE, "z"), ("pipe", tarfile.FIFOTYPE, "")):
                info = tarfile.TarInfo(name)
                info.type, info.linkname = kind, target
                archive.addfile(info)


if __name__ == "__main__":
    main()
