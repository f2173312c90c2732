"""Every `>>>` example of the package runs, and every public function and class has one."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
from pathlib import Path

import octomed
import pytest
from octomed import vision

SOURCE = Path(octomed.__file__).parent
EXTRAS = {"composer", "streaming", "torch", "transformers"}
"""Packages of the extra `train`: without them its modules cannot be imported."""

PUBLIC = {
    "octomed": octomed.__all__,
    "octomed.answers": ["extract", "judge", "split"],
    "octomed.library.recipe": ["Recipe", "load_recipe"],
    "octomed.library.rows": ["Rows"],
    "octomed.mds": ["MDSReader", "MDSWriter", "verify"],
    "octomed.packing": ["pack_lengths"],
    "octomed.recipe.schema": ["schema_json"],
    "octomed.urls": ["is_url", "join", "streaming_url"],
    "octomed.vision": list(vision.__all__),
    "octomed.stream.collator": ["Collator"],
    "octomed.stream.counts": ["EpochCounts"],
    "octomed.stream.dataset": ["PackedDataset"],
    "octomed.stream.pixels": ["pixel_values"],
    "octomed.stream.run": ["Run", "open_run"],
    "octomed.train.batches": ["data_spec"],
    "octomed.train.build": ["build_model", "freeze_vision", "read_configuration"],
    "octomed.train.isolation": ["check_isolation", "text_batch", "tolerance_of"],
    "octomed.train.loss": ["choose_implementation", "weighted_cross_entropy"],
    "octomed.train.network": ["loss_units"],
    "octomed.train.pack_costs": ["costs_of"],
    "octomed.train.recipe": ["load_train_recipe"],
    "octomed.train.steps": ["spread", "step_size"],
    "octomed.train.unigrams": ["entropy"],
}
"""What users call. Its other functions `octomed.train` calls itself."""
NOT_RUN: dict[str, str] = {}
"""Examples that are skipped (`+SKIP`), by module and name, with the reason."""


def modules_with_examples():
    """Return the modules whose source has an example: the others need not be imported."""
    for path in sorted(SOURCE.rglob("*.py")):
        if ">>> " in path.read_text(encoding="utf-8"):
            parts = ("octomed", *path.relative_to(SOURCE).with_suffix("").parts)
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(name):
    """Import a module; skip the test where a package of an extra is missing, and fail for any other."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name in EXTRAS:
            pytest.skip(f"`{error.name}` is not installed")
        raise


@pytest.mark.parametrize("name", list(modules_with_examples()))
def test_the_examples_of_a_module_run(name, tmp_path, monkeypatch):
    if name.split(".")[1:2] == ["stream"]:
        for package in ("streaming", "torch"):  # its modules are imported when their names are used
            pytest.importorskip(package)
    module = imported(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OCTOMED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found = doctest.testmod(module)
    assert found.attempted
    assert found.failed == 0


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_public_has_an_example(name):
    module = imported(name)
    members = {one: getattr(module, one) for one in PUBLIC[name]}
    lacking = [
        one
        for one, member in members.items()
        if callable(member) and not doctest.DocTestParser().get_examples(inspect.getdoc(member) or "")
    ]
    assert lacking == []


def test_what_the_stream_offers_is_among_what_is_public():
    from octomed import stream

    assert {name for name in stream.__all__ if name not in PUBLIC[stream._HOMES[name]]} == set()


def test_no_example_is_skipped_without_a_reason():
    skipped = set()
    for name in modules_with_examples():
        path = SOURCE.joinpath(*name.split(".")[1:])
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                examples = doctest.DocTestParser().get_examples(ast.get_docstring(node) or "")
                if any(example.options.get(doctest.SKIP) for example in examples):
                    skipped.add(f"{name}.{getattr(node, 'name', '')}".rstrip("."))
    assert skipped <= set(NOT_RUN)
