"""Damaged files never crash, hang or grow the program, and never end in exit 70: a few cases of each kind."""

from __future__ import annotations

import json

import pytest

from tests.fuzz.campaign import fuzz
from tests.fuzz.mutation import Mutator
from tests.fuzz.surfaces import SURFACES

CASES_A_SURFACE = 6


def test_a_seed_makes_the_same_damage_again() -> None:
    data = json.dumps({"a": [1, "x", {"b": None}]}).encode()
    for kind in ("bytes", "text", "json"):
        made = [[getattr(Mutator(f"{seed}"), kind)(data) for seed in range(50)] for _ in range(2)]
        assert made[0] == made[1]
        assert len(set(made[0])) > 25


def test_damaged_files_end_in_an_exit_code_that_says_why() -> None:
    outcome = fuzz(",".join(SURFACES), seed=14, cases=CASES_A_SURFACE * len(SURFACES))
    assert outcome.findings == []
    assert outcome.cases >= CASES_A_SURFACE * len(SURFACES)
    assert set(outcome.codes) - {"0"}, "no damage was noticed: the commands do not read what is damaged"


@pytest.mark.long
@pytest.mark.parametrize("surface", SURFACES)
def test_a_minute_of_damage(surface: str) -> None:
    assert fuzz(surface, seed=15, seconds=60).findings == []
