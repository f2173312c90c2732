"""Ranks that end together, as processes of one launcher: this one."""

from __future__ import annotations

import os
import signal
import time
import traceback

import pytest
from octomed.errors import DataError, RecipeError, StorageError
from octomed.train import exit_codes, main

from .ranks import free_port

pytestmark = pytest.mark.alone  # races of ranks


def start(rank, train, port, ranks=2, signalled=False):
    """Start `train.py`'s main in a process of its own, with this in the place of training.

    A launcher's signal may come while Python ends.
    """
    process = os.fork()
    if process:
        return process
    try:
        settings = {"RANK": rank, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": ranks, "MASTER_PORT": port}
        os.environ.update({name: str(value) for name, value in settings.items()})
        main._train = train
        code = main.main(["recipe.yaml"])
        if signalled:
            os.kill(os.getpid(), signal.SIGTERM)
        os._exit(code)
    except SystemExit as left:
        os._exit(left.code)
    except BaseException:  # noqa: BLE001 as Python ends
        traceback.print_exc()
        os._exit(1)


def code_of(process):
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


@pytest.fixture
def port():
    return free_port()


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """Where the folders of launchers are; each test ends without one."""
    monkeypatch.setattr(exit_codes.tempfile, "gettempdir", lambda: str(tmp_path))
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


def fails(error, after=0.0):
    def train(_):
        time.sleep(after)
        raise error

    return train


@pytest.mark.parametrize("error", [StorageError("a shard is missing"), DataError("a shard is damaged")])
@pytest.mark.parametrize("consequence", [RuntimeError("Connection closed by peer"), SystemExit(143)])
def test_the_first_rank_returns_what_another_failed_with(error, consequence, port, capfd):
    first = start(0, fails(consequence, after=1), port, signalled=True)
    second = start(1, fails(error), port)
    assert (code_of(first), code_of(second)) == (error.exit_code, error.exit_code)
    said = capfd.readouterr().err
    assert said.count(f"error: {error.message}") == 1
    assert "Traceback" not in said


def test_a_first_rank_that_hangs_ends_with_the_other_s_code(port, monkeypatch):
    monkeypatch.setattr(exit_codes, "PATIENCE", 0.3)
    first = start(0, lambda _: time.sleep(60), port)
    begin = time.monotonic()
    second = start(1, fails(StorageError("gone")), port)
    assert code_of(first) == code_of(second) == 4
    assert time.monotonic() - begin < 10


def test_a_rank_waits_until_the_first_has_said_the_same(port, capfd):
    second = start(1, fails(RecipeError("an unknown key")), port)
    time.sleep(0.5)
    first = start(0, fails(RecipeError("an unknown key"), after=1), port)
    begin = time.monotonic()
    assert code_of(first) == 2
    assert os.waitpid(second, os.WNOHANG)[0] == 0
    assert code_of(second) == 2
    assert 0.3 < time.monotonic() - begin < 10
    assert capfd.readouterr().err.count("an unknown key") == 1


def test_an_unexpected_error_is_the_first_rank_s_code_too(port):
    first = start(0, fails(RuntimeError("Connection closed by peer"), after=1), port)
    second = start(1, fails(ValueError("a fault")), port)
    assert (code_of(first), code_of(second)) == (1, 1)


def test_a_signal_to_all_is_told_once_with_the_way_on(port, capfd):
    first, second = (start(rank, fails(SystemExit(143), after=1), port) for rank in (0, 1))
    assert (code_of(first), code_of(second)) == (143, 143)
    said = capfd.readouterr().err
    assert said.count("stopped by signal 15\nresume: composer -n ") == 1
    assert said.endswith("train.py recipe.yaml autoresume=true\n")


def test_a_signal_to_another_rank_is_the_first_rank_s_code_too(port):
    first = start(0, fails(RuntimeError("Connection closed by peer"), after=1), port)
    second = start(1, fails(SystemExit(143)), port)
    assert (code_of(first), code_of(second)) == (143, 143)


def test_what_nobody_told_stays_as_it_is(port):
    assert code_of(start(0, fails(SystemExit(143)), port)) == 143
    assert code_of(start(0, fails(ValueError("a fault")), port)) == 1
    assert code_of(start(0, lambda _: None, port)) == 0
    assert code_of(start(0, fails(StorageError("alone")), port, ranks=1)) == 4


def test_an_exit_with_a_message_stays_one(monkeypatch):
    monkeypatch.setattr(main, "_train", fails(SystemExit("a message")))
    with pytest.raises(SystemExit, match="a message"):
        main.main(["recipe.yaml"])


def test_ranks_of_another_launcher_are_not_heard(port):
    first = start(0, fails(RuntimeError("a fault"), after=1), port)
    second = start(1, fails(StorageError("gone")), port + 1)
    assert (code_of(first), code_of(second)) == (1, 4)


def test_the_code_that_was_written_first_counts(port):
    first = start(0, fails(RuntimeError("Connection closed by peer"), after=1.5), port, ranks=3)
    second = start(1, fails(RuntimeError("Connection closed by peer"), after=0.7), port, ranks=3)
    third = start(2, fails(StorageError("gone")), port, ranks=3)
    assert (code_of(first), code_of(second), code_of(third)) == (4, 1, 4)


def test_a_folder_that_killed_ranks_left_is_removed_by_the_next_start(port, folders):
    ended = os.fork()
    if not ended:
        os._exit(0)
    os.waitpid(ended, 0)
    stale = folders / f"octomed-ranks-{ended}-17-29500"
    stale.mkdir()
    (stale / "exit-code-1").write_text("3")
    (stale / "rank0.lock").touch()
    foreign = folders / "octomed-ranks-notes"
    foreign.mkdir()
    assert code_of(start(0, lambda _: None, port)) == 0
    assert not stale.exists()
    foreign.rmdir()


def test_the_folder_of_a_living_launcher_is_not_removed(port, folders):
    living = folders / f"octomed-ranks-{os.getpid()}-{exit_codes._started(os.getpid())}-1"
    hidden = folders / "octomed-ranks-4194304-17-1"  # as of a container that hides its processes
    for folder in (living, hidden):
        folder.mkdir()
    exit_codes._show_alive(hidden)
    assert code_of(start(0, lambda _: None, port)) == 0
    for folder in (living, hidden):
        assert folder.is_dir()
        exit_codes.shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder away")
def test_a_folder_of_another_user_is_not_believed(port, folders):
    folder = folders / f"octomed-ranks-{os.getpid()}-{exit_codes._started(os.getpid())}-{port}"
    folder.mkdir()
    (folder / "exit-code-1").write_text("4")
    os.chown(folder, 12345, 12345)
    assert code_of(start(0, fails(ValueError("a fault")), port)) == 1
    assert folder.exists()
    exit_codes.shutil.rmtree(folder)


def test_a_rank_that_outlives_a_killed_rank_0_removes_the_folder(port):
    first = start(0, lambda _: time.sleep(60), port)
    time.sleep(0.5)
    os.kill(first, signal.SIGKILL)
    assert code_of(first) == -9
    assert code_of(start(1, fails(StorageError("gone")), port)) == 4


def test_a_folder_that_cannot_be_made_changes_no_code(port, monkeypatch):
    monkeypatch.setattr(exit_codes.tempfile, "gettempdir", lambda: "/proc/nothing/here")
    assert code_of(start(1, fails(DataError("damaged")), port)) == 3
    assert code_of(start(0, fails(DataError("damaged")), port)) == 3


def test_a_code_that_cannot_be_written_changes_no_code(port, monkeypatch):
    def full(*_, **__):
        raise StorageError("no space left")

    monkeypatch.setattr(exit_codes, "write_atomically", full)
    assert code_of(start(1, fails(DataError("damaged")), port)) == 3
    for folder in exit_codes.Path(exit_codes.tempfile.gettempdir()).iterdir():
        folder.rmdir()


def test_a_rank_that_is_killed_is_the_first_rank_s_code(port, capfd):
    """The launcher ends the others with SIGTERM; which of them was killed only its own process tells."""
    second = start(1, lambda _: time.sleep(60), port)
    time.sleep(0.5)
    first = start(0, fails(SystemExit(143), after=2), port, signalled=True)
    time.sleep(1)
    os.kill(second, signal.SIGKILL)
    assert code_of(first) == 137
    assert code_of(second) == -9
    said = capfd.readouterr().err
    assert "stopped: rank 1 was ended by signal 9, as the system does when memory runs out\nresume: " in said
    assert "Traceback" not in said


def test_a_rank_whose_end_nobody_saw_counts_as_killed(port):
    second = start(1, lambda _: time.sleep(60), port)
    time.sleep(0.5)
    os.kill(second, signal.SIGSEGV)
    assert code_of(second) == -11  # and is gone
    assert code_of(start(0, fails(RuntimeError("Connection closed by peer"), after=1), port)) == 137


def test_a_rank_that_crashes_is_told_by_its_signal(port):
    first = start(0, fails(RuntimeError("Connection closed by peer"), after=2), port)
    second = start(1, lambda _: time.sleep(60), port)
    time.sleep(1)
    os.kill(second, signal.SIGSEGV)
    assert code_of(first) == 139
    assert code_of(second) == -11


def test_a_rank_that_ends_well_before_the_first_is_no_failure(port):
    first = start(0, lambda _: time.sleep(1), port)
    second = start(1, lambda _: None, port)
    assert (code_of(second), code_of(first)) == (0, 0)


def test_a_first_rank_that_hangs_says_who_was_killed(port, monkeypatch, capfd):
    monkeypatch.setattr(exit_codes, "PATIENCE", 0.3)
    first = start(0, lambda _: time.sleep(60), port)
    second = start(1, lambda _: time.sleep(60), port)
    time.sleep(1)
    os.kill(second, signal.SIGKILL)
    assert code_of(first) == 137
    assert code_of(second) == -9
    assert "stopped: rank 1 was ended by signal 9" in capfd.readouterr().err
