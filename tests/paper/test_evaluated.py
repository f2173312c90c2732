"""The paper's evaluation over its 16 benchmarks, in their published formats, after the recipe that packed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import octomed
import pytest

from tests.paper.questions import BENCHMARK

if TYPE_CHECKING:
    from tests.paper.conftest import Tree


@pytest.fixture(scope="module")
def results(tree: Tree) -> Any:
    from octomed.evaluate import evaluate

    octomed.pack(tree.recipe("octomed-8m"), workers=2)
    return evaluate(tree.recipe("evaluate/octomed-8m"), [f"model.endpoint={tree.endpoint}"])


def test_sixteen_benchmarks_are_asked_and_scored(results: Any) -> None:
    """Of four plates this teacher misreads one; of SLAKE's five rows it reads the Chinese one neither."""
    assert len(results.benchmarks) == 16
    for one in results.benchmarks:
        questions, right = BENCHMARK, BENCHMARK - 1
        if one.name == "slake":
            questions += 1
        assert (one.name, one.questions) == (one.name, questions)
        assert one.accuracy.value == pytest.approx(right / questions), one.name
        assert (one.vote_of, one.score == "token_f1") == (
            10 if one.name == "medqa" else None,
            one.name in {"slake", "vqa-rad"},
        )
        assert set(one.states) <= {"right", "wrong", "absent"}
    assert len(results.questions) == 16 * BENCHMARK + 1


def test_the_packed_run_says_how_questions_are_asked(results: Any, tree: Tree) -> None:
    """That run was cleared of the benchmarks, so nothing is said of contamination."""
    assert [note for note in results.notes if "decontaminate" in note] == []
    report = (tree.folder / "evaluations/octomed-8m/report.html").read_text(encoding="utf-8")
    assert "You are a careful physician. Think first, then answer." in report
    assert (tree.folder / "evaluations/octomed-8m/results.json").is_file()
