"""Handing requests and WebSockets on to workers. Bodies pass in pieces, both ways, at the reader's pace."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from typing import TypeVar

import aiohttp
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response, StreamingResponse
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from yarl import URL

from face3d_live.cluster.gateway.directory import Directory
from face3d_live.cluster.placement import Load
from face3d_live.errors import AssetError, LimitError

logger = logging.getLogger(__name__)

T = TypeVar("T")

CONNECT_SECONDS = 1.0
#: For an answer that takes no time: a session's state, by which a page sees whether it is still known.
QUICK_SECONDS = 1.0
#: For a list that is merged of all workers': those that need longer are left out.
LIST_SECONDS = 3.0
#: Without a byte of any other answer: the longest task of a worker's process, and some.
READ_SECONDS = 180.0
#: Requests to one worker at once.
MAX_CONNECTIONS = 256
#: Close code and reason for a client whose worker has gone (RFC 6455: service restart).
GONE = 1012, "worker-away: the worker does not answer"
_CLIENT_GONE = LimitError("client-gone", "the client has gone")
_CHUNK = 64 * 1024
#: Of one connection, not of the request (RFC 9110, section 7.6.1), or made anew for the other one.
_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_NOT_ASKED = _HOP | {"host", "authorization", "origin", "cookie", "expect", "x-forwarded-for", "x-forwarded-proto"}
_NOT_ANSWERED = _HOP | {"date", "server"}


class Proxy:
    """directory: whom to tell of workers that cannot be reached."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        connector = aiohttp.TCPConnector(limit=0, limit_per_host=MAX_CONNECTIONS)
        self._http = aiohttp.ClientSession(
            connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
        )

    async def close(self) -> None:
        """No more requests."""
        await self._http.close()

    # --- requests ---------------------------------------------------------------------------------------------------

    async def forward(
        self,
        request: Request,
        worker: Load,
        body: bytes | None = None,
        seconds: float = READ_SECONDS,
        whole: bool = False,
    ) -> Response:
        """A worker's answer to a request. body: what was read of it already. seconds: without a byte of the answer.
        whole: it is small, and read at once.

        Raises AssetError "worker-away".
        """
        read = asyncio.Event()
        gone = asyncio.Event()
        data: bytes | AsyncIterator[bytes] | None = body
        if body is None and _has_body(request):
            data = _stream(request, read, gone)
        else:
            read.set()
        asking = self._http.request(
            request.method,
            _url(worker, request),
            headers=self._headers(request, body),
            data=data,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=seconds),
        )
        try:
            answer = await _while_connected(request, read, asking)
        except (aiohttp.ClientError, ClientDisconnect, TimeoutError) as error:
            if gone.is_set():
                raise _CLIENT_GONE from error
            raise await self._away(worker, error, seconds) from error
        response: Response = StreamingResponse(_chunks(answer), answer.status)
        if whole:
            response = Response(await answer.read(), answer.status)
        response.raw_headers = [
            (name.lower(), value) for name, value in answer.raw_headers if name.decode().lower() not in _NOT_ANSWERED
        ]
        return response

    async def ask(self, worker: Load, path: str, method: str = "GET") -> tuple[int, bytes]:
        """Status and body of a small answer. Raises AssetError "worker-away"."""
        try:
            timeout = aiohttp.ClientTimeout(connect=CONNECT_SECONDS, sock_read=LIST_SECONDS)
            token = self._token()
            async with self._http.request(method, worker.url + path, headers=token, timeout=timeout) as answer:
                return answer.status, await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise await self._away(worker, error, LIST_SECONDS) from error

    # --- WebSockets -------------------------------------------------------------------------------------------------

    async def open(self, websocket: HTTPConnection, worker: Load, path: str = "") -> aiohttp.ClientWebSocketResponse:
        """A WebSocket to a worker, for one of ours. path: another one than ours. Raises AssetError "worker-away"."""
        url = _url(worker, websocket, path)
        try:
            timeout = aiohttp.ClientWSTimeout(ws_close=1.0)
            connecting = self._http.ws_connect(
                url, headers=self._headers(websocket), timeout=timeout, max_msg_size=1 << 24
            )
            return await asyncio.wait_for(connecting, 2 * CONNECT_SECONDS)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise await self._away(worker, error) from error

    async def join(self, websocket: WebSocket, worker: Load) -> None:
        """Tie a WebSocket to the worker's at the same address, until either ends."""
        upstream = await self.open(websocket, worker)
        try:
            await websocket.accept()
            down = asyncio.ensure_future(pass_down(upstream, websocket))
            up = asyncio.ensure_future(_pass_up(websocket, upstream))
            await asyncio.wait({down, up}, return_when=asyncio.FIRST_COMPLETED)
            for task in (down, up):
                task.cancel()
            closing, _ = await asyncio.gather(down, up, return_exceptions=True)
            if isinstance(closing, tuple):
                await close(websocket, *closing)
        finally:
            await upstream.close()

    async def _away(self, worker: Load, error: Exception, seconds: float = QUICK_SECONDS) -> AssetError:
        """seconds: that it had for a byte of its answer. One that needs long for much is there."""
        logger.warning("worker %s cannot be reached: %r", worker.name, error)
        if seconds <= QUICK_SECONDS or not isinstance(error, aiohttp.SocketTimeoutError):
            await self._directory.suspect(worker.name)
        return AssetError("worker-away", "the worker that has this does not answer; it may have ended")

    def _token(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._directory.secret}"}

    def _headers(self, connection: HTTPConnection, body: bytes | None = None) -> list[tuple[str, str]]:
        is_socket = connection.scope["type"] == "websocket"
        left_out = _NOT_ASKED if body is None else _NOT_ASKED | {"content-length"}
        kept = [
            (name, value)
            for name, value in connection.headers.items()
            if name not in left_out and not (is_socket and name.startswith("sec-websocket"))
        ]
        address = connection.client.host if connection.client is not None else ""
        forwarded = [("X-Forwarded-For", address), ("X-Forwarded-Proto", connection.url.scheme)]
        return [*kept, *forwarded, *self._token().items()]


async def pass_down(upstream: aiohttp.ClientWebSocketResponse, websocket: WebSocket) -> tuple[int, str]:
    """Hand messages on to the client. Returns the close code and reason of the worker."""
    while True:
        message = await upstream.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            await websocket.send_text(message.data)
        elif message.type is aiohttp.WSMsgType.BINARY:
            await websocket.send_bytes(message.data)
        else:
            return closing_of(message)


def closing_of(message: aiohttp.WSMessage) -> tuple[int, str]:
    """The close code and reason of a worker's last message."""
    if message.type is aiohttp.WSMsgType.CLOSE:
        return int(message.data or 1000), str(message.extra or "")
    return GONE


async def close(websocket: WebSocket, code: int, reason: str) -> None:
    """Close a client's WebSocket, unless it is closed."""
    if websocket.client_state is WebSocketState.CONNECTED:
        with suppress(RuntimeError, WebSocketDisconnect):
            await websocket.close(code, reason)


async def _pass_up(websocket: WebSocket, upstream: aiohttp.ClientWebSocketResponse) -> None:
    while (message := await websocket.receive())["type"] != "websocket.disconnect":
        if message.get("text") is not None:
            await upstream.send_str(message["text"])
        else:
            await upstream.send_bytes(message["bytes"])


def _url(worker: Load, connection: HTTPConnection, path: str = "") -> URL:
    raw = path or (connection.scope.get("raw_path") or connection.scope["path"].encode()).decode("latin-1")
    query = connection.scope.get("query_string", b"").decode("latin-1")
    return URL(worker.url + raw.partition("?")[0] + (f"?{query}" if query else ""), encoded=True)


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


async def _stream(request: Request, read: asyncio.Event, gone: asyncio.Event) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            if chunk:
                yield chunk
        read.set()
    except ClientDisconnect:
        gone.set()
        raise


async def _while_connected(request: Request, read: asyncio.Event, work: Awaitable[T]) -> T:
    """The result of `work`, cancelled when the client goes. read: set when the request's body has been read."""

    async def leave() -> None:
        await read.wait()
        while (await request.receive())["type"] != "http.disconnect":
            continue

    task, leaving = asyncio.ensure_future(work), asyncio.ensure_future(leave())
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise _CLIENT_GONE
    finally:
        leaving.cancel()
        task.cancel()


async def _chunks(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.content.iter_chunked(_CHUNK):
            yield chunk
        answer.release()
    finally:
        answer.close()
