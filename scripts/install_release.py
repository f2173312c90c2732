"""Install the package as users have it, from a wheel where one is at hand, else compiled, and say how far that is.

`python scripts/install_release.py` installs into the environment of the Python that runs it. `WHEEL=PATH` in the environment
names the wheel to take; without it the newest in `dist/` is taken, unless a source file is newer than it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TOP = Path(__file__).resolve().parent.parent
PIP = [sys.executable, "-m", "pip", "install"]
EVERY = 10.0
"""Seconds between two lines of progress where they are not written over each other."""
SOURCES = ("Cargo.toml", "Cargo.lock", "pyproject.toml", "rust", "python", "recipes")


def main() -> int:
    """Install, and return the exit code of what was run."""
    wheel, why = wheel_at_hand(TOP / "dist", os.environ.get("WHEEL"))
    if why:
        say(why)
    if wheel is not None:
        say(f"installing {wheel}")
        return subprocess.call([*PIP, "--quiet", "--force-reinstall", "--no-deps", wheel]) or subprocess.call(
            [*PIP, "--quiet", wheel]
        )
    return compiled()


def say(text: str) -> None:
    """Print a line at once, also where nobody reads by the line."""
    print(text, flush=True)


def wheel_at_hand(folder: Path, named: str | None) -> tuple[Path | None, str]:
    """Return the wheel to install, if any, and what there is to say about one that is not taken."""
    if named:
        if not Path(named).is_file():
            sys.exit(f"error: there is no wheel `{named}`\nhint: WHEEL is the path of a .whl file")
        return Path(named), ""
    fitting = [path for path in folder.glob("octomed-*.whl") if fits(path)]
    if not fitting:
        return None, ""
    newest = max(fitting, key=lambda path: path.stat().st_mtime)
    newer = next(newer_than(newest, (TOP / name for name in SOURCES)), None)
    if newer is None:
        return newest, ""
    return (
        None,
        f"{newest} is older than {newer.relative_to(TOP)}: compiling; WHEEL={newest} takes it all the same",
    )


def fits(wheel: Path) -> bool:
    """Tell whether pip would install a wheel here."""
    dry = [*PIP, "--quiet", "--dry-run", "--no-deps", "--force-reinstall", wheel]
    return subprocess.run(dry, check=False, capture_output=True).returncode == 0


def newer_than(wheel: Path, places: Iterable[Path]) -> Iterator[Path]:
    """Yield the source files that were changed after a wheel was built."""
    when = wheel.stat().st_mtime
    for place in places:
        files = place.rglob("*") if place.is_dir() else [place]
        yield from (
            path
            for path in files
            if path.is_file()
            and path.suffix not in {".pyc", ".so"}
            and "fuzz" not in path.parts
            and path.stat().st_mtime > when
        )


def compiled() -> int:
    """Compile with pip, and show which crate is at work."""
    total = crates()
    say(f"compiling the extension in release mode, {total or 'some 180'} crates: minutes the first time")
    command = [*PIP, "--verbose", "."]
    pip = subprocess.Popen(command, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert pip.stdout is not None
    last = follow(pip.stdout, total, sys.stdout)
    code = pip.wait()
    if code:
        print(*last, sep="", file=sys.stderr)
        hint = "install a Rust toolchain, 1.89 or newer, or name a wheel: WHEEL=PATH make quickstart"
        print(f"error: the package was not built\nhint: {hint}", file=sys.stderr)
    return code


def crates() -> int | None:
    """Return how many crates the extension is made of, or None where cargo cannot say."""
    command = ["cargo", "tree", "--package", "octomed-python", "--edges", "normal,build", "--prefix", "none"]
    try:
        done = subprocess.run(command, cwd=TOP, check=False, capture_output=True, text=True)
    except OSError:
        return None
    names = {" ".join(line.split()[:2]) for line in done.stdout.splitlines() if line.strip()}
    return len(names) if done.returncode == 0 else None


def follow(lines: Iterable[str], total: int | None, screen: TextIO) -> deque[str]:
    """Show what a build is at, and return the last lines of it."""
    last: deque[str] = deque(maxlen=60)
    began = shown = time.monotonic()
    count = 0
    over = screen.isatty()
    for line in lines:
        last.append(line)
        doing = doing_now(line)
        if doing is None:
            continue
        count += doing.startswith("compiling ")
        now = time.monotonic()
        if over or now - shown >= EVERY or doing.startswith(("compiling octomed-python", "installing")):
            shown = now
            of = f"{min(count, total)} of {total}" if total else str(count)
            text = f"{of} crates, {now - began:3.0f} s: {doing}"
            print(f"\r\x1b[K{text}" if over else text, end="" if over else "\n", file=screen, flush=True)
    if over:
        print(file=screen, flush=True)
    return last


def doing_now(line: str) -> str | None:
    """Return what a line of pip's or cargo's says that is being done."""
    found = re.match(r"\s*(Compiling|Downloading|Downloaded|Collecting|Installing collected) (\S+)", line)
    if found is None:
        return None
    what, name = found[1].lower(), found[2]
    if name == "octomed-python":
        return "compiling octomed-python, the last: then all of it is linked and optimized as one"
    return "installing what it needs" if what.startswith("installing") else f"{what} {name}"


if __name__ == "__main__":
    sys.exit(main())
