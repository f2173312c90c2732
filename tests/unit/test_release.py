"""What is released, and how it is installed: one version, wheels looked through, licences and texts."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import octomed
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"scripts/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# The version


def test_the_version_has_one_place():
    version = script("version").version()
    assert octomed.__version__ == version
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[project.optional")[0]
    assert 'dynamic = ["version"]' in project
    assert not re.search(r"^version\s*=", project, re.MULTILINE)
    crates = [path for path in (ROOT / "rust").glob("*/Cargo.toml") if path.parent.name != "fuzz"]
    assert all("version.workspace = true" in path.read_text(encoding="utf-8") for path in crates)
    spelled = re.compile(rf"^(?!.*>>>).*['\"]{re.escape(version)}['\"]", re.MULTILINE)  # examples may
    sources = (ROOT / "python").rglob("*.py")
    assert [path for path in sources if spelled.search(path.read_text(encoding="utf-8"))] == []


def test_a_tag_of_another_version_is_refused():
    command = [sys.executable, ROOT / "scripts/version.py", "--is"]
    same = subprocess.run([*command, octomed.__version__], capture_output=True, text=True, check=False)
    other = subprocess.run([*command, "9.9.9"], capture_output=True, text=True, check=False)
    assert (same.returncode, same.stdout) == (0, f"{octomed.__version__}\n")
    assert (other.returncode, "not 9.9.9" in other.stderr) == (1, True)


# From a wheel, or compiled


@pytest.fixture
def install(monkeypatch):
    found = script("install_release")
    monkeypatch.setattr(found, "fits", lambda path: "x86_64" in path.name)
    monkeypatch.setattr(found, "SOURCES", ("Cargo.toml",))
    return found


def wheel(folder, name, when):
    path = folder / name
    path.touch()
    os.utime(path, (when, when))
    return path


def test_the_newest_wheel_that_fits_is_taken_unless_a_source_is_newer(install, tmp_path):
    assert install.wheel_at_hand(tmp_path, None) == (None, "")
    now = (ROOT / "Cargo.toml").stat().st_mtime
    wheel(tmp_path, "octomed-0.1.0-cp310-abi3-manylinux2014_aarch64.whl", now + 20)
    old = wheel(tmp_path, "octomed-0.0.9-cp310-abi3-manylinux2014_x86_64.whl", now - 10)
    taken, said = install.wheel_at_hand(tmp_path, None)
    assert (taken, f"WHEEL={old}" in said, "older than Cargo.toml" in said) == (None, True, True)
    new = wheel(tmp_path, "octomed-0.1.0-cp310-abi3-manylinux2014_x86_64.whl", now + 10)
    assert install.wheel_at_hand(tmp_path, None) == (new, "")
    assert install.wheel_at_hand(tmp_path, str(old)) == (old, "")
    with pytest.raises(SystemExit, match="there is no wheel"):
        install.wheel_at_hand(tmp_path, "no.whl")


def test_a_build_shows_how_far_it_is(install, monkeypatch):
    monkeypatch.setattr(install, "EVERY", 0.0)
    lines = [
        "  Collecting numpy>=1.26\n",
        "    Compiling libc v0.2.1\n",
        "    Finished\n",
        "    Compiling octomed-python v0\n",
    ]
    screen = io.StringIO()
    assert list(install.follow(lines, 2, screen)) == lines
    shown = screen.getvalue().splitlines()
    assert [re.sub(r", +\d+ s", "", line) for line in shown] == [
        "0 of 2 crates: collecting numpy>=1.26",
        "1 of 2 crates: compiling libc",
        "2 of 2 crates: compiling octomed-python, the last: then all of it is linked and optimized as one",
    ]


# Wheels


def made_wheel(folder, *, without=(), more=(), platform="manylinux_2_17_x86_64.manylinux2014_x86_64"):
    check = script("check_dist")
    version = octomed.__version__
    path = folder / f"octomed-{version}-cp310-abi3-{platform}.whl"
    licences = [f"octomed-{version}.dist-info/licenses/{name}" for name in check.LICENSES]
    with zipfile.ZipFile(path, "w") as file:
        for name in [*check.NEEDED, *licences, *more]:
            if not name.endswith(tuple(without)) or not without:
                file.writestr(name, "x")
    return check.of_wheel(path)


def test_a_wheel_is_looked_through(tmp_path, capsys):
    assert made_wheel(tmp_path) == []
    assert made_wheel(tmp_path, without=["NOTICE"]) == ["NOTICE is not in it"]
    assert made_wheel(tmp_path, without=["py.typed"]) == ["octomed/py.typed is not in it"]
    assert made_wheel(tmp_path, more=["octomed/tests/a.py"]) == ["octomed/tests/a.py is in it"]
    assert "takes no wheels" in made_wheel(tmp_path, platform="linux_x86_64")[0]
    assert "_octomed.abi3.so" not in capsys.readouterr().err


def test_a_wheel_that_is_too_large_is_refused(tmp_path):
    check = script("check_dist")
    path = tmp_path / f"octomed-{octomed.__version__}-cp310-abi3-manylinux2014_x86_64.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("octomed/large", bytes(check.LARGEST_INSTALLED + 1))
    said = " ".join(check.of_wheel(path))
    assert "bytes installed, more than 25,000,000" in said
    assert "bytes, more than 12,000,000" in said


# Licences


@pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo lists the crates")
def test_the_texts_in_the_wheel_are_of_the_crates_it_is_linked_from():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/third_party.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_what_is_no_licence_of_the_list_is_not_allowed():
    check = script("check_licenses")
    fine = ("MIT License", "Apache-2.0 AND MIT", "GPL-3.0 OR MIT", "(MIT AND BSD-3-Clause) OR Zlib")
    assert [one for one in fine if not check.allowed(one, check.PERMISSIVE)] == []
    refused = (
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "UNKNOWN",
        "Mozilla Public License 2.0 (MPL 2.0)",
        "MIT; AGPL-3.0",
    )
    assert [one for one in refused if check.allowed(one, check.PERMISSIVE)] == []
    assert check.allowed("Mozilla Public License 2.0 (MPL 2.0)", check.PERMISSIVE + check.WEAK)


def test_what_is_needed_is_read_from_the_project():
    needed = script("needed_packages").needed
    assert {re.split(r"[>=<\[]", one)[0] for one in needed([])} >= {"numpy", "pyarrow", "typer"}
    assert len(needed(["train"])) > len(needed([]))
    with pytest.raises(SystemExit):
        needed(["no-such-extra"])


# The whole of it


@pytest.mark.long
def test_a_wheel_packs_the_sample_where_there_is_no_rust():
    wheels = [path for path in (ROOT / "dist").glob("octomed-*.whl") if script("install_release").fits(path)]
    if not wheels:
        pytest.skip("`make dist` builds a wheel into dist/")
    newest = max(wheels, key=lambda path: path.stat().st_mtime)
    done = subprocess.run(
        [ROOT / "scripts/try_wheel.sh", newest], capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "all is well; every byte was read" in done.stdout
    installed = int(re.search(r"adds: (\d+) bytes", done.stdout)[1])
    check = script("check_dist")
    assert newest.stat().st_size <= check.LARGEST_WHEEL
    assert installed <= check.LARGEST_INSTALLED
