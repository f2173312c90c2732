"""A seed of the miniature, from its world to what each of its models answers."""

from __future__ import annotations

import json
import random
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bench.science.conditions import CLAIMS, LADDER, Condition, Counts, Scale
from bench.science.generating import generate
from bench.science.lessons import lesson
from bench.science.padding import padded
from bench.science.product import distil, pack, random_model, train, write_rows
from bench.science.world import Question, World, make_world, questions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


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

    def run(self, claims: Sequence[str]) -> dict[str, Any]:
        """Run all conditions of some claims, and return what is kept of them."""
        begin, cpu = time.monotonic(), time.process_time()
        base = self._base()
        samples = self._samples()
        against = write_rows(self.folder / "test.jsonl", _rows(self.world, self.tested))
        results = {"base": self._answers(base)}
        counts: dict[str, Any] = {}
        for condition in dict.fromkeys((*LADDER, *(one for claim in claims for one in CLAIMS[claim]))):
            made, model = self._condition(condition, base, samples, str(against))
            counts[condition.name] = asdict(made)
            results[condition.name] = self._answers(model)
        return {
            "seed": self.seed,
            "questions": [self._of_question(one) for one in self.tested],
            "conditions": results,
            "counts": counts,
            "samples": _sample_counts(samples, self.world),
            "wall_seconds": round(time.monotonic() - begin, 1),
            "cpu_seconds": round(time.process_time() - cpu, 1),
        }

    def _base(self) -> Path:
        lots = random.Random(f"lessons {self.seed}")
        rows = [lesson(self.world, lots) for _ in range(self.scale.lessons)]
        source = write_rows(self.folder / "lessons.jsonl", rows)
        run = pack(self.folder, "lessons", source, "octomed", {})
        shape = random_model(self.scale.width, self.scale.layers, self.scale.heads)
        return train(self.folder, "base", run, self.scale.base_steps, shape, **self._rate(self.scale.base_rate))

    def _samples(self) -> Path:
        accepted, at_most = self.scale.samples
        rows = _rows(self.world, self.asked)
        return distil(self.folder, rows, self.seed, accepted=accepted, at_most=at_most)

    def _condition(self, condition: Condition, base: Path, samples: Path, against: str) -> tuple[Counts, Path]:
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
