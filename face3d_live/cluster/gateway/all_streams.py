"""Streams of all workers as one: the expressions of every session, and the avatar of the newest."""

from __future__ import annotations

import asyncio
import contextlib
import json

import aiohttp
from starlette.websockets import WebSocket, WebSocketDisconnect

from face3d_live.cluster.gateway.proxy import close, closing_of
from face3d_live.cluster.gateway.state import GatewayState
from face3d_live.cluster.placement import Load
from face3d_live.errors import AssetError

#: Interval between looks for workers that came or went, and for a newer session.
LOOK_SECONDS = 0.5
NORMAL = 1000


class AllExpressions:
    """One client's stream of all workers. The client gets one hello, that of the first worker.

    Backpressure is the client's: while it does not read, nothing is read of the workers, which then drop frames for it,
    and close it when it stays stuck.
    """

    def __init__(self, gateway: GatewayState, websocket: WebSocket) -> None:
        self._gateway = gateway
        self._websocket = websocket
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._greeted = False
        self._refused: tuple[int, str] | None = None

    async def serve(self) -> None:
        """Until the client goes, or a worker refuses what it asks for."""
        await self._websocket.accept()
        leaving = asyncio.ensure_future(_until_gone(self._websocket))
        try:
            while not leaving.done() and self._refused is None:
                self._follow_workers()
                await asyncio.wait({leaving, *self._tasks.values()}, timeout=LOOK_SECONDS)
        finally:
            leaving.cancel()
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        if self._refused is not None:
            await close(self._websocket, *self._refused)

    def _follow_workers(self) -> None:
        self._tasks = {name: task for name, task in self._tasks.items() if not task.done()}
        for name, load in self._gateway.directory.workers.items():
            if name not in self._tasks and load.ready:
                self._tasks[name] = asyncio.ensure_future(self._pass_on(load))

    async def _pass_on(self, load: Load) -> None:
        with contextlib.suppress(AssetError, WebSocketDisconnect, RuntimeError):
            upstream = await self._gateway.proxy.open(self._websocket, load)
            try:
                hello = await upstream.receive()
                if hello.type is aiohttp.WSMsgType.CLOSE:
                    self._refused = closing_of(hello)
                    return
                if not self._greeted:
                    self._greeted = True
                    await _send(self._websocket, hello)
                while (message := await upstream.receive()).type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                    await _send(self._websocket, message)
                if message.type is aiohttp.WSMsgType.CLOSE and message.data == 1013:
                    self._refused = closing_of(message)
            finally:
                await upstream.close()


async def newest_view(gateway: GatewayState, websocket: WebSocket) -> None:
    """The avatar of the newest session, whichever worker has it, as `/api/view` of a server alone."""
    await websocket.accept()
    shown: str | None = None
    task: asyncio.Task[None] | None = None
    upstream: list[aiohttp.ClientWebSocketResponse] = []
    leaving = asyncio.ensure_future(_answers(websocket, upstream))
    nobody = json.dumps({"session": None})
    try:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await websocket.send_text(nobody)
            while not leaving.done():
                load = _with_newest(gateway)
                session = load.newest[1] if load is not None and load.newest is not None else None
                if session != shown or (task is not None and task.done()):
                    await _cancel(task)
                    task = asyncio.ensure_future(_show(gateway, websocket, load, session, upstream))
                    if session is None and shown is not None:
                        await websocket.send_text(nobody)
                    shown = session
                await asyncio.wait({leaving}, timeout=LOOK_SECONDS)
    finally:
        leaving.cancel()
        await _cancel(task)


def _with_newest(gateway: GatewayState) -> Load | None:
    having = [load for load in gateway.directory.workers.values() if load.newest is not None]
    return max(having, key=lambda load: load.newest or (0.0, ""), default=None)


async def _show(
    gateway: GatewayState,
    websocket: WebSocket,
    load: Load | None,
    session: str | None,
    upstream: list[aiohttp.ClientWebSocketResponse],
) -> None:
    if load is None or session is None:
        return
    with contextlib.suppress(AssetError, WebSocketDisconnect, RuntimeError):
        opened = await gateway.proxy.open(websocket, load, f"/api/sessions/{session}/view")
        upstream[:] = [opened]
        try:
            while (message := await opened.receive()).type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                await _send(websocket, message)
        finally:
            upstream.clear()
            await opened.close()


async def _answers(websocket: WebSocket, upstream: list[aiohttp.ClientWebSocketResponse]) -> None:
    """Hand the client's acknowledgements on, until it goes."""
    while (message := await websocket.receive())["type"] != "websocket.disconnect":
        if upstream and message.get("text") is not None:
            with contextlib.suppress(ConnectionError):
                await upstream[0].send_str(message["text"])


async def _until_gone(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        continue


async def _send(websocket: WebSocket, message: aiohttp.WSMessage) -> None:
    if message.type is aiohttp.WSMsgType.TEXT:
        await websocket.send_text(message.data)
    else:
        await websocket.send_bytes(message.data)


async def _cancel(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
