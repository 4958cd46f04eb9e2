"""The open sessions of a server."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from face3d_live.errors import LimitError
from face3d_live.live.engine.client import EngineClient
from face3d_live.live.metrics import Metrics
from face3d_live.live.sessions.session import Session
from face3d_live.live.sessions.texture_capture import TextureCapture
from face3d_live.live.stream.hub import Hub

logger = logging.getLogger(__name__)


class SessionRegistry:
    """All open sessions by id, in the order of their opening. limit: how many there may be.

    on_expelled: called with a session that has to end.
    """

    def __init__(
        self, client: EngineClient, hub: Hub, metrics: Metrics, texture_capture: TextureCapture, limit: int
    ) -> None:
        self._create: Callable[[str], Session] = lambda kind: Session(client, hub, metrics, texture_capture, kind)
        self._limit = limit
        self.on_expelled: Callable[[Session], None] = self.close
        self._sessions: dict[str, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, kind: str) -> Session:
        """Begin a session. Raises LimitError "too-many-sessions" or "no-resources"."""
        if len(self._sessions) >= self._limit:
            text = f"{self._limit} sessions are open, which is the limit; close one or try again later"
            raise LimitError("too-many-sessions", text)
        try:
            session = self._create(kind)
        except OSError as error:
            text = "the server has no descriptors or memory left; close a session or try again later"
            raise LimitError("no-resources", text) from error
        session.on_expelled = lambda: self.on_expelled(session)
        self._sessions[session.id] = session
        logger.info("session %s opened (%s)", session.id, kind)
        return session

    def get(self, session_id: str) -> Session | None:
        """A session that is open, or None."""
        return self._sessions.get(session_id)

    def close(self, session: Session) -> None:
        """End a session. Idempotent."""
        if self._sessions.pop(session.id, None) is not None:
            logger.info("session %s closed", session.id)
        session.close()
