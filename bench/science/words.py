# ruff: noqa: E501 the lines of a page are as long as those of the other pages
"""The words of `docs/science.md`; figures come from the results."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WORLD = """# The paper's findings in miniature

`make science` runs this on two cores: a teacher is asked, its traces are accepted and packed, small models are trained and answer test
questions, each step by the product itself. `make science-all` has the claims that take longer. Every figure of this page is made
from `bench/results/science.json` by `python -m bench.science.page`.

**The world.** A patient is in one of eight states. A drug sets off a chain of one to six mechanisms; each does one of six things to the
state, permutations of which no two commute. A question names a state and one to three drugs, and asks for the last state: chance is one
in eight. How long a drug's chain is, and so how many steps a question takes (1 to 18), is in nothing that the question shows.

**The teacher** reasons step by step in words that vary (openings, three styles drawn for each drug). It slips at 2 % of the steps, and of
10 % of the mechanisms it believes something wrong, always the same, every other time it meets them.

**The base model** (random weights at first) has learned from lessons what each drug sets off and single steps of the state, for all drugs; six of
24 drugs then occur in no question that is trained on (*new drugs*). All conditions of a seed begin with it.

**The way.** A server of our own plays the teacher (`tests/servers/teacher.py`); `octomed distill` asks each question until 16 samples are accepted, 64 at
most; `octomed pack` accepts by the final answer, drops duplicates, removes what shares seven words in a row with a test question, or is one, and keeps so many
traces a question; `octomed train` trains a Qwen2 of {parameters} in float32; its answers are sampled at temperature 0.6 and judged
by the rule that accepted the traces. A step is one pack of 1,024 tokens, so that equal steps are equal tokens.

**What was fixed when.** World, bars and analysis were settled on {tuning} and committed before the reported seeds ran: {commits}
Reported: {number} ({seeds}), {questions} test questions each. Intervals are 95 % of 2,000 draws of the questions within every seed, paired between
conditions; they do not say how worlds differ, for which the figure of each seed stands beside.
"""
PARAMETERS = "some 350,000 parameters"
TUNING = "seed 101, by a light loop outside of the product,"
COMMITS = (
    "`426c5b25` has them; only the comparison of packed and unpacked came later. On the tuning seed 16 less 4 was 0.31 and the "
    "partial correlation 0.84, with 500 steps of the base model. The control of equal steps was tuned on an earlier form of the "
    "questions alone (0.16 there), those of padding, acceptance and direct answers on none. The results are in the commit that adds `bench/results/science.json`."
)


def opening(number: int, seeds: Sequence[int], questions: int) -> str:
    """Return the page's beginning.

    Parameters
    ----------
    number, seeds
        How many seeds ran, and which.
    questions
        Test questions of each.
    """
    which = f"seed{'s' * (number > 1)} {', '.join(map(str, seeds))}"
    many = ("no", "one", "two", "three", "four", "five")[number] if number < 6 else str(number)
    return WORLD.format(
        parameters=PARAMETERS,
        tuning=TUNING,
        commits=COMMITS,
        number=f"{many} world{'s' * (number > 1)}",
        seeds=which,
        questions=questions,
    )


CONDITIONS = """## What each model answers

![Accuracy by traces a question](science-ladder.svg)

Means over the seeds; accuracy with its interval. Cut answers are wrong.
"""
SAMPLES = """
The teacher gave {every:,.0f} samples a seed, of which {share:.0%} were right; {duplicate:,.0f} traces were duplicates and {contaminated:,.0f} of questions
that share words with test questions.
"""
CLAIMS = {
    "ladder": """## More traces a question

From one to four to sixteen accepted traces a question, the same questions, each trace learned twice; and one trace a question, learned as often
as makes the steps of sixteen. Every question has its one trace: it was asked again until one was accepted.
""",
    "length": """## Length follows difficulty that nobody labelled

![Generated tokens by hidden steps](science-length.svg)

No length is in any question or label. The partial correlation is given the number of drugs, which is all that the question shows of its size; cut
answers are left out. The control is the base model trained for equal steps on the same traces, padded with a word that says nothing to lengths drawn without regard
to the question (each is longer, and so learned less often): there the correlation has to vanish.
""",
    "acceptance": """## Acceptance

The same questions, at most sixteen traces of each and equal steps on both sides: only those with the right answer, or the first sixteen as they came.
""",
    "direct": """## Reasoning against direct answers

The same questions with the right answer alone (`target: answer`), trained on as many tokens: each answer is seen many times more often than a trace.
""",
}
SHOWN = """
For comparison: what the question shows, the number of drugs, correlates with length at {shown:.3f} by itself; hidden steps, nothing held fixed, at {plain:.3f}.
"""
MADE = "The claim is made: every row reaches its bar."
NOT_MADE = "**The claim is not made**: a row misses its bar. The figures stand as they are."


def not_run(claims: Sequence[str]) -> str:
    """Return which claims no seed ran.

    Parameters
    ----------
    claims
        Their names.
    """
    missing = [*claims, "the mix of groups", "images", "classification beside reasoning in one model"]
    return f"## Not run\n\nNo figures, and so no claims: {', '.join(missing)}.\n"


PACKING = """## Packed and unpacked

The first {steps} steps of `traces-16`, as the trainer logged them on packs, beside a loop of its own: transformers' stock model and attention, each trace
a padded row, the same traces a step and the same rates, float32. The largest difference of a step's losses is {apart} (a figure a seed); the bar is {bar}. In the first eight steps it
is {early}: the losses begin equal and part later, as if steps multiplied what rounding makes of them; it was not run in float64, which would tell.
"""
COST = """## What it cost

A seed took {cpu:.1f} CPU-minutes with one thread, {minutes:.0f} CPU-minutes all seeds together; the slowest {wall:.0f} minutes of wall time on two cores
shared with other work.
"""
