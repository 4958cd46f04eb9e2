"""Reconstructions that were asked for over HTTP: a short queue, one at a time, results kept in memory for a while."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from dataclasses import dataclass, field
from typing import Literal

from face3d_live.errors import Face3DError
from face3d_live.live.sessions import LimitError
from face3d_live.live.worker import Task, Worker

logger = logging.getLogger(__name__)

MAX_WAITING = 4
MAX_KEPT = 8
KEEP_SECONDS = 600.0


@dataclass
class Job:
    """One photo's way to a zip. progress 0..1."""

    photo: bytes | None
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    state: Literal["queued", "running", "done", "failed"] = "queued"
    stage: str = ""
    progress: float = 0.0
    error: dict[str, str] | None = None
    result: bytes | None = None
    touched: float = field(default_factory=time.monotonic)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def over(self) -> bool:
        """Done or failed."""
        return self.state in ("done", "failed")

    def update(self, **changes: object) -> None:
        """Change fields and wake who watches."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.touched = time.monotonic()
        self.changed.set()
        self.changed = asyncio.Event()

    def to_json(self) -> dict[str, object]:
        """The answer of GET /api/jobs/{id}."""
        plain: dict[str, object] = {
            "job": self.id,
            "state": self.state,
            "stage": self.stage,
            "progress": round(self.progress, 3),
        }
        if self.error is not None:
            plain["error"] = self.error
        if self.state == "done":
            plain["result"] = f"/api/jobs/{self.id}/result"
        return plain


class Jobs:
    """The queue and its one consumer."""

    def __init__(self, worker: Worker, task: Task) -> None:
        self._worker = worker
        self._task = task
        self._jobs: dict[str, Job] = {}
        self._news = asyncio.Event()

    def get(self, job_id: str) -> Job | None:
        """A job that is still remembered, or None."""
        self._forget_old()
        return self._jobs.get(job_id)

    def add(self, photo: bytes) -> Job:
        """Queue a photo. Raises LimitError "too-many-jobs"."""
        self._forget_old()
        if sum(job.state == "queued" for job in self._jobs.values()) >= MAX_WAITING:
            raise LimitError("too-many-jobs", f"{MAX_WAITING} photos are waiting already; try again later")
        job = Job(photo)
        self._jobs[job.id] = job
        self._news.set()
        return job

    async def work(self) -> None:
        """Do the jobs, for ever."""
        while True:
            job = next((job for job in self._jobs.values() if job.state == "queued"), None)
            if job is None:
                self._news.clear()
                await self._news.wait()
                continue
            await self._do(job)

    async def _do(self, job: Job) -> None:
        job.update(state="running", stage="loading")
        photo, job.photo = job.photo, None

        def report(stage: str, fraction: float) -> None:
            if not job.over:
                job.update(stage=stage, progress=fraction)

        try:
            result = await self._worker.run(self._task, photo, report=report)
        except Face3DError as error:
            job.update(state="failed", error={"code": error.code, "message": error.message})
        else:
            job.update(state="done", progress=1.0, stage="", result=result)

    def _forget_old(self) -> None:
        over = sorted((job for job in self._jobs.values() if job.over), key=lambda job: job.touched)
        oldest = time.monotonic() - KEEP_SECONDS
        for i, job in enumerate(over):
            if job.touched < oldest or i < len(over) - MAX_KEPT:
                del self._jobs[job.id]
