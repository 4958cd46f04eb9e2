"""The studio: finds faces in photos and serves views of finished heads. The newest view request wins."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from face3d_live.errors import AssetError, Face3DError, LimitError, NotFoundError
from face3d_live.live.studio import tasks as studio_tasks
from face3d_live.live.studio.jobs import Job, JobQueue
from face3d_live.live.studio.photos import Photo, PhotoCache
from face3d_live.live.studio.view_messages import StudioView
from face3d_live.live.worker import tasks
from face3d_live.live.worker.process import Task, Worker

logger = logging.getLogger(__name__)

#: View sockets open at once.
MAX_VIEWS = 16


@dataclass(frozen=True)
class StudioTasks:
    """The studio process's tasks, see `studio.tasks`, and the worker's `warm_up`.

    faces: (report, photo) -> JSON. render: (report, key, view, files) -> JPEG. unload: (report, key) -> nothing.
    prepare, warm_up: (report) -> nothing.
    """

    faces: Task = studio_tasks.faces
    render: Task = studio_tasks.render
    unload: Task = studio_tasks.unload
    prepare: Task = studio_tasks.prepare
    warm_up: Task = tasks.warm_up


class Studio:
    """Owns the studio process. spawn: runs a task that ends with the server. views: how many view sockets are open."""

    def __init__(
        self,
        tasks: StudioTasks,
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
        worker: Worker,
        prefix: str = "",
    ) -> None:
        """prefix: with which the names of kept photos begin."""
        self.worker = worker
        self._tasks = tasks
        self._spawn = spawn
        self.views = 0
        self._preloaded: set[str] = set()
        self._loaded: set[str] = set()
        self.photos = PhotoCache(prefix)

    async def faces(self, photo: Photo) -> tuple[dict[str, Any], Photo]:
        """A photo's faces, the answer of POST /api/faces, and the photo with them. Raises what the task raises."""
        if photo.answer is None:
            found: dict[str, Any] = json.loads(await self.worker.run(self._tasks.faces, photo.data))
            detections = found.pop("detections", None)
            photo = Photo(photo.data, found, detections)
        assert photo.answer is not None
        return dict(photo.answer), photo

    def preload(self, worker: Worker) -> None:
        """A photo was uploaded: have the worker and the studio load their models in the background."""
        self._once("warm-up", worker, self._tasks.warm_up)
        self.preload_renderer()

    def preload_renderer(self) -> None:
        """A head will be viewed soon: have the studio load its renderer in the background."""
        self._once("prepare", self.worker, self._tasks.prepare)

    def _once(self, name: str, worker: Worker, task: Task) -> None:
        if name not in self._preloaded:
            self._preloaded.add(name)
            self._spawn(_in_background(worker, task), name)

    async def render(self, job: Job, view: StudioView) -> bytes:
        """A JPEG. Raises NotFoundError "not-found" when the job's result is gone."""
        try:
            return await self.worker.run(self._tasks.render, job.id, view, None)
        except AssetError as error:
            if error.code != "not-loaded":
                raise
        # The first view of it, the first after a restart of the process, or it was dropped from the cache.
        files = job.file("params.npz", original=True), job.file("texture.png", original=True)
        self._loaded.add(job.id)
        picture = await self.worker.run(self._tasks.render, job.id, view, files)
        if job.result is None:  # deleted meanwhile
            self.unload(job.id)
        return picture

    def unload(self, key: str) -> None:
        """Drop a head from the process's cache."""
        if key in self._loaded:
            self._loaded.discard(key)
            self._spawn(_in_background(self.worker, self._tasks.unload, key), "unload")

    async def serve(self, websocket: WebSocket, jobs: JobQueue, job_id: str) -> None:
        """Answer each message, a `StudioView`, by a JPEG or by `{"error"}`. Newer messages replace those that wait.

        Raises LimitError "too-many-views" before accepting, NotFoundError "not-found" when the result is gone.
        """
        if self.views >= MAX_VIEWS:
            raise LimitError("too-many-views", f"{MAX_VIEWS} views are open, which is the limit")
        await websocket.accept()
        self.views += 1
        newest = _LatestMessage()
        reading = asyncio.create_task(_read(websocket, newest))
        try:
            while (text := await newest.take()) is not None:
                job = jobs.get(job_id)
                if job is None or job.result is None:
                    raise NotFoundError("not-found", "the job has no result; results are kept for ten minutes")
                await self._answer(websocket, job, text)
        except WebSocketDisconnect:
            return
        finally:
            self.views -= 1
            reading.cancel()

    async def _answer(self, websocket: WebSocket, job: Job, text: str) -> None:
        try:
            picture = await self.render(job, StudioView.from_text(text))
        except Face3DError as error:
            await websocket.send_json({"error": error.to_json()})
        else:
            await websocket.send_bytes(picture)


class _LatestMessage:
    """Holds one message: a newer one replaces it."""

    def __init__(self) -> None:
        self._text: str | None = None
        self._ended = False
        self._updated = asyncio.Event()

    def put(self, text: str | None) -> None:
        """None: no more will come."""
        self._text, self._ended = text, text is None
        self._updated.set()

    async def take(self) -> str | None:
        """The newest message, once there is one; None at the end."""
        await self._updated.wait()
        if not self._ended:
            self._updated.clear()
        return self._text


async def _in_background(worker: Worker, task: Task, *arguments: Any) -> None:
    """Run a task in the background. Its errors are logged."""
    try:
        await worker.run(task, *arguments)
    except Face3DError as error:
        logger.info("in the background: %s", error)


async def _read(websocket: WebSocket, latest: _LatestMessage) -> None:
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            latest.put(None)
            return
        latest.put(message.get("text") or "")
