"""The example of the document runs, and the line that it shows is the one that is printed."""

from __future__ import annotations

from pathlib import Path

import octomed

ROOT = Path(__file__).parents[2]


def test_the_documents_example_runs(tmp_path, monkeypatch, capfd):
    text = (ROOT / "docs/stream.md").read_text(encoding="utf-8")
    code, printed = (text.split(f"```{kind}\n")[1].split("```")[0] for kind in ("python", "console"))
    paths = [f"output.path={tmp_path / 'runs/quickstart'}", f"work.path={tmp_path / 'work'}"]
    octomed.pack(ROOT / "recipes/quickstart.yaml", overrides=paths)
    monkeypatch.chdir(tmp_path)
    found: dict[str, object] = {}
    exec(compile(code, "docs/stream.md", "exec"), found)
    assert found["batch"]["input_ids"].shape[1]
    assert printed in capfd.readouterr().err
