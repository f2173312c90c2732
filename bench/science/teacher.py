"""The teacher of the world: reasons hop by hop, slips at times, and believes some things that are not so."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bench.science.world import ACTIONS, DRUGS, MECHANISMS, ORDER, STATES, Question, World, make_world

SEED = "OCTOMED_SCIENCE_WORLD"
"""Environment variable with the seed of the world that the teacher's server answers for."""
SLIP = 0.02
"""Share of hops at which the teacher writes a wrong state or goes on with a wrong mechanism."""
OPENINGS = ("So", "Well", "First", "Now")
BELIEVED = 0.1
"""Share of the mechanisms that drugs set off of which it believes something wrong, every other time."""


@dataclass(frozen=True)
class Teacher:
    """A world, and what is believed of it.

    Attributes
    ----------
    world
        The facts.
    beliefs
        For some mechanisms an action that is not theirs.
    """

    world: World
    beliefs: dict[str, str]

    def trace(self, question: Question, lots: random.Random, *, slip: float = SLIP) -> tuple[str, str]:
        """Return reasoning and answer to a question.

        Parameters
        ----------
        question
            What is asked.
        lots
            What style, slips and beliefs are drawn by.
        slip
            Share of hops at which it slips.
        """
        state, words = question.state, [lots.choice(OPENINGS)]
        for place, drug in zip(ORDER, question.drugs, strict=False):
            style = lots.randrange(3)
            words += [place, drug, ":" if style < 2 else ","]
            mechanism = self.world.entry.get(drug)
            while mechanism is not None:
                action = self._action(mechanism, lots)
                state = self.world.effects[action][state]
                slipped = lots.random() < slip
                if slipped and lots.random() < 0.5:
                    state = lots.choice(STATES)
                words += _hop(style, mechanism, action, state)
                mechanism = self.world.successor[mechanism]
                if slipped and mechanism is not None:
                    mechanism = lots.choice(MECHANISMS)
            words.append("end")
        return " ".join(words), f"Answer: {state}"

    def _action(self, mechanism: str, lots: random.Random) -> str:
        believed = self.beliefs.get(mechanism)
        return believed if believed is not None and lots.random() < 0.5 else self.world.action[mechanism]


def _hop(style: int, mechanism: str, action: str, state: str) -> list[str]:
    if style == 0:
        return [mechanism, action, state]
    if style == 1:
        return [mechanism, action, "to", state]
    return [mechanism, action, state, ","]


def make_teacher(world: World) -> Teacher:
    """Draw what a teacher believes of a world."""
    lots = random.Random(f"teacher {world.seed}")
    reached = sorted({one for drug in DRUGS for one in world.chain(drug)})
    wrong = lots.sample(reached, max(1, round(BELIEVED * len(reached))))
    beliefs = {one: lots.choice([a for a in ACTIONS if a != world.action[one]]) for one in wrong}
    return Teacher(world, beliefs)


@lru_cache
def _teacher(seed: int) -> Teacher:
    return make_teacher(make_world(seed))


def answer(messages: list[dict[str, Any]], seed: int | None, sample: int) -> tuple[str, str]:
    """Return reasoning and answer: what `tests.servers.teacher --answers bench.science.teacher:answer` calls.

    Parameters
    ----------
    messages
        Of the request; the last one is a question of the world that the environment names.
    seed, sample
        Which of its samples.
    """
    world = int(os.environ[SEED])
    content = messages[-1]["content"]
    text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
    lots = random.Random(f"{world} {text} {sample if seed is None else seed}")
    return _teacher(world).trace(Question.of(text), lots)
