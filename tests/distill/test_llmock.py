"""Against a mock that others keep, which judges how its clients behave: llmock (PyPI), where it is installed.

`OCTOMED_LLMOCK` names its command where that is in an environment of its own. Samples have seeds here: llmock
takes equal requests that are under way together for one that is made again at once.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from octomed.distill.recipe import load_distill_recipe
from octomed.distill.run import distill

from tests.distill.conftest import questions, recipe_of, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMAND = os.environ.get("OCTOMED_LLMOCK") or shutil.which("llmock")

pytestmark = pytest.mark.skipif(COMMAND is None, reason="llmock is not installed")

FAULTS = {
    "quota": ["--rpm", "60"],
    "errors": ["--error-rate", "429=0.15", "--error-rate", "500=0.1", "--error-rate", "503=0.1"],
}


@pytest.fixture(params=FAULTS)
def mock(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [str(COMMAND), "serve", "--host", "127.0.0.1", "--port", str(port), "--log-level", "error"]
    process = subprocess.Popen([*words, *FAULTS[request.param]], stdout=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/docs", timeout=5).read()
            break
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.1)
    yield request.param, port
    process.terminate()
    process.wait(timeout=20)


@pytest.mark.long
def test_its_verdict_on_the_client_is_clean(
    tmp_path: Path, mock: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    faults, port = mock
    monkeypatch.setenv("MOCK_KEY", "mock-key")
    write_rows(tmp_path / "questions.jsonl", questions(20))
    changes: dict[str, Any] = {"model": "gpt-4o", "key": "MOCK_KEY"}
    recipe_of(tmp_path, f"http://127.0.0.1:{port}/v1", teacher=changes)
    recipe = load_distill_recipe(tmp_path / "distill.yaml", ["limits.attempts=20", "teacher.seeds=true"])
    counts = distill(recipe)
    assert (counts.samples, counts.failed) == (80, {})
    assert counts.attempts.total() > 0, f"no fault was met: {faults}"
    report = [str(COMMAND), "report", "--url", f"http://127.0.0.1:{port}"]
    verdict = subprocess.run(report, capture_output=True, text=True, timeout=60, check=False)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
