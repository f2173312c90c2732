"""The machine and what is installed on it, for `octomed doctor`: no package is loaded for its version."""

from __future__ import annotations

import platform
import resource
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from octomed import _octomed, machine
from octomed.report.diagnosis import Finding
from octomed.report.units import bytes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEEDED = ("pyarrow", "numpy", "pydantic", "obstore")
_EXTRAS = (
    "torch", "transformers", "mosaicml", "mosaicml-streaming", "huggingface_hub", "boto3", "datasets",
    "tokenizers",
)  # fmt: skip
_WORKER_BYTES = 448 * 2**20
_BASE_BYTES = 2**30
"""What a run takes with one worker, about, and what each further one adds."""

_LEAST_FILES = 1024
_LEAST_SHARED = 2**30
_SMI_SECONDS = 10
_TORCH_SECONDS = 120
_ASK_TORCH = (
    "import torch; print(torch.version.cuda or 'none'); "
    "print(torch.cuda.device_count() if torch.cuda.is_available() else 0)"
)
_DRIVER_HINT = "install a PyTorch that was built for the driver's CUDA, or a newer driver"


def versions() -> Iterator[Finding]:
    """Yield the versions of this program, of Python, and of the packages that it may meet."""
    yield Finding("versions", "octomed", _octomed.__version__, values={"version": _octomed.__version__})
    python = f"{platform.python_implementation()} {platform.python_version()}"
    yield Finding("versions", "python", python, values={"version": platform.python_version()})
    for name in (*_NEEDED, *_EXTRAS):
        found = _version(name)
        if found is not None:
            yield Finding("versions", name, found, values={"version": found})
        elif name in _NEEDED:
            hint = "install octomed again, with what it depends on"
            yield Finding("versions", name, "not installed", "failed", hint)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def the_machine() -> Iterator[Finding]:
    """Yield the system, cores, memory and limits of this process."""
    yield Finding("machine", "system", platform.platform(terse=False))
    cores, all_cores = machine.cores(), machine.all_cores()
    limited = f" of {all_cores}, as affinity and control groups leave" if cores < all_cores else ""
    yield Finding("machine", "cores", f"{cores}{limited}", values={"cores": cores, "all": all_cores})
    yield _memory(cores)
    yield _huge_pages()
    yield from _limits()


def _memory(cores: int) -> Finding:
    memory, free = machine.memory(), machine.available_memory()
    said = bytes_of(memory) + (f", {bytes_of(free)} available" if free is not None else "")
    wanted = _BASE_BYTES + cores * _WORKER_BYTES
    few = max(1, (memory - _BASE_BYTES) // _WORKER_BYTES)
    complaint = None
    if memory < wanted:
        complaint = f"a run takes about {bytes_of(wanted)} with {cores} workers: use `--workers {few}`"
    return Finding.judged("machine", "memory", said, complaint, bytes=memory, available=free)


def _huge_pages() -> Finding:
    text = " ".join(_lines("/sys/kernel/mm/transparent_hugepage/enabled"))
    chosen = text.partition("[")[2].partition("]")[0] or "not known"
    complaint = None
    if chosen == "never":
        complaint = (
            "tokenizing is slower without: `echo madvise > /sys/kernel/mm/transparent_hugepage/enabled`"
        )
    return Finding.judged("machine", "huge pages", chosen, complaint, setting=chosen)


def _limits() -> Iterator[Finding]:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    complaint = "raise it: `ulimit -n 4096`" if 0 <= files < _LEAST_FILES else None
    yield Finding.judged("machine", "open files", f"{files:,} at once", complaint, limit=files)
    if Path("/dev/shm").is_dir():  # noqa: S108 looked at, not written
        size = shutil.disk_usage("/dev/shm").total  # noqa: S108 looked at, not written
        complaint = None
        if size < _LEAST_SHARED:
            complaint = "loaders of a training share it: give a container `--shm-size=8g`"
        yield Finding.judged("machine", "shared memory", bytes_of(size), complaint, bytes=size)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []


def gpus() -> Iterator[Finding]:
    """Yield the GPUs that the driver names, and whether PyTorch reaches them."""
    found = _driver_says()
    if not found:
        yield Finding("gpu", "gpu", "none found: packing needs none, a training of a real model does")
        return
    for number, line in enumerate(found):
        name, driver, memory = [*(part.strip() for part in line.split(",")), "", ""][:3]
        yield Finding("gpu", f"gpu {number}", f"{name}, {memory}, driver {driver}", values={"driver": driver})
    if _version("torch") is not None:
        yield _torch(len(found))


def _driver_says() -> list[str]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    query = [program, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    done = _answer(query, _SMI_SECONDS)
    return [line for line in (done or "").splitlines() if line.strip()]


def _torch(gpus: int) -> Finding:
    """Ask PyTorch in a process of its own: loading it takes seconds, and a broken driver may end it."""
    done = _answer([sys.executable, "-c", _ASK_TORCH], _TORCH_SECONDS)
    lines = (done or "").split()
    if len(lines) != 2:  # noqa: PLR2004 what is printed
        return Finding("gpu", "torch", "does not load", "warning", "see what `python -c 'import torch'` says")
    cuda, reached = lines[0], int(lines[1])
    said = f"built for CUDA {cuda}, reaches {reached} of {gpus}"
    return Finding.judged("gpu", "torch", said, None if reached == gpus else _DRIVER_HINT, reached=reached)


def _answer(command: list[str], seconds: float) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 of ours
            command, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
