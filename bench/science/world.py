"""A seeded world in which every question has one right answer, and how hard it is does not show.

A patient is in one of eight states. A drug sets off a chain of mechanisms; each mechanism does one of six
things to the state, and these do not commute: the order counts. A question names a state and one to three
drugs. How many mechanisms a drug sets off (one to six) is a fact about the drug, which nothing in the
question tells.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

STATES = ("calm", "fever", "chills", "pain", "fatigue", "cough", "rash", "thirst")
ACTIONS = ("raises", "lowers", "turns", "shifts", "mirrors", "swaps")
_HEADS = ("ber", "col", "dar", "fen", "gil", "hom")
_TAILS = ("ab", "ec", "id", "ol", "um", "yx")
LAYERS = 6
WIDTH = len(_HEADS)
MECHANISMS = tuple(f"{head}{tail}ase" for tail in _TAILS for head in _HEADS)
DRUGS = tuple(f"{head}{tail}in" for tail in _TAILS[:4] for head in _HEADS)
NEW_DRUGS = 6
"""So many drugs are in no question that is trained on; the base model has learned what they set off."""
ORDER = ("first", "second", "third")
MOST_DRUGS = len(ORDER)


@dataclass(frozen=True)
class Question:
    """What is asked: a state, and drugs in the order in which they are given."""

    state: str
    drugs: tuple[str, ...]

    @property
    def text(self) -> str:
        """The question's words."""
        given = " ".join(f"{place} {drug}" for place, drug in zip(ORDER, self.drugs, strict=False))
        return f"{self.state} : {given} ?"

    @classmethod
    def of(cls, text: str) -> Question:
        """Return the question whose words these are.

        Raises
        ------
        ValueError
            When they are none of a question.
        """
        words = text.split()
        found = cls(words[0], tuple(words[3::2])) if len(words) > 4 else None
        if found is None or found.text != text or found.state not in STATES or set(found.drugs) - set(DRUGS):
            raise ValueError(f"{text!r} is no question of this world")
        return found


@dataclass(frozen=True)
class World:
    """Facts, all drawn from one seed.

    Attributes
    ----------
    seed
        That they were drawn from.
    effects
        What an action makes of each state.
    action
        What each mechanism does.
    successor
        Which mechanism it sets off; None at a chain's end.
    entry
        The first mechanism of each drug.
    new
        Drugs that are in no question which is trained on.
    """

    seed: int
    effects: dict[str, dict[str, str]]
    action: dict[str, str]
    successor: dict[str, str | None]
    entry: dict[str, str]
    new: frozenset[str]

    def chain(self, drug: str) -> list[str]:
        """Return the mechanisms that a drug sets off, in order."""
        found, one = [], self.entry.get(drug)
        while one is not None:
            found.append(one)
            one = self.successor[one]
        return found

    def answer(self, question: Question) -> str:
        """Return the state in which the patient is at last."""
        state = question.state
        for drug in question.drugs:
            for mechanism in self.chain(drug):
                state = self.effects[self.action[mechanism]][state]
        return state

    def hops(self, question: Question) -> int:
        """Return the question's difficulty: how many mechanisms its drugs set off."""
        return sum(len(self.chain(drug)) for drug in question.drugs)


def make_world(seed: int) -> World:
    """Draw a world."""
    lots = random.Random(f"world {seed}")
    names = list(MECHANISMS)
    lots.shuffle(names)  # a name says nothing of its layer
    layers = [names[level * WIDTH : (level + 1) * WIDTH] for level in range(LAYERS)]
    successor: dict[str, str | None] = dict.fromkeys(layers[-1])
    for level in range(LAYERS - 1):
        successor |= {one: lots.choice(layers[level + 1]) for one in layers[level]}
    drugs = list(DRUGS)
    lots.shuffle(drugs)  # nor one of a drug of its chain
    entry = {drug: lots.choice(layers[place % LAYERS]) for place, drug in enumerate(drugs)}
    new = frozenset(drugs[:NEW_DRUGS])  # one of each length of chain
    action = {one: ACTIONS[place % len(ACTIONS)] for place, one in enumerate(lots.sample(names, len(names)))}
    return World(seed, _effects(lots), action, successor, entry, new)


def _effects(lots: random.Random) -> dict[str, dict[str, str]]:
    """Draw what each action makes of each state: permutations no two of which commute."""
    found: list[list[int]] = []
    while len(found) < len(ACTIONS):
        one = lots.sample(range(len(STATES)), len(STATES))
        if all(_commute(one, other) is False for other in found):
            found.append(one)
    return {
        name: {STATES[place]: STATES[to] for place, to in enumerate(one)}
        for name, one in zip(ACTIONS, found, strict=True)
    }


def _commute(one: list[int], other: list[int]) -> bool:
    return all(one[other[place]] == other[one[place]] for place in range(len(STATES)))


def questions(world: World, number: int, lots: random.Random, *, new: bool) -> list[Question]:
    """Draw different questions.

    Parameters
    ----------
    world
        Whose.
    number
        How many.
    lots
        What they are drawn by.
    new
        Each with a new drug, or none with one.
    """
    known = sorted(set(DRUGS) - world.new)
    found: dict[str, Question] = {}
    while len(found) < number:
        count = lots.randint(1, MOST_DRUGS)
        drugs = lots.sample(list(DRUGS) if new else known, count)
        if new and not world.new & set(drugs):
            continue
        question = Question(lots.choice(STATES), tuple(drugs))
        found.setdefault(question.text, question)
    return list(found.values())
