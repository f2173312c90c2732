"""Requests to a teacher, made again where that helps."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import json
import os
import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

from octomed.distill.replies import NotUnderstood, Reply, reply_of
from octomed.distill.requests import encoded
from octomed.errors import DataError, RecipeError
from octomed.names import printable_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from types import TracebackType

    from typing_extensions import Self

    from octomed.distill.pace import Pace
    from octomed.distill.schema import Limits, Teacher

_PATHS = {"openai": "/chat/completions", "anthropic": "/messages"}
_VERSION_OF_MESSAGES = "2023-06-01"
_PASSING = frozenset({408, 409, 425, 500, 502, 503, 504, 520, 522, 524, 529})
_BUSY = frozenset({429, 503, 529})
_NO_KEY = frozenset({401, 403})
_NO_MONEY = 402
_LONGEST_BACKOFF = 60.0
_SHOWN_CHARACTERS = 200
_LARGEST_REPLY = 256 * 2**20


class NotAnswered(Exception):
    """A request that its server refuses, or that all attempts failed at.

    Parameters
    ----------
    reason
        A word for it, as failures are listed: `refused`, `too_large`, `timeout`, `unreachable`, `no_reply`.
    detail
        What the server said, or what happened.
    may_pass
        Whether the same request may be answered another time.
    """

    def __init__(self, reason: str, detail: str, *, may_pass: bool) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail, self.may_pass = reason, detail, may_pass


class Client:
    """A teacher's server.

    Parameters
    ----------
    teacher, limits
        Of the recipe.
    pace
        Lets requests begin.

    Attributes
    ----------
    attempts
        How often which kind of failure was met.
    """

    def __init__(self, teacher: Teacher, limits: Limits, pace: Pace) -> None:
        self._teacher, self._limits, self._pace = teacher, limits, pace
        self._url = teacher.endpoint + _PATHS[teacher.api]
        self._headers = _headers(teacher)
        # aiohttp's `trust_env` asks two threads before each request: 45 % of all that a client does.
        self._proxy = _proxy_of(self._url)
        self._session: aiohttp.ClientSession | None = None
        self.attempts: Counter[str] = Counter()
        self.requests = 0

    async def __aenter__(self) -> Self:
        """Open connections as they are needed."""
        connector = aiohttp.TCPConnector(limit=self._limits.concurrency, ttl_dns_cache=300)
        timeout = aiohttp.ClientTimeout(total=self._limits.timeout, sock_connect=30.0)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, headers=self._headers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close them."""
        if self._session is not None:
            await self._session.close()

    @contextlib.asynccontextmanager
    async def asked(
        self, body: dict[str, Any], *, may_begin: Callable[[], None] = lambda: None
    ) -> AsyncIterator[Reply]:
        """Ask, and ask again while that may help; the request is under way until the block ends.

        So what is lost where a run is killed is no more than may be under way: what came counts among it
        until it is written.

        Parameters
        ----------
        body
            The request.
        may_begin
            Called when the request's turn has come; what it raises, a spent budget say, ends the waiting.

        Raises
        ------
        NotAnswered
            When this request is refused, or every attempt failed.
        RecipeError, DataError
            When no request will be answered: the key is refused, the money is gone, the model or the
            endpoint is not there.
        """
        data = encoded(body)
        failed = 0
        while True:
            await self._pace.begin()
            tokens = 0
            try:
                may_begin()
                reply = await self._attempt(data)
                tokens = reply.usage.asked + reply.usage.answered
                self._pace.good()
                yield reply
            except _Again as again:
                self.attempts[again.reason] += 1
                failed += again.counts
                if failed >= self._limits.attempts:
                    raise NotAnswered(again.reason, again.detail, may_pass=True) from None
                pause = self._pace.busy(again.retry_after) if again.is_busy else _backoff(failed)
            else:
                return
            finally:
                self._pace.end(tokens)
            await asyncio.sleep(pause * (1.0 + 0.25 * random.random()))  # noqa: S311 spreads attempts

    async def _attempt(self, data: bytes) -> Reply:
        if self._session is None:
            raise RuntimeError("the client is not open")
        self.requests += 1
        try:
            async with self._session.post(self._url, data=data, **self._proxy) as response:
                body = await response.content.read(_LARGEST_REPLY)
                if response.status != 200:  # noqa: PLR2004 HTTP's word for well
                    self._refused(response.status, response.headers.get("Retry-After"), body)
        except asyncio.TimeoutError:
            raise _Again("timeout", f"no whole reply in {self._limits.timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise _Again("unreachable", _in_words(error)) from None
        try:
            return reply_of(body)
        except NotUnderstood as error:
            raise _Again("no_reply", f"{error}: {_beginning(body)}") from None

    def _refused(self, status: int, retry_after: str | None, body: bytes) -> None:
        said = _said(body)
        detail = f"status {status}: {said}"
        if status in _BUSY:
            raise _Again("busy", detail, is_busy=True, retry_after=_seconds(retry_after))
        if status in _PASSING or status >= 500:  # noqa: PLR2004 the server's own failures
            raise _Again("server_error", detail)
        endpoint = self._teacher.endpoint
        if status in _NO_KEY:
            named = (
                f"`{self._teacher.key}`" if self._teacher.key else "none was sent: name it in `teacher.key`"
            )
            raise RecipeError(f"`{endpoint}` refuses the key ({detail})", f"the key is read from {named}")
        if status == _NO_MONEY:
            raise DataError(
                f"`{endpoint}` wants to be paid ({detail})", "top the account up; what is asked is kept"
            )
        if status in {404, 405}:
            raise RecipeError(
                f"`{endpoint}` does not answer for `{self._teacher.model}` ({detail})",
                "see `teacher.endpoint`, which ends before `/chat/completions`, and `teacher.model`",
            )
        reason = "too_large" if status == 413 else "refused"  # noqa: PLR2004 HTTP's word for too large
        raise NotAnswered(reason, detail, may_pass=False)


class _Again(Exception):
    """An attempt that failed for a reason that may pass."""

    def __init__(
        self, reason: str, detail: str, *, is_busy: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail
        self.is_busy, self.retry_after = is_busy, retry_after
        # Who is told to wait, and does, has not failed.
        self.counts = 0 if is_busy and retry_after is not None else 1


def _headers(teacher: Teacher) -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    if teacher.api == "anthropic":
        headers["anthropic-version"] = _VERSION_OF_MESSAGES
    if teacher.key is None:
        return headers
    key = os.environ.get(teacher.key, "").strip()
    if not key:
        raise RecipeError(
            f"`teacher.key`: the environment variable `{teacher.key}` is not set",
            f"`export {teacher.key}=…` with the key of `{teacher.endpoint}`",
        )
    if not key.isascii() or not key.isprintable():
        raise RecipeError(f"the key in `{teacher.key}` has characters that no key has", "set it again")
    if teacher.header is not None:
        headers[teacher.header] = key
    elif teacher.api == "anthropic":
        headers["x-api-key"] = key
    else:
        headers["Authorization"] = f"Bearer {key}"
    return headers


def _proxy_of(url: str) -> dict[str, Any]:
    """Return the proxy that the environment names for an address, as arguments of a request."""
    try:
        proxy, user = aiohttp.helpers.get_env_proxy_for_url(URL(url))
    except LookupError:
        return {}
    return {"proxy": proxy, "proxy_auth": user}


def _backoff(failed: int) -> float:
    """Return seconds to wait after this many failures: half a second, doubled each time."""
    return float(min(0.5 * 2 ** (failed - 1), _LONGEST_BACKOFF))


def _seconds(retry_after: str | None) -> float | None:
    """Return what a `Retry-After` says in seconds: a number, or a date.

    Examples
    --------
    >>> _seconds("2.5")
    2.5
    """
    if retry_after is None:
        return None
    try:
        return max(float(retry_after), 0.0)
    except ValueError:
        pass
    try:
        when = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(when.timestamp() - time.time(), 0.0)


def _said(body: bytes) -> str:
    """Return what a server says went wrong."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        return _beginning(body)
    error = values.get("error", values) if isinstance(values, dict) else values
    message = error.get("message", error) if isinstance(error, dict) else error
    return _beginning(message.encode() if isinstance(message, str) else json.dumps(message).encode())


def _beginning(body: bytes) -> str:
    text = printable_line(body[: 4 * _SHOWN_CHARACTERS].decode("utf-8", "replace")).strip()
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _in_words(error: Exception) -> str:
    return printable_line(str(error) or type(error).__name__)[:_SHOWN_CHARACTERS]
