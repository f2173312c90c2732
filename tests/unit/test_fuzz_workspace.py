"""The fuzz targets are a workspace of their own: it knows what ours has become."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
FUZZ = TOP / "rust/fuzz"


def own_crates(lock: Path) -> dict[str, tuple[str, ...]]:
    """What our crates want, by name, as a lock file has it."""
    packages = lock.read_text(encoding="utf-8").split("[[package]]")[1:]
    found = {}
    for package in packages:
        (name,) = re.findall(r'^name = "([^"]+)"', package, re.MULTILINE)
        wanted = re.findall(r'^ "([^" ]+)', package, re.MULTILINE)
        if name.startswith("octomed-"):
            found[name] = tuple(wanted)
    return found


def test_its_lock_has_our_crates_as_they_are():
    ours, theirs = own_crates(TOP / "Cargo.lock"), own_crates(FUZZ / "Cargo.lock")
    # Dependencies that only tests have are in the lock of the workspace that runs these.
    missing = {
        name: [one for one in wanted if one not in ours[name]]
        for name, wanted in theirs.items()
        if name != "octomed-fuzz"
    }
    assert not any(missing.values()), missing
    for name in theirs.keys() - {"octomed-fuzz"}:
        manifest = (TOP / "rust" / name.removeprefix("octomed-").replace("-", "_") / "Cargo.toml").read_text()
        plain = manifest.split("[dependencies]", 1)[-1].split("\n[", 1)[0]
        wanted = set(re.findall(r"^(octomed-[a-z-]+)", plain, re.MULTILINE))
        assert wanted <= set(theirs[name]), f"`cargo metadata` in rust/fuzz would change its lock: {name}"


def test_every_target_has_a_file_an_entry_and_a_seed():
    manifest = (FUZZ / "Cargo.toml").read_text()
    named = set(re.findall(r'^path = "targets/(\w+)\.rs"', manifest, re.MULTILINE))
    assert named == {path.stem for path in (FUZZ / "targets").glob("*.rs")}
    assert {"answers", "evaluation"} <= named
    assert all(any((FUZZ / "corpus" / name).iterdir()) for name in named)


@pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not installed")
def test_its_manifest_is_read_offline_and_its_lock_stays():
    words = ["cargo", "metadata", "--offline", "--locked", "--format-version", "1", "--no-deps"]
    done = subprocess.run([*words, "--manifest-path", FUZZ / "Cargo.toml"], capture_output=True, check=True)
    targets = json.loads(done.stdout)["packages"][0]["targets"]
    assert {"answers", "evaluation"} <= {one["name"] for one in targets}
