"""The notebooks run, from a folder with nothing in it; what they put out is not kept in the tree."""

from __future__ import annotations

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

FOLDER = Path(__file__).parents[2] / "examples/notebooks"
NAMES = ["own-data", "curate-and-look", "own-rule"]


def executed(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a notebook in a folder, and return all that it put out as text."""
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("OCTOMED_CACHE", str(folder / "cache"))
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    outputs = [one for cell in notebook.cells if cell.cell_type == "code" for one in cell.outputs]
    texts = [one.get("text", "") for one in outputs]
    texts += [str(value) for one in outputs for value in one.get("data", {}).values()]
    return "\n".join(texts)


def test_all_notebooks_are_run():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == {*NAMES, "spike"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_no_output_is_kept(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.outputs for cell in code] == [[]] * len(code)
    assert [cell.execution_count for cell in code] == [None] * len(code)


def test_own_data(tmp_path, monkeypatch):
    shown = executed("own-data", tmp_path, monkeypatch)
    assert "unknown key `capasity`" in shown
    assert "invalid_json" in shown
    assert 'title="supervised"' in shown
    assert (tmp_path / "runs/mine/octomed.json").exists()


def test_curate_and_look(tmp_path, monkeypatch):
    shown = executed("curate-and-look", tmp_path, monkeypatch)
    assert "wrong_answer" in shown
    assert "0 blocks scanned" in shown


def test_own_rule(tmp_path, monkeypatch):
    shown = executed("own-rule", tmp_path, monkeypatch)
    assert "rejected: gives_a_reason" in shown
    assert "other filters: filter `long_enough`: version 1 → 2" in shown
    assert "a filter cannot be a lambda" in shown
    assert "failed at " in shown


@pytest.mark.long
def test_spike(tmp_path, monkeypatch):
    pytest.importorskip("composer")
    shown = executed("spike", tmp_path, monkeypatch)
    assert "letters letters.jsonl row" in shown
