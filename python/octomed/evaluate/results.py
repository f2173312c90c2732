"""What an evaluation found: by question, by benchmark, by group; and the files that say it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from octomed.evaluate.intervals import Mean, deviation_over_seeds, mean_of, mean_of_means
from octomed.evaluate.scoring import majority

if TYPE_CHECKING:
    from collections.abc import Sequence

    from octomed.evaluate.items import Asked
    from octomed.evaluate.schema import Benchmark
    from octomed.evaluate.scoring import Sample, Vote

FORMAT = 1
"""Of `results.json`; it is raised when a field changes its meaning or goes."""
RESULTS = "results.json"
QUESTIONS = "questions.jsonl"


@dataclass(frozen=True)
class QuestionResult:
    """What became of a question.

    Attributes
    ----------
    asked
        The question.
    samples
        Its scored answers, those of a vote beyond the seeds included.
    seeds
        How many of these, from the first, are of the seeds that means are taken over.
    vote
        The majority; None where none is taken.
    """

    asked: Asked
    samples: tuple[Sample, ...]
    seeds: int
    vote: Vote | None = None

    def values(self) -> dict[str, Any]:
        """Return plain values: a line of `questions.jsonl`."""
        one = self.asked
        return {
            "benchmark": one.benchmark,
            "file": one.file,
            "row": one.row,
            "key": one.key,
            "content": one.content,
            "images": one.images,
            "images_cut": one.images_cut,
            "seeds": self.seeds,
            "scores": [sample.score for sample in self.samples],
            "states": [sample.state for sample in self.samples],
            "answers": [sample.answer for sample in self.samples],
            "tokens": [sample.tokens for sample in self.samples],
            "forced": [sample.forced for sample in self.samples],
            "vote": None if self.vote is None else asdict(self.vote),
        }


@dataclass(frozen=True)
class BenchmarkResult:
    """What was found of a benchmark.

    Attributes
    ----------
    name, group, score
        As the recipe has them.
    questions, seeds
        How many were asked, and how often each.
    accuracy
        Mean over questions and seeds, with its interval; of open answers the mean overlap.
    by_seed
        Means of single seeds.
    deviation_over_seeds
        Their standard deviation; None of one seed.
    vote, vote_of
        Mean of the majority votes, and of how many answers each is; None where none are taken.
    states
        Answers by what they are: right, wrong, no_answer, ambiguous, cut, refused.
    tokens, tokens_tenths
        Mean of generated tokens, and tenths of its distribution; None where the server does not say.
    forced
        Share of answers whose reasoning was ended by force; None where that is not known.
    in_form
        Of the right answers, the share that has the form that the training run asks for.
    alike
        Share of questions whose answers are the same text for every seed.
    refused_rows
        Rows that could not be asked, by reason.
    images_cut
        Images that were not shown, and of how many questions.
    files
        Digests by path.
    """

    name: str
    group: str | None
    score: str
    questions: int
    seeds: int
    accuracy: Mean
    by_seed: tuple[float, ...]
    deviation_over_seeds: float | None
    vote: Mean | None
    vote_of: int | None
    states: dict[str, int]
    tokens: float | None
    tokens_tenths: tuple[float, ...] | None
    forced: float | None
    in_form: float | None
    alike: float
    refused_rows: dict[str, int]
    images_cut: tuple[int, int]
    files: dict[str, str]

    @property
    def interval(self) -> tuple[float, float]:
        """Ends of the accuracy's interval of 95 %."""
        return self.accuracy.low, self.accuracy.high

    @property
    def mean_tokens(self) -> float | None:
        """Mean of generated tokens."""
        return self.tokens

    def share(self, state: str) -> float:
        """Return the share of answers that are of a state: `cut`, for instance."""
        return self.states.get(state, 0) / max(1, sum(self.states.values()))


@dataclass(frozen=True)
class Results:
    """What an evaluation found.

    Attributes
    ----------
    name
        Of the evaluation.
    about
        The model, protocol, training run and versions, as plain values.
    benchmarks
        In the recipe's order.
    groups
        Means of the benchmarks of each group, each benchmark counting alike.
    overall
        The same over all benchmarks.
    notes
        What has to be known before a figure is read.
    rendered
        A question as it was asked: its benchmark, turns and image count.
    questions
        What became of each question.
    """

    name: str
    about: dict[str, Any]
    benchmarks: tuple[BenchmarkResult, ...]
    groups: dict[str, Mean]
    overall: Mean
    notes: tuple[str, ...]
    rendered: dict[str, Any]
    questions: tuple[QuestionResult, ...] = field(default=(), repr=False)

    def values(self) -> dict[str, Any]:
        """Return plain values: what `results.json` holds."""
        return {
            "format": FORMAT,
            "name": self.name,
            "notes": list(self.notes),
            **self.about,
            "benchmarks": [asdict(one) for one in self.benchmarks],
            "groups": {name: asdict(one) for name, one in self.groups.items()},
            "overall": asdict(self.overall),
            "rendered": self.rendered,
        }

    def json(self) -> str:
        """Return what `results.json` holds."""
        return json.dumps(self.values(), ensure_ascii=False, indent=1) + "\n"


def benchmark_result(
    benchmark: Benchmark,
    found: Sequence[QuestionResult],
    *,
    refused: dict[str, int],
    files: dict[str, str],
) -> BenchmarkResult:
    """Sum up the questions of a benchmark.

    Parameters
    ----------
    benchmark
        As the recipe has it.
    found
        Its questions, at least one.
    refused
        Rows that could not be asked, by reason.
    files
        Digests by path.
    """
    seeds = found[0].seeds
    scores = np.array([[one.score for one in question.samples[:seeds]] for question in found])
    of_seeds = [one for question in found for one in question.samples[:seeds]]
    votes = [question.vote.score for question in found if question.vote is not None]
    tokens = np.array([one.tokens for one in of_seeds if one.tokens is not None], float)
    forced = [one.forced for one in of_seeds if one.forced is not None]
    formed = [one.in_form for one in of_seeds if one.in_form is not None]
    cut = [question.asked.images_cut for question in found if question.asked.images_cut]
    return BenchmarkResult(
        name=benchmark.name,
        group=benchmark.group,
        score=benchmark.score,
        questions=len(found),
        seeds=seeds,
        accuracy=mean_of(scores),
        by_seed=tuple(float(one) for one in scores.mean(axis=0)),
        deviation_over_seeds=deviation_over_seeds(scores),
        vote=mean_of(np.array(votes)[:, None]) if votes else None,
        vote_of=benchmark.vote,
        states=dict(Counter(one.state for one in of_seeds)),
        tokens=float(tokens.mean()) if len(tokens) else None,
        tokens_tenths=tuple(float(one) for one in np.quantile(tokens, np.linspace(0, 1, 11)))
        if len(tokens)
        else None,
        forced=sum(forced) / len(forced) if forced else None,
        in_form=sum(formed) / len(formed) if formed else None,
        alike=_alike(found, seeds),
        refused_rows=refused,
        images_cut=(sum(cut), len(cut)),
        files=files,
    )


def _alike(found: Sequence[QuestionResult], seeds: int) -> float:
    alike = [len({one.text for one in question.samples[:seeds]}) == 1 for question in found]
    return sum(alike) / len(alike) if seeds > 1 else 0.0


def question_result(asked: Asked, samples: Sequence[Sample], seeds: int, vote: int | None) -> QuestionResult:
    """Put a question's answers together, with their vote where one is taken."""
    return QuestionResult(asked, tuple(samples), seeds, majority(samples[:vote]) if vote else None)


def group_means(benchmarks: Sequence[BenchmarkResult]) -> tuple[dict[str, Mean], Mean]:
    """Return the mean of each group's benchmarks, and that of all."""
    groups: dict[str, list[Mean]] = {}
    for one in benchmarks:
        if one.group is not None:
            groups.setdefault(one.group, []).append(one.accuracy)
    means = {name: mean_of_means(members) for name, members in groups.items()}
    return means, mean_of_means([one.accuracy for one in benchmarks])
