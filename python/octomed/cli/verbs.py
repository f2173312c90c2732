"""The verbs of the program: one table, and a group of commands that loads a verb's file when it is called.

`VERBS` is all that the list of verbs needs. A new verb is a file here with a function `command`, and a line
in the table: the first sentence of that function's docstring.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any, cast

import typer
from typer.core import TyperGroup

VERBS = {
    "init": "Look at data and write a starter recipe for it, with comments.",
    "check": "Check a recipe: its keys, its files and their first rows, model and templates.",
    "plan": "Show tasks, rows, tokens, minutes and disk of a run, and what is finished already.",
    "pack": "Pack a recipe's traces into MDS shards.",
    "inspect": "Show a run at a glance, or tokens: which are supervised, and where they are from.",
    "rejects": "List the rows and traces that a run left out: source, file, row and reason.",
    "report": "Write `report.html` and the dataset card `README.md` into a run's folder.",
    "view": "Show a run in a browser: packs as the model sees them, what was left out, curves.",
    "push": "Put a finished run to the Hugging Face hub: private, without what nobody asked for.",
    "export": "Write a run's curated traces for another trainer: messages, ShareGPT and others.",
    "diff": "Compare two runs or recipes: keys, counts, and which traces came, went or changed.",
    "verify": "Check a run: digests, offsets, token range, loss spans, counts.",
    "train-plan": "Say what memory a training takes on each GPU, and whether that fits.",
    "train": "Train as a recipe says, as `composer train.py` does, with the same exit codes.",
    "distill": "Sample a teacher's responses to a recipe's questions, as rows that packing reads.",
    "annotate": "Fill a column that rows lack (modality, difficulty) by a model that is asked.",
    "evaluate": "Have a model answer benchmarks, and score it: accuracy, intervals, votes, lengths.",
    "recipes": "List the recipes that come with the package, print one, or write one to a file.",
    "schema": "Print the JSON Schema of a recipe, or of the events that `--json` prints.",
    "explain": "Say what a reason of rejects, a key of a recipe, an error or an exit code means.",
    "completion": "Print what a shell needs to complete verbs, options, files and the keys of `--set`.",
    "clean": "Remove from the recipe's working store what no existing output uses.",
    "doctor": "Look at the machine: versions, cores, memory, disks, credentials, GPUs.",
}
"""What each verb does, in the order of the help."""

COMPLETE = "_OCTOMED_COMPLETE"
"""Variable of the environment by which a shell asks for words that complete a line."""

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""Of the program and of each verb."""

COMPLETE = "_OCTOMED_COMPLETE"
"""Variable of the environment by which a shell asks for words."""


class _Commands(Mapping[str, Any]):
    """The verbs as typer's commands, each made when it is asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 a class of typer's, whichever version
        if name not in VERBS:
            raise KeyError(name)
        if name not in self._made:
            self._made[name] = _command_of(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(VERBS)

    def __len__(self) -> int:
        return len(VERBS)


def _command_of(name: str) -> Any:  # noqa: ANN401 a class of typer's, whichever version
    module = importlib.import_module(f"octomed.cli.{name.replace('-', '_')}")
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=dict(SETTINGS))
    alone.command(name=name)(module.command)
    return typer.main.get_command(alone)


class Verbs(TyperGroup):
    """The program's commands. Their list is printed from the table, and loads none of them."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 typer's own
        super().__init__(**attributes)
        self.commands = cast("Any", _Commands())

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002 classes of typer's
        """Write the list of verbs."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))
