"""A shell completes verbs, options, choices and keys: bash is run, as it asks behind a TAB."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import pytest
from octomed.cli.options import keys_that_begin

CPU_SECONDS = 1.0
"""Four times what a TAB takes here, for machines that are slower, or counted by a tool."""
ASK = """
source "$SCRIPT"
COMP_WORDS=(octomed "$@"); COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
_octomed_completion octomed
printf '%s\\n' "${COMPREPLY[@]}"
"""


def called(*words, **more):
    command = [sys.executable, "-m", "octomed", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, **more).stdout


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    """What bash offers for the last of some words."""
    if shutil.which("bash") is None:
        pytest.skip("no bash")
    folder = tmp_path_factory.mktemp("completion")
    (folder / "script").write_text(called("completion", "bash"), encoding="utf-8")
    program = folder / "octomed"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m octomed "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "SCRIPT": str(folder / "script"),
    }

    def ask(*words):
        done = subprocess.run(
            ["bash", "-c", ASK, "bash", *words], capture_output=True, text=True, check=True, env=environment
        )
        return done.stdout.split()

    return ask


def test_verbs_options_choices_and_keys_are_completed(tab):
    assert tab("pa") == ["pack"]
    assert {"check", "clean", "completion"} <= set(tab("c"))
    assert tab("pack", "--wor") == ["--workers"]
    assert tab("export", "--format", "ll") == ["llama-factory"]
    assert tab("pack", "--set", "pack.cap") == ["pack.capacity="]
    assert "curate.accept.answer=" in tab("check", "--set", "curate.")


@pytest.mark.alone
def test_a_tab_is_quick(tab):
    before, begin = os.times(), time.perf_counter()
    tab("pack", "--set", "pack.")
    after, wall = os.times(), time.perf_counter() - begin
    used = after.children_user + after.children_system - before.children_user - before.children_system
    assert min(used, wall) < CPU_SECONDS


def test_words_of_a_key_follow_its_equals_sign():
    assert keys_that_begin("supervise=") == ["supervise=all", "supervise=last"]
    assert keys_that_begin("nothing=") == []


@pytest.mark.parametrize(
    ("shell", "piece"), [("zsh", "#compdef octomed"), ("fish", "complete --command octomed")]
)
def test_other_shells_get_theirs(shell, piece):
    assert piece in called("completion", shell)
