"""The Python of `docs/python.md` runs, block after block, in a folder with the rows that it names."""

from __future__ import annotations

import json
import sys

from tests.unit.documents import snippets

DOCUMENT = "docs/python.md"


def test_the_document_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OCTOMED_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(tmp_path)
    rows = [{"q": "Fever?", "a": "Rest, and water."}, {"q": "Cough?", "a": "Tea."}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found: dict[str, object] = {}
    for one in snippets():
        if (one.document, one.language) != (DOCUMENT, "python"):
            continue
        if one.first_line == "# my_rules.py":
            (tmp_path / "my_rules.py").write_text(one.text)
        else:
            exec(compile(one.text, DOCUMENT, "exec"), found)
    sys.modules.pop("my_rules", None)
    assert "supervised: <|im_start|>" in capsys.readouterr().out
    assert found["why"] >= {"image_damaged", "image_missing"}
    assert found["longer"].pack.capacity == 4096
    assert found["summary"].rejected["long_enough"] > 0
    assert found["summary"].filters["no_advice_to_wait"]["traces"] > 0
