"""What the base model learns before it sees a trace: what drugs set off, and one or two steps of a walk."""

from __future__ import annotations

import random
from typing import Any

from bench.science.world import ACTIONS, DRUGS, MECHANISMS, MOST_DRUGS, ORDER, STATES, Question, World

WALKED = 2
"""So many mechanisms a lesson follows with states: longer walks are left to the traces."""


def lesson(world: World, lots: random.Random) -> dict[str, Any]:
    """Return a lesson as a row of the format `octomed`."""
    return lots.choices((_chains, _walks, _effects), (6, 3, 1))[0](world, lots)


def _chains(world: World, lots: random.Random) -> dict[str, Any]:
    """Say drugs again, each with what it sets off, without a patient."""
    drugs = lots.sample(DRUGS, lots.randint(1, MOST_DRUGS))
    words = []
    for place, drug in zip(ORDER, drugs, strict=False):
        words += [
            place,
            drug,
            ":",
            *(word for one in world.chain(drug) for word in (one, world.action[one])),
            "end",
        ]
    return _row(Question("chain", tuple(drugs)).text, " ".join(words))


def _walks(world: World, lots: random.Random) -> dict[str, Any]:
    """Follow a mechanism and the one behind it, several times over."""
    words = []
    for _ in range(3):
        mechanism: str | None = lots.choice(MECHANISMS)
        state = lots.choice(STATES)
        words += [state, ":"]
        for _ in range(WALKED):
            if mechanism is None:
                words.append("end")
                break
            state = world.effects[world.action[mechanism]][state]
            words += [mechanism, world.action[mechanism], state]
            mechanism = world.successor[mechanism]
    return _row("walk ?", " ".join(words))


def _effects(world: World, lots: random.Random) -> dict[str, Any]:
    """Say what an action makes of each state."""
    action = lots.choice(ACTIONS)
    words = [
        word for one in lots.sample(STATES, len(STATES)) for word in (one, action, world.effects[action][one])
    ]
    return _row(f"effects {action} ?", " ".join(words))


def _row(question: str, response: str) -> dict[str, Any]:
    return {"question": question, "responses": [response]}
