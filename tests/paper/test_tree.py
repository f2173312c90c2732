"""From questions in their published formats to packs: the paper's recipes as they are, on invented rows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import octomed
import pytest
from octomed import shipped
from octomed.distill.recipe import load_distill_recipe
from octomed.recipe import RecipeProblems

from tests.paper.questions import BENCHMARK, EACH
from tests.paper.teacher import RIGHT, SAMPLES
from tests.paper.tree import BENCHMARKS, CLASSIFICATION, RELEASED, benchmark_questions
from tests.unit.documents import ROOT, commands

if TYPE_CHECKING:
    from octomed.report.summary import Summary

    from tests.paper.conftest import Tree

PAGE = ROOT / "docs/octomed-8m.md"
NOT_COMPARED = ("medical-instructions", "mimic-cxr-reports", "pmc-instruct")


@pytest.fixture(scope="module")
def packed(tree: Tree) -> Summary:
    return octomed.pack(tree.recipe("octomed-8m"), workers=2)


def test_every_source_is_asked_sixteen_times_in_its_published_format(tree: Tree) -> None:
    for source, counts in tree.distilled.items():
        asked = EACH + (source == "slake")  # its Chinese row
        assert (counts.questions, counts.samples) == (asked, asked * SAMPLES), source
        assert (counts.failed, counts.refused) == ({}, {}), source
        right = EACH * (SAMPLES - 1) if source in NOT_COMPARED else EACH * RIGHT
        assert counts.accepted == right, source
    assert len(tree.distilled) + len(RELEASED) == 23


@pytest.mark.parametrize(
    "recipe", ["octomed-8m", "ablations/traces-per-question", "ablations/teacher-pass-rate"]
)
def test_what_packs_passes_check_on_rows_of_the_right_shapes(tree: Tree, recipe: str) -> None:
    checked = octomed.check(tree.recipe(recipe))
    assert checked.ok
    assert [warning for warning in checked.warnings if "do not fit" not in warning] == []


def test_what_is_kept_is_what_was_planted(packed: Summary) -> None:
    compared = (23 - len(NOT_COMPARED)) * EACH * SAMPLES
    assert packed.traces == 23 * EACH * SAMPLES + SAMPLES  # and the samples of a Chinese row
    wrong = compared // 4
    contaminated = {"contaminated": RIGHT, "contaminated_image": RIGHT}  # a question's right ones each
    absent = packed.rejected["no_answer"]
    assert packed.rejected == {
        **contaminated,
        "no_answer": absent,
        "wrong_answer": wrong + SAMPLES + EACH - absent,
        "refusal": 2 * EACH,
    }
    assert absent == EACH + 1  # the unwilling samples of reports, and one of the Chinese row
    assert packed.train == packed.traces - sum(packed.rejected.values())
    assert packed.sums_agree
    by_source = {name: row["rejected"].get("contaminated", 0) for name, row in packed.sources.items()}
    assert by_source == {name: RIGHT if name == "medqa" else 0 for name in packed.sources}


def test_the_run_is_whole_and_every_source_is_in_it(tree: Tree, packed: Summary) -> None:
    assert octomed.verify(tree.folder / "runs/octomed-8m").findings == ()
    assert set(packed.sources) == {*CLASSIFICATION, *RELEASED, *tree.distilled}
    assert packed.images == (23 - 4) * EACH


def test_the_page_says_what_is_kept(packed: Summary) -> None:
    """docs/octomed-8m.md has the figures of this tree, where a reader can make it."""
    said = dict(
        re.findall(r"^\| ([a-z_`, ]+) \| ([\d,]+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    )
    figures = {"traces made": packed.traces, "packed": packed.train}
    figures |= {f"rejected, `{reason}`": count for reason, count in packed.rejected.items()}
    assert {name: said.get(name) for name in figures} == {
        name: f"{number:,}" for name, number in figures.items()
    }


@pytest.mark.long
def test_the_commands_of_the_page(tmp_path: Path, tree: Tree, packed: Summary) -> None:
    """What docs/octomed-8m.md tells a reader of a clone to type gives the same run, file for file."""
    for name in ("tests", "python"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    said = [line for document, line in commands() if document == "docs/octomed-8m.md"]
    typed = said[: next(index for index, line in enumerate(said) if "evaluate small" in line) + 1]
    script = "\n".join(
        line for line in typed if not line.startswith("pip ") and "servers.teacher" not in line
    )
    script = script.replace("http://127.0.0.1:8765/v1", tree.endpoint)
    script = re.sub(r"(^|; do )octomed ", r"\1python -m octomed ", script, flags=re.MULTILINE)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"packed {packed.train:,} traces" in done.stdout


def test_a_distillation_wants_one_source(tree: Tree) -> None:
    path = tree.recipe("distill/octomed-8m-text")
    with pytest.raises(
        RecipeProblems, match=r"yaml:\d+:\d+: `\{source\}` in `output.path` is the folder of one"
    ):
        load_distill_recipe(path)
    with pytest.raises(RecipeProblems, match="there is no source `medmqa`") as found:
        load_distill_recipe(path, source="medmqa")
    assert "did you mean `medmcqa`?" in str(found.value.hint)
    loaded = load_distill_recipe(path, source="headqa")
    assert loaded.output == tree.folder / "data/octomed-8m/headqa"
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "name: headqa" in text)
    assert f"yaml:{line}:" in str(loaded.asked.written_at("sources", 0, "path"))


@pytest.mark.parametrize(
    "name", ["distill/octomed-8m-text", "distill/octomed-8m-multimodal", "evaluate/octomed-8m"]
)
def test_a_recipe_is_given_out_wherever_it_is_put(name: str) -> None:
    assert name in shipped.names()
    text = shipped.text_of(name, "mine.yaml")
    assert "../" not in text
    assert re.search(r"data/(questions|evaluation)/medmcqa|data/questions/slake", text)


def test_benchmarks_are_the_papers_sixteen_and_those_that_training_is_cleared_of() -> None:
    from ruamel.yaml import YAML

    read = YAML(typ="safe", pure=True)
    evaluated = read.load((ROOT / "recipes/evaluate/octomed-8m.yaml").read_text())["benchmarks"]
    cleared = read.load((ROOT / "recipes/octomed-8m.yaml").read_text())["curate"]["decontaminate"]["against"]
    places = {one["path"].removeprefix("../"): one["format"] for one in cleared}
    found = {one["path"].removeprefix("../../"): one["format"] for one in evaluated}

    def inside(value: object) -> str:
        return re.sub(r"(\.\./)+", "", str(value))

    assert {path: inside(form) for path, form in found.items()} == {
        path: inside(form) for path, form in places.items() if "medframeqa" not in path
    }
    assert [one["name"] for one in evaluated if one.get("vote")] == ["medqa"]
    assert {one["name"] for one in evaluated if one.get("score") == "token_f1"} == {"slake", "vqa-rad"}
    assert {one["name"] for one in evaluated} == set(BENCHMARKS) - {"medframeqa"}
    assert len(evaluated) == 16
    assert {name: len(rows) for name, rows in benchmark_questions().items()} == dict.fromkeys(
        BENCHMARKS, BENCHMARK
    )
