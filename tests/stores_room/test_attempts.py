"""How often a request is made, and after which pauses."""

from __future__ import annotations

import pytest
from obstore.exceptions import GenericError, PermissionDeniedError, UnauthenticatedError
from octomed.stores import attempts
from octomed.stores.attempts import Attempts, Failed
from octomed.stores.traffic import Counter

GONE = GenericError("HttpError { kind: Connect, source: x }")
BROKEN = GenericError("Server returned non-2xx status code: 500 Oh: ")
UNSIGNED = UnauthenticatedError("External AWS credential provider: x")
REFUSED = PermissionDeniedError("Server returned non-2xx status code: 403 Oh: ")
EXPIRED = GenericError("status code: 400 <Code>ExpiredToken</Code>")


@pytest.fixture
def made(monkeypatch):
    """Attempts without pauses, which note how often credentials were renewed."""
    monkeypatch.setattr(attempts.time, "sleep", lambda _: None)
    renewed = []
    found = Attempts(8, 4, Counter(), lambda: renewed.append(1))
    found.renewed = renewed
    return found


def asked(made, *errors, answer="yes"):
    """Make a request that fails as often as there are errors; return how often it was made."""
    left = list(errors)

    def request():
        if left:
            raise left.pop(0)
        return answer

    assert made.run(request) == answer
    return made.counter.snapshot()


def test_what_passes_is_tried_as_often_as_was_asked_for(made):
    assert asked(made, *[BROKEN] * 7).retries == 7
    with pytest.raises(Failed) as caught:
        asked(made, *[BROKEN] * 8)
    assert caught.value.attempts == 8


@pytest.mark.parametrize(("error", "most"), [(GONE, 4), (UNSIGNED, 1), (REFUSED, 1), (EXPIRED, 3)])
def test_what_never_worked_is_tried_less_often(made, error, most):
    with pytest.raises(Failed) as caught:
        asked(made, *[error] * 20)
    assert caught.value.attempts == most


@pytest.mark.parametrize(("error", "most"), [(GONE, 8), (UNSIGNED, 3), (REFUSED, 1), (EXPIRED, 3)])
def test_what_worked_before(made, error, most):
    asked(made)
    with pytest.raises(Failed) as caught:
        asked(made, *[error] * 20)
    assert caught.value.attempts == most


@pytest.mark.parametrize("error", [UNSIGNED, EXPIRED])
def test_credentials_are_renewed_before_another_attempt(made, error):
    asked(made)
    asked(made, error, error)
    assert made.renewed == [1, 1]


def test_pauses_double_below_a_bound_and_are_random():
    for number, bound in ((1, 0.2), (2, 0.4), (5, 3.2), (30, 20.0)):
        drawn = [attempts.pause_before(number) for _ in range(200)]
        assert 0 <= min(drawn) < bound / 4
        assert bound * 0.75 < max(drawn) <= bound
        drawn = [attempts.pause_before(number, busy=True) for _ in range(200)]
        assert min(drawn) >= min(bound * 4, 20) / 4
        assert max(drawn) <= 20


def test_an_unknown_error_is_no_fault_of_a_store(made):
    with pytest.raises(ZeroDivisionError):
        made.run(lambda: 1 // 0)
    assert made.counter.snapshot().requests == 1
