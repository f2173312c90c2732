"""Fuzz everything that reads what is foreign, and write what came of it to a JSON file.

    python scripts/fuzz.py --seconds 60 --targets json_rows,parquet --jobs 1 --out fuzz.json

Targets are those of `rust/fuzz` (they want cargo-fuzz and a nightly toolchain) and the surfaces of `tests/fuzz`;
`rust` and `python` stand for all of each.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

TOP = Path(__file__).parents[1]
sys.path.insert(0, str(TOP))

from tests.fuzz.campaign import fuzz  # noqa: E402 the path is set first
from tests.fuzz.surfaces import SURFACES  # noqa: E402

FUZZ = TOP / "rust/fuzz"
BUILT = Path(os.environ.get("CARGO_TARGET_DIR", TOP / "target")).absolute()
RUST = sorted(path.stem for path in (FUZZ / "targets").glob("*.rs"))
SLOW_SECONDS, PEAK_MB = 20, 4096
CRASHES = 5
"""After so many a target's time ends early."""
INSTALL = """fuzzing wants cargo-fuzz and a nightly toolchain:
  rustup toolchain install nightly
  cargo install cargo-fuzz"""


def possible() -> bool:
    """Whether the tools are there."""
    for words in (["cargo", "+nightly", "--version"], ["cargo-fuzz", "--version"]):
        try:
            subprocess.run(words, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return False
    return True


def build() -> None:
    """Build all targets with AddressSanitizer."""
    words = [
        "cargo",
        "+nightly",
        "fuzz",
        "build",
        "--fuzz-dir",
        str(FUZZ),
        "--target-dir",
        str(BUILT / "fuzz"),
    ]
    subprocess.run(words, check=True, cwd=TOP)


def binary(target: str) -> Path:
    """Where cargo-fuzz puts a target."""
    return next((BUILT / "fuzz").glob(f"*/release/{target}"))


def rust(target: str, seconds: int, _seed: int, found: Path) -> dict[str, Any]:
    """Run a target for so long, beginning from the corpus in the tree and what earlier runs added to it."""
    corpora = [BUILT / "fuzz-corpus" / target, FUZZ / "corpus" / target]
    for folder in (*corpora, found):
        folder.mkdir(parents=True, exist_ok=True)
    dictionary = FUZZ / "dictionaries" / f"{target}.dict"
    options = [
        "-print_final_stats=1",
        f"-timeout={SLOW_SECONDS}",
        f"-rss_limit_mb={PEAK_MB}",
        "-max_len=4096",
    ]
    options += [
        f"-artifact_prefix={found}/{target}-",
        *([f"-dict={dictionary}"] if dictionary.exists() else []),
    ]
    begin, said = time.monotonic(), ""
    result: dict[str, Any] = {"target": target, "runs": 0, "coverage": 0, "new coverage": 0, "peak MB": 0}
    result["findings"] = []
    while (rest := seconds - (time.monotonic() - begin)) > 1 and len(result["findings"]) < CRASHES:
        words = [str(binary(target)), f"-max_total_time={int(rest)}", *options, *map(str, corpora)]
        ended = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
        said = ended.stderr
        take(said, result)
        if ended.returncode == 0:
            break
        if is_slow_machine(target, kept(said)):
            result["waited for the machine"] = result.get("waited for the machine", 0) + 1
            continue
        result["findings"].append({"exit": ended.returncode, "file": kept(said), "said": telling(said)})
    result["seconds"] = round(time.monotonic() - begin, 1)
    return result


def is_slow_machine(target: str, kept_input: str) -> bool:
    """Whether an input timed out only because others had the cores: libFuzzer counts seconds of the clock."""
    if "/timeout-" not in kept_input and f"{target}-timeout-" not in kept_input:
        return False
    words = [str(binary(target)), f"-timeout={10 * SLOW_SECONDS}", kept_input]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        _, status, used = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
    return run.returncode == 0 and used.ru_utime + used.ru_stime < SLOW_SECONDS


def take(said: str, result: dict[str, Any]) -> None:
    """Read libFuzzer's figures."""
    coverage = [int(number) for number in re.findall(r"^#\d+\s.*\bcov: (\d+)", said, re.MULTILINE)]
    for name, key in (("number_of_executed_units", "runs"), ("peak_rss_mb", "peak MB")):
        for number in re.findall(rf"stat::{name}:\s+(\d+)", said):
            result[key] = result[key] + int(number) if key == "runs" else max(result[key], int(number))
    if coverage:
        result["new coverage"] += coverage[-1] - coverage[0]
        result["coverage"] = max(result["coverage"], coverage[-1])


def telling(said: str) -> str:
    """Return the lines that say what went wrong, and the first calls of our own code."""
    lines = re.findall(r"^.*(?:panic|ERROR:|SUMMARY:|assertion|rust/).*$", said, re.MULTILINE)
    return "\n".join(lines[:20])[:3000]


def kept(said: str) -> str:
    """Return the input that libFuzzer kept of a crash."""
    match = re.search(r"Test unit written to (\S+)", said)
    return match[1] if match else ""


def python(surface: str, seconds: int, seed: int, found: Path) -> dict[str, Any]:
    """Damage files of a surface for so long."""
    outcome = fuzz(surface, seed=seed, seconds=seconds, keep=found)
    return {
        "target": surface,
        "seconds": outcome.seconds,
        "runs": outcome.cases,
        "peak MB": outcome.peak_mb,
        "exit codes": outcome.codes,
        "findings": outcome.findings,
    }


def chosen_targets(names: str) -> list[str]:
    """Return the targets that the words name."""
    groups = {"all": [*RUST, *SURFACES], "rust": RUST, "python": list(SURFACES)}
    wanted: list[str] = []
    for name in re.split(r"[,\s]+", names.strip()):
        if name not in groups and name not in groups["all"]:
            sys.exit(
                f"there is no target `{name}`; targets are {', '.join(groups['all'])}, and all, rust, python"
            )
        wanted += groups.get(name, [name])
    return list(dict.fromkeys(wanted))


def main() -> int:
    """Run the targets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--targets", default="all")
    parser.add_argument("--jobs", type=int, default=1, help="targets at a time")
    parser.add_argument("--seed", type=int, default=1, help="of the surfaces of tests/fuzz")
    parser.add_argument(
        "--out", type=Path, help="a JSON file for the table, in which other targets keep theirs"
    )
    parser.add_argument(
        "--if-possible", action="store_true", help="leave out what the machine has no tools for"
    )
    chosen = parser.parse_args()
    targets = chosen_targets(chosen.targets)
    if any(target in RUST for target in targets):
        if possible():
            build()
        elif chosen.if_possible:
            print(f"not fuzzed: {', '.join(target for target in targets if target in RUST)}\n{INSTALL}")
            targets = [target for target in targets if target not in RUST]
        else:
            sys.exit(INSTALL)
    results: list[dict[str, Any]] = []
    lock, found = Lock(), BUILT / "fuzz-found"
    shutil.rmtree(found, ignore_errors=True)

    def run(target: str) -> None:
        one = rust if target in RUST else python
        result = one(target, chosen.seconds, chosen.seed, found)
        with lock:
            results.append(result)
            show(result)
            if chosen.out:
                write_table(chosen.out, results)

    with ThreadPoolExecutor(chosen.jobs) as pool:
        list(pool.map(run, targets))
    tidy()
    return int(any(result["findings"] for result in results))


def write_table(path: Path, results: list[dict[str, Any]]) -> None:
    """Write results in place of older ones of the same targets; those of other targets stay."""
    told = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    table = {one["target"]: one for one in [*told, *results]}
    text = json.dumps([table[target] for target in sorted(table)], indent=1) + "\n"
    path.write_text(text, encoding="utf-8")


def tidy() -> None:
    """Remove the folders in memory of targets that ended."""
    for folder in Path("/dev/shm").glob("octomed-fuzz-*-*"):  # noqa: S108 where targets put them
        number = folder.name.rpartition("-")[2]
        if number.isdigit() and not Path("/proc", number).exists():
            shutil.rmtree(folder, ignore_errors=True)


def show(result: dict[str, Any]) -> None:
    """Print a line of the table, and what was found."""
    coverage = (
        f", {result['coverage']} edges, {result['new coverage']} of them new" if "coverage" in result else ""
    )
    print(
        f"{result['target']}: {result['runs']} runs in {result['seconds']:.0f} s{coverage}, "
        f"at most {result['peak MB']} MB, {len(result['findings'])} findings",
        flush=True,
    )
    for finding in result["findings"]:
        print(json.dumps(finding, ensure_ascii=True), flush=True)


if __name__ == "__main__":
    sys.exit(main())
