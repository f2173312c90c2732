"""What a node has, asked by a function that needs no octomed there: it travels as code, not by name."""

from __future__ import annotations


def probe() -> dict[str, str]:
    """Return host, Python, and of octomed versions and the hashes of its code; `missing` where it has none.

    Examples
    --------
    >>> found = probe()
    >>> sorted(found)[:4], "missing" in found
    (['code', 'extension', 'folder', 'host'], False)
    """
    import hashlib  # noqa: PLC0415 all of it is imported where it runs
    import platform  # noqa: PLC0415
    import socket  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    found = {
        "host": socket.gethostname(),
        "python": platform.python_version(),
        "processor": platform.machine(),
    }
    try:
        from octomed import _octomed  # noqa: PLC0415
    except BaseException as error:  # noqa: BLE001 told by the driver, whatever it is
        return {**found, "missing": f"{type(error).__name__}: {error}"}

    def digest(paths: list[Path]) -> str:
        hashed = hashlib.blake2b(digest_size=8)
        for path in sorted(paths):
            hashed.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
        return hashed.hexdigest()

    folder = Path(str(_octomed.__file__)).parent
    return {
        **found,
        "octomed": str(_octomed.__version__),
        "stages": f"{_octomed.SCAN_VERSION}.{_octomed.WRITE_VERSION}",
        "code": digest([*folder.rglob("*.py"), *folder.rglob("*.yaml")]),
        "extension": digest([Path(str(_octomed.__file__))]),
        "folder": str(folder),
    }
