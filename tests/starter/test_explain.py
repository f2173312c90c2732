"""Every reason, key, error and exit code is explained, by the text of the schema and of the documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from octomed import _octomed
from octomed.cli.app import run
from octomed.cli.recipe_keys import KEYS
from octomed.errors import RecipeError
from octomed.starter.explain import explain, names, reasons
from octomed.starter.keys import NAME, keys
from octomed.starter.pages_text import PAGES

ROOT = Path(__file__).parents[2]
VERDICTS = re.findall(
    r'Self::\w+ => "(\w+)"', (ROOT / "rust/index/src/verdict.rs").read_text(encoding="utf-8")
)


def test_every_reason_of_the_engine_is_explained():
    assert set(reasons()) == {*_octomed.REASONS, *VERDICTS} - {"kept"}
    undocumented = [
        reason
        for reason in reasons()
        if not any(f"(docs/{page}.md" in line for line in lines(reason) for page in PAGES)
    ]
    assert undocumented == []


def lines(word):
    return [line for one in explain(word) for line in one.lines]


def test_every_key_is_explained():
    assert [name for name in keys() if not any(one.lines for one in explain(name))] == []
    tables = (
        "pack.capacity",
        "sources.NAME.path",
        "images.codec",
        "sources.NAME.format.question",
        "curate.accept",
    )
    for name in tables:
        assert any("docs/recipe.md" in line for line in lines(name)), name


def test_every_name_that_is_offered_is_one():
    for name in names():
        assert explain(name)


@pytest.mark.parametrize(
    ("code", "word"), [(0, "Done"), (2, "recipe"), (3, "rows"), (4, "file"), (70, "fault")]
)
def test_exit_codes_say_what_their_errors_are(code, word):
    assert word in lines(str(code))[0]
    assert "Signal 9" in lines("137")[0]


def test_names_of_the_users_own_stand_for_any():
    assert explain("sources.medqa.path") == explain("sources.NAME.path")
    assert [one.title for one in explain("capacity")] == ["key pack.capacity"]


def test_a_typo_leads_to_the_nearest_names(capsys):
    with pytest.raises(RecipeError, match="no reason, key") as raised:
        explain("over_lang")
    assert "over_long" in raised.value.hint
    assert len(raised.value.hint) < 200
    assert run(["explain", "over_lang"]) == 2
    assert run(["explain", "duplicate", "--json"]) == 0
    assert '"reason duplicate"' in capsys.readouterr().out


def test_what_shells_complete_are_the_keys_of_the_schema():
    """`python scripts/make_recipe_keys.py` writes the table."""
    fixed = {key.name: key.choices for key in keys().values() if NAME not in key.name.split(".")}
    assert fixed == KEYS
