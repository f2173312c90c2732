"""The figures of docs/octomed-8m.md are those that its inputs give."""

from __future__ import annotations

import pytest

from bench import paper

SHORT = [name for name in paper.TABLES if name != "memory"]


def test_the_page_has_the_figures_that_its_inputs_give():
    page = paper.PAGE.read_text(encoding="utf-8")
    assert paper.written_anew(page, SHORT) == page, "`python -m bench.paper` writes them anew"


@pytest.mark.long
def test_the_page_has_the_memory_that_the_plan_says():
    page = paper.PAGE.read_text(encoding="utf-8")
    assert paper.written_anew(page, ["memory"]) == page, "`python -m bench.paper` writes it anew"


def test_another_price_is_another_figure(monkeypatch):
    read = paper.recipe

    def dearer(name):
        values = read(name)
        values["teacher"]["price"] = {"input": 0.0, "output": 1000.0}
        return values

    monkeypatch.setattr(paper, "recipe", dearer)
    answered = 16 * 985_086 * 840
    assert f"${answered / 1e3:,.0f} |" in paper.distillation()


def test_the_papers_numbers_agree_with_each_other():
    told = paper.stored("paper")
    assert told["text_traces"] + told["image_traces"] == told["traces"]
    assert told["response_tokens"] == pytest.approx(told["traces"] * told["reasoning_tokens"], rel=0.01)
    assert paper.epoch_tokens(told) == pytest.approx(8.6e9, rel=0.01)


def test_a_page_without_the_marks_is_refused():
    with pytest.raises(SystemExit, match="has no `<!-- figures: training -->`"):
        paper.written_anew("text", ["training"])
