"""Reconstruction jobs over HTTP: a short queue, one job at a time, results in memory for a limited time.

Nothing is written to disk. A photo is dropped when its job starts. A result is dropped `KEEP_SECONDS` after its last
use, when newer results exceed the limits, or when it is deleted.
"""

from __future__ import annotations

import asyncio
import functools
import io
import logging
import secrets
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from face3d_live.errors import AssetError, Face3DError, LimitError, NotFoundError
from face3d_live.live.metrics import Metrics
from face3d_live.live.worker.head_edit import HeadEdit
from face3d_live.live.worker.process import Task, Worker

logger = logging.getLogger(__name__)

MAX_WAITING = 8
#: Photos of one address that wait.
MAX_WAITING_EACH = 4
#: Limits of the results in memory. A usual one has 13 MB, one of the largest kind 60.
MAX_RESULTS = 8
MAX_RESULT_BYTES = 250_000_000
KEEP_SECONDS = 600.0
#: Interval at which expired results are dropped.
EXPIRE_SECONDS = 5.0


@dataclass
class Job:
    """One photo, from upload to zip. progress: 0..1. seconds: duration of each finished stage. used: last use,
    monotonic.

    changed: set at every change, and then replaced by a new event.
    """

    photo: bytes | None
    options: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""
    state: Literal["queued", "running", "done", "failed"] = "queued"
    stage: str = ""
    progress: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)
    error: dict[str, str] | None = None
    result: bytes | None = None
    original: bytes | None = None  # the result before it was edited; None: it was not
    used: float = field(default_factory=time.monotonic)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    owner: str = ""
    _since: float = field(default_factory=time.monotonic)

    @property
    def over(self) -> bool:
        """Done or failed."""
        return self.state in ("done", "failed")

    @cached_property
    def files(self) -> dict[str, int]:
        """Name -> bytes of the files in the result."""
        with zipfile.ZipFile(io.BytesIO(self.result or b"")) as archive:
            return {entry.filename: entry.file_size for entry in archive.infolist()}

    def file(self, name: str, original: bool = False) -> bytes:
        """One file of the result; original: as it was before it was edited. Raises InputError "not-found"."""
        if self.result is None or name not in self.files:
            raise NotFoundError("not-found", f"the result has no file called {name[:40]!r}")
        with zipfile.ZipFile(io.BytesIO((self.original if original else None) or self.result)) as archive:
            return archive.read(name)

    def update(self, **changes: object) -> None:
        """Change fields and set `changed`."""
        for name, value in changes.items():
            setattr(self, name, value)
        if "result" in changes:
            self.__dict__.pop("files", None)
        self.used = time.monotonic()
        self.changed.set()
        self.changed = asyncio.Event()

    def enter(self, stage: str, progress: float) -> None:
        """A stage begins or goes on. The one before it is finished."""
        now = time.monotonic()
        if stage != self.stage:
            if self.stage:
                self.seconds[self.stage] = self.seconds.get(self.stage, 0.0) + now - self._since
            self._since = now
        self.update(stage=stage, progress=progress)

    def to_json(self) -> dict[str, object]:
        """The answer of GET /api/jobs/{id}."""
        plain: dict[str, object] = {
            "job": self.id,
            "state": self.state,
            "stage": self.stage,
            "progress": round(self.progress, 3),
            "seconds": {stage: round(seconds, 2) for stage, seconds in self.seconds.items()},
        }
        if self.error is not None:
            plain["error"] = self.error
        if self.state == "done":
            plain["result"] = f"/api/jobs/{self.id}/result"
            plain["files"] = self.files
        return plain


class JobQueue:
    """The queue and its one consumer. on_delete: called with the id of every job that is deleted. prefix: with which
    the ids begin.
    """

    def __init__(
        self,
        worker: Worker,
        task: Task,
        metrics: Metrics,
        on_delete: Callable[[str], None] = lambda _: None,
        prefix: str = "",
    ) -> None:
        self._prefix = prefix
        self._worker = worker
        self._task = task
        self._metrics = metrics
        self._on_delete = on_delete
        self._jobs: dict[str, Job] = {}
        self._added = asyncio.Event()
        self._running: tuple[str, asyncio.Future[bytes]] | None = None

    def __len__(self) -> int:
        return len(self._jobs)

    def get(self, job_id: str) -> Job | None:
        """A job, or None when there is none (any more). Counts as a use."""
        self._drop_old()
        job = self._jobs.get(job_id)
        if job is not None:
            job.used = time.monotonic()
        return job

    def add(self, photo: bytes, options: Mapping[str, Any] | None = None, owner: str = "") -> Job:
        """Queue a photo; options: keyword arguments of the task; owner: whose it is, such as an address.

        Raises LimitError "too-many-jobs".
        """
        self._drop_old()
        owners = [job.owner for job in self._jobs.values() if job.state == "queued"]
        if len(owners) >= MAX_WAITING or owners.count(owner) >= MAX_WAITING_EACH:
            raise LimitError("too-many-jobs", f"{len(owners)} photos are waiting already; try again later")
        job = Job(photo, options or {}, self._new_id(), owner=owner)
        self._jobs[job.id] = job
        self._added.set()
        return job

    def _new_id(self) -> str:
        return self._prefix + secrets.token_hex(8)

    def add_result(self, result: bytes) -> Job:
        """Add a zip that was made elsewhere as a finished job."""
        job = Job(None, id=self._new_id(), state="done", progress=1.0, result=result)
        self._jobs[job.id] = job
        self._drop_old()
        return job

    @property
    def unfinished(self) -> int:
        """How many jobs wait or are worked on."""
        return sum(not job.over for job in self._jobs.values())

    def ahead(self, job: Job) -> int:
        """How many jobs are before this one in the queue."""
        if job.state != "queued":
            return 0
        waiting = [other for other in self._jobs.values() if not other.over]
        return waiting.index(job) if job in waiting else 0

    def delete(self, job: Job) -> None:
        """Delete a job with its photo and result. A running one fails, and is worked on no longer. Idempotent."""
        if self._jobs.pop(job.id, None) is None:
            return
        if self._running is not None and self._running[0] == job.id:
            self._running[1].cancel()
        job.photo = job.result = job.original = None
        if not job.over:
            job.update(state="failed", error={"code": "deleted", "message": "the job was deleted"})
        self._on_delete(job.id)

    async def edit(self, job: Job, task: Task, edit: HeadEdit) -> None:
        """Replace a finished job's result by `task(report, result before any edit, edit)`.

        Raises NotFoundError "not-found" without a result, and what the task raises; the result then stays.
        """
        original = job.original or job.result
        if original is None:
            raise NotFoundError("not-found", f"the job is {job.state}; it has no result")
        result = await self._worker.run(task, original, edit)
        if job.id in self._jobs:
            job.update(result=result, original=original)
            self._drop_old()

    async def export(self, job: Job, task: Task, *arguments: object) -> bytes:
        """`task(report, result, *arguments)` of a finished job: a file that is made on request, and not kept.

        Raises NotFoundError "not-found" without a result, and what the task raises.
        """
        if job.result is None:
            raise NotFoundError("not-found", f"the job is {job.state}; it has no result")
        return await self._worker.run(task, job.result, *arguments)

    async def run(self) -> None:
        """Run the jobs one after the other, forever."""
        while True:
            job = next((job for job in self._jobs.values() if job.state == "queued"), None)
            if job is None:
                self._added.clear()
                await self._added.wait()
                continue
            await self._run_job(job)

    async def expire(self) -> None:
        """Drop expired results at intervals, forever."""
        while True:
            await asyncio.sleep(EXPIRE_SECONDS)
            self._drop_old()

    async def _run_job(self, job: Job) -> None:
        job.enter("loading", 0.0)
        job.update(state="running")
        photo, job.photo = job.photo, None

        def report(stage: str, fraction: float) -> None:
            if not job.over:
                job.enter(stage, fraction)

        task = functools.partial(self._task, **job.options)
        work = asyncio.ensure_future(self._worker.run(task, photo, report=report))
        self._running = job.id, work
        try:
            await asyncio.wait([work])
            result = work.result()
        except asyncio.CancelledError:
            if not work.done():  # the server stops
                work.cancel()
                raise
        except Face3DError as error:
            self._metrics.photo_failures.labels(error.code).inc()
            if job.id in self._jobs:
                job.update(state="failed", error=error.to_json())
        except Exception as error:  # no descriptors, no memory, a bug: this job fails, and the next one is tried
            logger.exception("job %s failed", job.id)
            failure = AssetError("task-failed", f"{type(error).__name__}: {error}")
            self._metrics.photo_failures.labels(failure.code).inc()
            if job.id in self._jobs:
                job.update(state="failed", error=failure.to_json())
        else:
            self._metrics.photos.inc()
            if job.id in self._jobs:
                job.enter("", 1.0)
                job.update(state="done", result=result)
        finally:
            self._running = None

    def _drop_old(self) -> None:
        """Drop results beyond the limits. The newest is kept whatever its size."""
        over = sorted((job for job in self._jobs.values() if job.over), key=lambda job: -job.used)
        oldest = time.monotonic() - KEEP_SECONDS
        size = 0
        for i, job in enumerate(over):
            size += len(job.result or b"") + len(job.original or b"")
            if job.used < oldest or i >= MAX_RESULTS or (i and size > MAX_RESULT_BYTES):
                self.delete(job)
