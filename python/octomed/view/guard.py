"""Who may see the pages: this machine's browser, with the token that the program printed, and nobody else."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ("127.0.0.1", "localhost")
"""Names that a browser may ask for. A page of another site whose name is made to lead here (DNS rebinding)
asks for its own name."""

TOKEN = "token"  # noqa: S105 the name of a parameter
_READS = ("GET", "HEAD")

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What a page may load: our own files, and nothing that stands in it. No text of a trace can run."""

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def _name_of(host: str) -> str | None:
    """Return the name in a header `Host`: its port may be another one, that of a tunnel."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


class Guard:
    """Lets requests through that have the token, and gives every answer its headers.

    Parameters
    ----------
    app
        What answers.
    token
        The secret of this start of the program.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token
        self._cookie = f"octomed-view-{secrets.token_hex(4)}"  # cookies are of a host, and not of a port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        request = Request(scope)
        await self._answer(request)(scope, receive, with_headers)

    def _answer(self, request: Request) -> ASGIApp:
        if _name_of(request.headers.get("host", "")) not in HOSTS:
            return PlainTextResponse("this is no name of this machine's own", 400)
        if request.method not in _READS:
            return PlainTextResponse("pages are read, and nothing is written", 405, {"Allow": "GET, HEAD"})
        if self._is(request.query_params.get(TOKEN)):
            return self._without_token(request)
        if not self._is(request.cookies.get(self._cookie)):
            words = "open the whole address that `octomed view` printed: it has the token of its pages"
            return PlainTextResponse(words, 403)
        return self._app

    def _is(self, given: str | None) -> bool:
        return given is not None and hmac.compare_digest(given.encode(), self._token.encode())

    def _without_token(self, request: Request) -> RedirectResponse:
        """Keep the token in a cookie, and lead to the same page without it: addresses are copied and kept."""
        words = [(name, value) for name, value in request.query_params.multi_items() if name != TOKEN]
        path = "/" + request.url.path.lstrip("/")  # `//name` would lead to another machine
        answer = RedirectResponse(f"{path}?{urlencode(words)}" if words else path, 303)
        answer.set_cookie(self._cookie, self._token, httponly=True, samesite="lax")
        return answer
