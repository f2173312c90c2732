"""The report of an evaluation: a page without network and scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.evaluate.plots import accuracies, lengths
from octomed.evaluate.table import HEAD, rows_of
from octomed.report.page import folded, page, section, table, text, warning

if TYPE_CHECKING:
    from octomed.evaluate.results import Results

REPORT = "report.html"


def report_page(results: Results) -> str:
    """Return the page.

    Parameters
    ----------
    results
        Of the evaluation.
    """
    body = [
        f"<h1>{text(results.name)}</h1>",
        f'<p class="soft">{text(_about(results))}</p>',
        *(warning(note) for note in results.notes),
        section("Accuracy", accuracies(results), table(HEAD, rows_of(results)), _method(results)),
        section("Generated tokens", lengths(results), _tenths(results)),
        section("What became of the answers", _states(results)),
        section("A question as it was asked", _rendered(results)),
        section("Files", _files(results)),
    ]
    return page(f"Evaluation {results.name}", "\n".join(body))


def _about(results: Results) -> str:
    model, protocol = results.about["model"], results.about["protocol"]
    words = [
        f"model {model.get('name') or model['path']}",
        f"temperature {protocol['temperature']:g}, top-p {protocol['top_p']:g}",
        f"{protocol['seeds']} seeds",
        f"at most {protocol['max_tokens']:,} tokens",
    ]
    if protocol["thinking_tokens"] is not None:
        words.append(f"reasoning ended after {protocol['thinking_tokens']:,}")
    trained = results.about["trained"]
    words.append("prompt of the recipe" if trained is None else f"trained on {trained['name']}")
    return " · ".join(words)


def _method(results: Results) -> str:
    how = results.about["protocol"]["interval"]
    return (
        '<p class="soft">Mean over questions and seeds, in percent; its interval is over both: questions are '
        "drawn with their seeds. Answers that were cut, refused by the endpoint or in no known form "
        "count as wrong. A vote goes to the answer that most samples give; who gives none does not "
        f"vote, and a tie goes to the answer seen first. {text(how)}.</p>"
    )


def _tenths(results: Results) -> str:
    head = ("benchmark", "mean", "least", "median", "nine tenths", "most")
    rows = [
        (one.name, f"{one.tokens:,.0f}", *(f"{one.tokens_tenths[place]:,.0f}" for place in (0, 5, 9, 10)))
        for one in results.benchmarks
        if one.tokens is not None and one.tokens_tenths is not None
    ]
    return table(head, rows)


def _states(results: Results) -> str:
    states = ("right", "wrong", "no_answer", "ambiguous", "cut", "refused")
    head = ("benchmark", *(state.replace("_", " ") for state in states), "in trained form")
    rows = [
        (
            one.name,
            *(f"{one.states.get(state, 0):,}" for state in states),
            "-" if one.in_form is None else f"{100 * one.in_form:.1f} %",
        )
        for one in results.benchmarks
    ]
    return table(head, rows)


def _rendered(results: Results) -> str:
    rendered = results.rendered
    place = f"{rendered['benchmark']}, {rendered['file']} row {rendered['row']}"
    turns = "\n\n".join(f"[{turn['role']}]\n{turn['text']}" for turn in rendered["turns"])
    right = f'<p class="soft">Right answer: {text(rendered["answer"])}</p>'
    return folded(place, turns).replace("<details>", "<details open>") + right


def _files(results: Results) -> str:
    rows = [(one.name, name, digest) for one in results.benchmarks for name, digest in one.files.items()]
    return table(("benchmark", "file", "xxh3_64"), rows, names=3)
