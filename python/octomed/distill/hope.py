"""What did not come: noted, and counted up to where an endpoint is not asked on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.errors import StorageError

if TYPE_CHECKING:
    from octomed.distill.client import NotAnswered
    from octomed.distill.counts import Counts
    from octomed.distill.failures import Failures

HOPELESS = 20
"""Samples in a row that no attempt gave, after which the endpoint is not asked on."""


class Hope:
    """Whether an endpoint still answers.

    Parameters
    ----------
    endpoint
        What it is called in the error.
    failures, counts
        Where what did not come is noted.
    """

    def __init__(self, endpoint: str, failures: Failures, counts: Counts) -> None:
        self._endpoint, self._failures, self._counts = endpoint, failures, counts
        self._in_a_row = 0

    def came(self) -> None:
        """Say that a reply came."""
        self._in_a_row = 0

    def failed(self, key: str, number: int, place: str, failure: NotAnswered) -> None:
        """Note a sample that did not come.

        Parameters
        ----------
        key, number, place
            Of the sample, and of its question.
        failure
            Why it did not.

        Raises
        ------
        StorageError
            When it is one of many in a row.
        """
        self._counts.failed[failure.reason] += 1
        self._failures.add(
            key,
            number,
            {
                "reason": failure.reason,
                "detail": failure.detail,
                "place": place,
                "may_pass": failure.may_pass,
            },
        )
        self._in_a_row += failure.may_pass
        if self._in_a_row >= HOPELESS:
            raise StorageError(
                f"`{self._endpoint}` gave no reply to {self._in_a_row} requests in a row, "
                f"the last one: {failure.detail}",
                "once it answers, run the same command again: what came is kept, and not asked again",
            )
