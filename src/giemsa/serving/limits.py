"""What a request may cost: checked before a byte of it is parsed, and refused with one sentence."""

import asyncio
import hmac
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from giemsa.settings import Serve

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
OPEN = ("/", "/healthz", "/docs", "/openapi.json", "/static/")
WRITES = {"POST", "PUT", "PATCH", "DELETE"}
RETRY = {"retry-after": "1"}


class Limits:
    """ASGI middleware: token, origin, size, time and the number of requests that are worked on at once.

    Args:
        app: what answers the requests that pass.
        serve: the limits.
        token: what ``Authorization: Bearer`` must carry; empty: nothing is asked for, and only who asks for
            this machine by a loopback name is answered.
    """

    def __init__(self, app: ASGIApp, serve: Serve, token: str) -> None:
        self._app = app
        self._serve = serve
        self._token = token
        self.requests = 0
        self.bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = _Upload(self, receive)
        answered = _Answered(send)
        try:
            headers = Headers(scope=scope)
            self._authorize(scope, headers)
            if scope["method"] in WRITES:
                await self._limited(scope, headers, upload, answered)
            else:
                await self._app(scope, receive, answered)
        except HTTPException as refusal:
            await answered.refuse(refusal)
        finally:
            self.bytes -= upload.bytes

    async def _limited(
        self, scope: Scope, headers: Headers, upload: "_Upload", answered: "_Answered"
    ) -> None:
        if _length(headers) > self._serve.max_bytes:
            message = f"The upload is larger than {self._serve.max_bytes:,} bytes: send fewer images."
            raise HTTPException(413, message)
        if self.requests >= self._serve.max_requests:
            raise HTTPException(429, "Too many requests at once: try again in a second.", RETRY)
        self.requests += 1
        try:
            async with asyncio.timeout(self._serve.max_seconds):
                await self._app(scope, upload.receive, answered)
        except TimeoutError:
            message = f"Not done after {self._serve.max_seconds:g} seconds: send fewer images."
            raise HTTPException(408, message) from None
        finally:
            self.requests -= 1

    def _authorize(self, scope: Scope, headers: Headers) -> None:
        path = scope["path"]
        if self._token and not (path in OPEN or path.startswith(OPEN[-1])):
            given = headers.get("authorization", "")
            if not hmac.compare_digest(given.encode("latin-1"), f"Bearer {self._token}".encode()):
                message = "A token is needed: send the header Authorization: Bearer TOKEN."
                raise HTTPException(401, message, {"www-authenticate": "Bearer"})
        # A page of another site must not be able to write here through the browser of somebody who may, nor
        # to read here under a name of its own that it lets stand for this machine.
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._token and _parts(f"//{host}").hostname not in LOOPBACK:
            raise HTTPException(403, "Without a token only this machine is answered: ask for 127.0.0.1.")
        if scope["method"] in WRITES and origin and _parts(origin).netloc != host:
            raise HTTPException(403, "The request comes from a page of another site.")

    def admit(self, count: int) -> None:
        """Count bytes that arrived; too many of them, over all requests, are refused."""
        self.bytes += count
        if self.bytes > self._serve.max_bytes:
            raise HTTPException(
                429, "Too many bytes at once: send fewer images, or try again in a second.", RETRY
            )


def _parts(address: str) -> SplitResult:
    """Take an address apart; one that is none has no parts."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def _length(headers: Headers) -> int:
    given = headers.get("content-length", "0")
    return int(given) if given.isascii() and given.isdigit() else 0


class _Upload:
    """Counts what a request sends."""

    def __init__(self, limits: Limits, receive: Receive) -> None:
        self._limits = limits
        self._receive = receive
        self.bytes = 0

    async def receive(self) -> Message:
        message = await self._receive()
        size = len(message.get("body", b""))
        self.bytes += size
        self._limits.admit(size)
        return message


class _Answered:
    """Knows whether an answer has begun, since a second one cannot."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        self.begun = True
        await self._send(message)

    async def refuse(self, refusal: HTTPException) -> None:
        if not self.begun:
            headers = {**(refusal.headers or {}), "connection": "close"}
            response = JSONResponse({"detail": refusal.detail}, refusal.status_code, headers)
            await response({"type": "http"}, _nothing, self._send)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
