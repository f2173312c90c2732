"""Many sources, files, entries, options or blocks: time in proportion to them, not to their square."""

from __future__ import annotations

import json
import time
from concurrent.futures import Future
from contextlib import ExitStack

import octomed
import pytest
from octomed.pipeline.planning.check import check
from octomed.pipeline.threads.executor import executor, results
from octomed.recipe import load_recipe
from octomed.recipe.problems import RecipeProblems

from . import runs

FEW, MANY = 250, 1000
"""What takes time in proportion takes four times as long, and what takes the square sixteen times."""

MOST = 9.0


def seconds(call, tries=3):
    """CPU seconds of this thread, which other processes do not change; the least of some tries."""
    found = []
    for _ in range(tries):
        begin = time.thread_time()
        call()
        found.append(time.thread_time() - begin)
    return min(found)


def in_proportion(make, run):
    """See that `run(make(MANY))` takes no more than in proportion longer than of `FEW`."""
    few, many = make(FEW), make(MANY)
    run(few)  # what is loaded once
    ratio = seconds(lambda: run(many)) / seconds(lambda: run(few))
    assert ratio < MOST, f"{ratio:.1f} times as long"


@pytest.fixture
def folder(tmp_path):
    runs.write_model(tmp_path / "model")
    return tmp_path


def file(folder, name, text="Why?"):
    row = {"question": text, "options": ["a", "b"], "responses": ["Because it is so."]}
    return runs.write_lines(folder / name, [row]).relative_to(folder)


def recipe_of(folder, count, sources):
    values = runs.values() | {"sources": sources}
    path = folder / f"recipe-{count}.yaml"
    path.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in values.items()))
    return path


def many_sources(folder, count, **keys):
    sources = [
        {"name": f"s{n}", "path": str(file(folder, f"{count}/{n}.jsonl", f"{n}?")), "format": "octomed"}
        for n in range(count)
    ]
    return recipe_of(folder, count, [source | keys for source in sources])


def whole_check(path, options=()):
    checked = check(load_recipe(path, options))
    assert checked.values()
    return checked


def test_sources(folder):
    in_proportion(lambda count: many_sources(folder, count), whole_check)


def test_sources_of_which_none_fits(folder):
    def run(path):
        checked = whole_check(path)
        assert not checked.ok
        assert len(checked.failing) in (FEW, MANY)

    in_proportion(lambda count: many_sources(folder, count, format="huatuo-o1"), run)


def test_a_recipe_wrong_in_every_source(folder):
    def run(path):
        with pytest.raises(RecipeProblems) as caught:
            load_recipe(path)
        assert len(caught.value.problems) in (3 * FEW, 3 * MANY)

    wrong = {"pathh": "x", "on_bad_file": "leave", "max_unreadable": "much"}
    in_proportion(lambda count: many_sources(folder, count, **wrong), run)


def test_files_of_one_source(folder):
    def make(count):
        for number in range(count):
            file(folder, f"files-{count}/{number}.jsonl")
            (folder / f"files-{count}/{number}.txt").touch()
            (folder / f"files-{count}/{number}").mkdir()
            file(folder, f"files-{count}/{number}/dataset_infos.json")
        return recipe_of(
            folder, count, [{"name": "one", "path": f"files-{count}", "format": "octomed", "split": "all"}]
        )

    in_proportion(make, whole_check)


def test_files_that_a_card_names_one_by_one(folder):
    def make(count):
        names = [file(folder, f"card-{count}/{number}.jsonl").name for number in range(count)]
        lines = "".join(f"  - split: train\n    path: {name}\n" for name in names)
        card = f"---\nconfigs:\n- config_name: default\n  data_files:\n{lines}---\n"
        (folder / f"card-{count}/README.md").write_text(card)
        return recipe_of(folder, count, [{"name": "one", "path": f"card-{count}", "format": "octomed"}])

    in_proportion(make, lambda path: load_recipe(path) and whole_check(path))


def test_entries_of_one_source(folder):
    def make(count):
        paths = [str(file(folder, f"entries-{count}/{number}/x{number}.jsonl")) for number in range(count)]
        paths = [path if number % 3 else f"{path[:-6]}*" for number, path in enumerate(paths)]
        return recipe_of(folder, count, [{"name": "one", "path": paths, "format": "octomed"}])

    in_proportion(make, whole_check)


def test_globs_that_reach_where_the_output_lies(folder):
    def make(count):
        sources = [
            {
                "name": f"s{number}",
                "path": f"{file(folder, f'globs-{count}/{number}/in/x.jsonl').parents[1]}/*/*.jsonl",
                "format": "octomed",
            }
            for number in range(count)
        ]
        return recipe_of(folder, count, sources)

    in_proportion(make, lambda path: load_recipe(path, [f"output.path={path.stem}"]))


def test_options(folder):
    path = many_sources(folder, MANY)
    options = [f"sources.s{number}.max_unreadable=0.5" for number in range(MANY)]
    of_number = {count: options[:count] for count in (FEW, MANY)}
    nothing = seconds(lambda: load_recipe(path))
    few, many = (seconds(lambda count=count: load_recipe(path, of_number[count])) for count in (FEW, MANY))
    assert many - nothing < MOST * max(few - nothing, nothing / 10)


def test_plans_of_many_sources(folder):
    in_proportion(lambda count: many_sources(folder, count), lambda path: str(octomed.plan(path)))


def test_packs_of_many_sources(folder):
    def run(path):
        options = [f"{key}.path={path.stem}-{time.monotonic_ns()}-{key}" for key in ("output", "work")]
        runs.pack(path, *options)

    in_proportion(lambda count: many_sources(folder, count), run)


def test_results_of_many_calls():
    """To wait for the first of many calls looks at all of them."""

    def make(count):
        futures = [Future() for _ in range(2 * count)]
        for future in futures:
            future.set_result(None)
        return futures

    def run(futures):
        with executor(1, ExitStack()) as threads:
            assert sum(1 for _ in results(futures, threads)) == len(futures)

    in_proportion(make, run)
