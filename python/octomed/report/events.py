"""What a long verb says while it works, for machines: with `--json`, one object a line on standard error.

The records below are all the events there are. `octomed schema events` prints them as JSON Schema.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Annotated, Any, Literal

Level = Literal["info", "note", "warning"]
_LEVELS = ("note", "warning")


@dataclass(frozen=True)
class Event:
    """Something that happened.

    Attributes
    ----------
    time
        When, in UTC: `2026-11-30T18:40:01.123Z`.
    """

    time: str


@dataclass(frozen=True)
class Begin(Event):
    """A verb begins.

    Attributes
    ----------
    verb, version
        Which, and of which OctoMed.
    """

    event: Literal["begin"]
    verb: str
    version: str


@dataclass(frozen=True)
class Stage(Event):
    """A stage begins.

    Attributes
    ----------
    stage
        `scan`, `select`, `write`, `upload`, `report`, `verify`, and of a repair what it makes again.
    total_bytes, total_rows
        In all, where that is known.
    """

    event: Literal["stage"]
    stage: str
    total_bytes: int | None
    total_rows: int | None


@dataclass(frozen=True)
class _Counts(Event):
    """Counts of a stage.

    Attributes
    ----------
    stage
        Which.
    rows
        Rows read, packs written, or files sent.
    bytes, total_bytes, total_rows
        Done, and in all where that is known.
    tokens, rejects
        Tokens made, and rows and traces left out.
    seconds, seconds_left
        Since the stage began, and what the rest will take at the rate so far.
    rows_per_second, bytes_per_second
        Since the stage began.
    """

    stage: str
    rows: int
    bytes: int
    tokens: int
    rejects: int
    seconds: float
    total_bytes: int | None
    total_rows: int | None
    rows_per_second: float
    bytes_per_second: float
    seconds_left: float | None


@dataclass(frozen=True)
class Progress(_Counts):
    """The counts of a stage, every few seconds."""

    event: Literal["progress"]


@dataclass(frozen=True)
class StageDone(_Counts):
    """A stage is done."""

    event: Literal["stage_done"]


@dataclass(frozen=True)
class StageStopped(_Counts):
    """A run failed or was interrupted in the middle of a stage."""

    event: Literal["stage_stopped"]


@dataclass(frozen=True)
class Step(Event):
    """A step of a training.

    Attributes
    ----------
    step, share
        Steps done, and the part of the training that is done.
    loss
        Mean of the step, in nats a supervised token; null where it is not a number.
    learning_rate
        As the step was made with.
    tokens_per_second
        Over all ranks.
    seconds_left
        Until it ends, where that is known.
    """

    event: Literal["step"]
    step: int
    share: float
    loss: float | None
    learning_rate: float
    tokens_per_second: float
    seconds_left: float | None


@dataclass(frozen=True)
class Evaluation(Event):
    """An evaluation of a training.

    Attributes
    ----------
    step
        Steps done.
    label
        What it was evaluated on.
    loss
        Mean of its supervised tokens, or traces.
    seconds
        That it took.
    """

    event: Literal["evaluation"]
    step: int
    label: str
    loss: float | None
    seconds: float


@dataclass(frozen=True)
class Samples(Event):
    """What a teacher was asked, and what came.

    Attributes
    ----------
    counts
        As the summary of `octomed distill` has them.
    """

    event: Literal["samples"]
    counts: dict[str, Any]


@dataclass(frozen=True)
class Message(Event):
    """Something that is no count.

    Attributes
    ----------
    level
        `warning` where it may cost something.
    text
        In words, which may change from version to version.
    """

    event: Literal["message"]
    level: Level
    text: str


@dataclass(frozen=True)
class Node(Event):
    """What a node did for a run over several.

    Attributes
    ----------
    node, workers
        Its name, and its threads.
    tasks, ranges
        That were done there first.
    rows, bytes, shards
        Rows read, bytes of their sources, and shards written.
    seconds
        That its calls took, added up.
    lost
        How often its worker ended before its work.
    """

    event: Literal["node"]
    node: str
    workers: int
    tasks: int
    ranges: int
    rows: int
    bytes: int
    shards: int
    seconds: float
    lost: int


@dataclass(frozen=True)
class Problem:
    """One of several things that are wrong with a recipe: where, what, and what to do about it."""

    place: str
    message: str
    hint: str | None


@dataclass(frozen=True)
class Error(Event):
    """The verb ends of an error, or of a signal.

    Attributes
    ----------
    message, hint
        What went wrong, and what to do about it.
    resume
        The command that goes on, where there is one.
    exit_code
        2 recipe or usage, 3 data, 4 storage, 70 internal, 128 and the number of a signal.
    problems
        What is wrong with a recipe, all of it.
    """

    event: Literal["error"]
    message: str
    hint: str | None
    resume: str | None
    exit_code: int
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class End(Event):
    """The verb ends; nothing follows.

    Attributes
    ----------
    verb
        Which.
    exit_code
        0 where all is well.
    seconds
        That it took.
    """

    event: Literal["end"]
    verb: str
    exit_code: int
    seconds: float


EVENTS = (
    Begin,
    Stage,
    Progress,
    StageDone,
    StageStopped,
    Step,
    Evaluation,
    Samples,
    Message,
    Node,
    Error,
    End,
)


def event_line(event: str, **values: Any) -> str:  # noqa: ANN401 the fields of its record
    """Return an event as a line.

    Parameters
    ----------
    event
        Its name.
    values
        The fields of its record, but for the time, which is now.

    Examples
    --------
    >>> json.loads(event_line("begin", verb="pack", version="0.1.0"))["verb"]
    'pack'
    """
    return json.dumps({"event": event, "time": now(), **values}, ensure_ascii=False)


def message_line(text: str) -> str:
    """Return a line of words as an event; `note:` and `warning:` before it are its level.

    Examples
    --------
    >>> json.loads(message_line("warning: the disk is nearly full"))["level"]
    'warning'
    """
    word, _, rest = text.partition(": ")
    level, said = (word, rest) if word in _LEVELS else ("info", text)
    return event_line("message", level=level, text=said)


def now() -> str:
    """Return the time, to the millisecond.

    Examples
    --------
    >>> len(now())
    24
    """
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def events_schema() -> dict[str, Any]:
    """Return the JSON Schema of an event, which a line of the stream is.

    Examples
    --------
    >>> sorted(events_schema()["discriminator"]["mapping"])[:3]
    ['begin', 'end', 'error']
    """
    from functools import reduce  # noqa: PLC0415 as below
    from operator import or_  # noqa: PLC0415 as below

    from pydantic import ConfigDict, Field, TypeAdapter, with_config  # noqa: PLC0415 only a schema wants it

    strict = [with_config(ConfigDict(extra="forbid"))(one) for one in EVENTS]
    union: Any = Annotated[reduce(or_, strict), Field(discriminator="event")]
    schema = TypeAdapter(union).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "OctoMed event", **schema}
