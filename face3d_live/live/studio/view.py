"""Finished heads to look at: a page's view socket asks, the studio's process draws, the newest request wins."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from face3d_live.errors import AssetError, Face3DError
from face3d_live.live.sessions.session import LimitError
from face3d_live.live.studio import tasks as studio_tasks
from face3d_live.live.studio.jobs import Job, Jobs
from face3d_live.live.studio.photos import Photos
from face3d_live.live.studio.view_messages import Look
from face3d_live.live.worker import tasks
from face3d_live.live.worker.process import Task, Worker

logger = logging.getLogger(__name__)

#: View sockets open at once.
MAX_VIEWS = 16
#: Photos in which faces are looked for, or that are on their way here, at once.
MAX_UPLOADS = 4
GONE, BUSY = 4404, 1013


@dataclass(frozen=True)
class StudioTasks:
    """The studio process's tasks, see `studio_tasks`: (report, photo) -> JSON, (report, key, look, files) -> JPEG,
    (report, key) -> nothing. prepare, and the worker's warm_up: (report) -> nothing, load what the next head and the
    next photo will need."""

    faces: Task = studio_tasks.faces
    draw: Task = studio_tasks.draw
    forget: Task = studio_tasks.forget
    prepare: Task = studio_tasks.prepare
    warm_up: Task = tasks.warm_up


class Studio:
    """Owns the process. `spawn` runs a task that ends with the server."""

    def __init__(self, tasks: StudioTasks, spawn: Callable[[Coroutine[Any, Any, None], str], None]) -> None:
        self.worker = Worker()
        self._tasks = tasks
        self._spawn = spawn
        self._views = 0
        self._warm: set[str] = set()
        self._drawn: set[str] = set()
        self.uploads = Turnstile(MAX_UPLOADS)
        self.photos = Photos()

    async def faces(self, photo: bytes) -> dict[str, Any]:
        """Where a photo's faces are. Raises what the task raises."""
        return json.loads(await self.worker.run(self._tasks.faces, photo))

    def expect_photo(self, worker: Worker) -> None:
        """Somebody looks at a photo's faces: the worker that will make the head may load meanwhile."""
        self._once("warm-up", worker, self._tasks.warm_up)
        self.expect_head()

    def expect_head(self) -> None:
        """A head will be looked at soon: the process that will draw it may load meanwhile."""
        self._once("prepare", self.worker, self._tasks.prepare)

    def _once(self, name: str, worker: Worker, task: Task) -> None:
        if name not in self._warm:
            self._warm.add(name)
            self._spawn(_quietly(worker, task), name)

    async def draw(self, job: Job, look: Look) -> bytes:
        """A JPEG. Raises InputError "not-found" when the job's result is gone."""
        try:
            return await self.worker.run(self._tasks.draw, job.id, look, None)
        except AssetError as error:
            if error.code != "not-seated":
                raise
        # The first look at it, the first since the process was started anew, or others have taken its place.
        files = job.file("params.npz"), job.file("texture.png")
        self._drawn.add(job.id)
        picture = await self.worker.run(self._tasks.draw, job.id, look, files)
        if job.result is None:  # deleted meanwhile
            self.forget(job.id)
        return picture

    def forget(self, key: str) -> None:
        """Let go of what the process knows of a head."""
        if key in self._drawn:
            self._drawn.discard(key)
            # A process that died has forgotten everything.
            self._spawn(_quietly(self.worker, self._tasks.forget, key), "forget")

    async def serve(self, websocket: WebSocket, jobs: Jobs, job_id: str) -> None:
        """Answer every message, a `Look`, by a JPEG or by `{"error"}`; leave out those that newer ones overtake.

        Closed with 4404 when there is no such result, or no longer.
        """
        await websocket.accept()
        if self._views >= MAX_VIEWS:
            await websocket.close(BUSY, "too many heads are being looked at")
            return
        self._views += 1
        newest = _Newest()
        reading = asyncio.create_task(_read(websocket, newest))
        try:
            while (text := await newest.take()) is not None:
                job = jobs.get(job_id)
                if job is None or job.result is None:
                    await websocket.close(GONE, "no such result")
                    return
                await self._answer(websocket, job, text)
        except WebSocketDisconnect:
            return
        finally:
            self._views -= 1
            reading.cancel()

    async def _answer(self, websocket: WebSocket, job: Job, text: str) -> None:
        try:
            picture = await self.draw(job, Look.from_text(text))
        except Face3DError as error:
            await websocket.send_json({"error": {"code": error.code, "message": error.message}})
        else:
            await websocket.send_bytes(picture)


class Turnstile:
    """Lets so many through at once and turns the others away, so that they do not pile up in memory."""

    def __init__(self, places: int) -> None:
        self._places = places

    def __enter__(self) -> None:
        if self._places == 0:
            raise LimitError("too-many-uploads", "too many photos are coming in at once; try again in a moment")
        self._places -= 1

    def __exit__(self, *_: object) -> None:
        self._places += 1


class _Newest:
    """A place for one message: a newer one replaces it."""

    def __init__(self) -> None:
        self._text: str | None = None
        self._gone = False
        self._news = asyncio.Event()

    def put(self, text: str | None) -> None:
        """None: no more will come."""
        self._text, self._gone = text, text is None
        self._news.set()

    async def take(self) -> str | None:
        """The newest message, once there is one; None at the end."""
        await self._news.wait()
        if not self._gone:
            self._news.clear()
        return self._text


async def _quietly(worker: Worker, task: Task, *arguments: Any) -> None:
    """Run a task that nobody waits for."""
    try:
        await worker.run(task, *arguments)
    except Face3DError as error:
        logger.info("in the background: %s", error)


async def _read(websocket: WebSocket, newest: _Newest) -> None:
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            newest.put(None)
            return
        newest.put(message.get("text") or "")
