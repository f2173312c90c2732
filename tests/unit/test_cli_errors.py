"""What becomes of errors: exit codes, hints, and the command that resumes."""

from __future__ import annotations

import json

import pytest
from octomed.cli import app as program
from octomed.cli.terminal import Interrupted, resumable
from octomed.errors import DataError, InternalError, OctomedError, RecipeError, StorageError


class Failing:
    """A command that ends with an error, as typer's would."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def main(self, *_: object, **__: object) -> None:
        with resumable(["octomed", "pack", "my recipe.yaml"]):
            raise self.error


def fail(monkeypatch, capsys, error, *arguments):
    monkeypatch.setattr(program.typer.main, "get_command", lambda _: Failing(error))
    code = program.run(list(arguments))
    output = capsys.readouterr()
    assert output.out == ""
    return code, output.err.splitlines()


@pytest.mark.parametrize(
    ("error", "code"),
    [(RecipeError, 2), (DataError, 3), (StorageError, 4), (InternalError, 70), (OctomedError, 70)],
)
def test_each_class_has_its_exit_code(monkeypatch, capsys, error, code):
    found, lines = fail(monkeypatch, capsys, error("it broke", "mend it"))
    assert found == code
    assert lines[:2] == ["error: it broke", "hint: mend it"]


def test_a_failed_run_ends_with_the_command_that_resumes_it(monkeypatch, capsys):
    _, lines = fail(monkeypatch, capsys, StorageError("the disk is full"))
    assert lines[-1] == "resume: `octomed pack 'my recipe.yaml'`"


def test_ctrl_c(monkeypatch, capsys):
    code, lines = fail(monkeypatch, capsys, KeyboardInterrupt())
    assert code == 130
    assert lines == [
        "error: interrupted: finished work is kept and reused",
        "resume: `octomed pack 'my recipe.yaml'`",
    ]


def test_ctrl_c_before_a_run(monkeypatch, capsys):
    class Pressed:
        def main(self, *_: object, **__: object) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(program.typer.main, "get_command", lambda _: Pressed())
    assert program.run([]) == Interrupted.exit_code
    assert "interrupted" in capsys.readouterr().err


def test_a_fault_of_ours_shows_where_it_is(monkeypatch, capsys):
    code, lines = fail(monkeypatch, capsys, ZeroDivisionError("division by zero"))
    assert code == 70
    assert lines[0] == "Traceback (most recent call last):"
    assert "error: unexpected ZeroDivisionError: division by zero" in lines
    assert lines[-1].startswith("hint: this is a bug in octomed")


def test_errors_as_json(monkeypatch, capsys):
    code, lines = fail(monkeypatch, capsys, DataError("a file is cut off", "fetch it again"), "--json")
    assert code == 3
    (error,) = map(json.loads, lines)
    assert error.pop("time").endswith("Z")
    assert error == {
        "event": "error",
        "message": "a file is cut off",
        "hint": "fetch it again",
        "resume": "octomed pack 'my recipe.yaml'",
        "exit_code": 3,
    }


def test_markup_in_messages_is_text(monkeypatch, capsys):
    _, lines = fail(monkeypatch, capsys, DataError("column `[bold]x[/bold]` :smile:"))
    assert lines[0] == "error: column `[bold]x[/bold]` :smile:"
