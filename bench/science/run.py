"""A seed of the miniature, from its world to what each of its models answers."""

from __future__ import annotations

import json
import random
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bench.science.conditions import Condition, Counts, Scale
from bench.science.generating import generate
from bench.science.lessons import lesson
from bench.science.padding import padded
from bench.science.product import distil, pack, random_model, train, write_rows
from bench.science.world import Question, World, make_world, questions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Keep = Callable[[dict[str, Any]], None]


class Seed:
    """Runs the conditions of one seed.

    Parameters
    ----------
    folder
        Where everything of the seed is written.
    seed
        Of world, teacher, questions, weights and samples.
    scale
        Sizes.
    """

    def __init__(self, folder: Path, seed: int, scale: Scale) -> None:
        self.folder, self.seed, self.scale = folder, seed, scale
        self.world: World = make_world(seed)
        lots = random.Random(f"questions {seed}")
        self.asked = questions(self.world, scale.questions, lots, new=False)
        self.tested = [
            *questions(self.world, scale.tested, lots, new=False),
            *questions(self.world, scale.tested, lots, new=True),
        ]
        self.steps: dict[str, int] = {}

    def run(self, conditions: Sequence[Condition], keep: Keep = lambda _: None) -> dict[str, Any]:
        """Run conditions, those first whose steps others have, and return what is kept of them.

        Parameters
        ----------
        conditions
            Which.
        keep
            Given what there is after each condition, so that a seed which is stopped has shown something.
        """
        begin, cpu = time.monotonic(), time.process_time()
        base = self._base()
        samples = self._samples()
        against = write_rows(self.folder / "test.jsonl", _rows(self.world, self.tested))
        found: dict[str, Any] = {
            "seed": self.seed,
            "questions": [self._of_question(one) for one in self.tested],
            "conditions": {"base": self._answers(base)},
            "counts": {},
            "samples": _sample_counts(samples, self.world),
        }
        for condition in conditions:
            made, model = self._condition(condition, base, samples, str(against))
            found["counts"][condition.name] = asdict(made)
            found["conditions"][condition.name] = self._answers(model)
            found["wall_seconds"] = round(time.monotonic() - begin, 1)
            found["cpu_seconds"] = round(time.process_time() - cpu, 1)
            keep(found)
        return found

    def _base(self) -> Path:
        lots = random.Random(f"lessons {self.seed}")
        rows = [lesson(self.world, lots) for _ in range(self.scale.lessons)]
        source = write_rows(self.folder / "lessons.jsonl", rows)
        run = pack(self.folder, "lessons", source, "octomed", {})
        shape = random_model(self.scale.width, self.scale.layers, self.scale.heads)
        return train(
            self.folder, "base", run, self.scale.base_steps, shape, **self._rate(self.scale.base_rate)
        )

    def _samples(self) -> Path:
        accepted, at_most = self.scale.samples
        rows = _rows(self.world, self.asked)
        return distil(self.folder, rows, self.seed, accepted=accepted, at_most=at_most)

    def _condition(
        self, condition: Condition, base: Path, samples: Path, against: str
    ) -> tuple[Counts, Path]:
        source = padded(samples, self.folder / "padded.jsonl", self.seed) if condition.padded else samples
        recipe = condition.recipe(self.scale.samples[0], against)
        run = pack(self.folder, condition.name, source, "distilled", **recipe)
        found = json.loads((run / "octomed.json").read_text(encoding="utf-8"))["counts"]
        own = max(1, round(found["packs"] * self.scale.passes))
        steps = self.steps[condition.steps_of] if condition.steps_of else own
        self.steps[condition.name] = steps
        start = {"pretrained_model_name_or_path": str(base)}
        model = train(self.folder, condition.name, run, steps, start, **self._rate(self.scale.rate))
        made = Counts(found["train"], found["tokens"], found["packs"], steps, found["rejected"])
        return made, model

    def _rate(self, rate: float) -> dict[str, Any]:
        optimizer = {"name": "adamw", "lr": rate, "betas": [0.9, 0.95], "weight_decay": 0.01}
        return {"optimizer": optimizer, "seed": self.seed}

    def _answers(self, model: Path) -> list[list[int]]:
        """Return of each test question whether its answer is right, its tokens, and whether it ended."""
        sampled = generate(model, [one.text for one in self.tested], seed=self.seed)
        return [
            [int(given.is_right(self.world.answer(one))), given.tokens, int(given.is_whole)]
            for one, given in zip(self.tested, sampled, strict=True)
        ]

    def _of_question(self, one: Question) -> list[int]:
        """Return how many mechanisms and drugs a question has, and whether it has a new drug."""
        return [self.world.hops(one), len(one.drugs), int(bool(self.world.new & set(one.drugs)))]


def _rows(world: World, asked: Sequence[Question]) -> list[dict[str, Any]]:
    return [{"question": one.text, "answer": world.answer(one)} for one in asked]


def _sample_counts(samples: Path, world: World) -> dict[str, int]:
    right = every = 0
    for line in samples.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        every += 1
        right += row["response"] == f"Answer: {world.answer(Question.of(row['question']))}"
    return {"samples": every, "right": right}
