"""The open sessions of a server."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from face3d_live.errors import LimitError
from face3d_live.live.engine.client import Beginning, EngineClient
from face3d_live.live.hosts import is_loopback
from face3d_live.live.limits import Limits
from face3d_live.live.metrics import Metrics
from face3d_live.live.sessions.session import Session
from face3d_live.live.sessions.texture_capture import TextureCapture
from face3d_live.live.stream.hub import Hub

logger = logging.getLogger(__name__)


class SessionRegistry:
    """All open sessions by id, in the order of their opening.

    on_expelled: called with a session that has to end. prefix: with which the ids begin.
    """

    def __init__(
        self,
        client: EngineClient,
        hub: Hub,
        metrics: Metrics,
        texture_capture: TextureCapture,
        limits: Limits,
        prefix: str = "",
    ) -> None:
        self._create: Callable[[str, Beginning | None], Session] = lambda kind, begin: Session(
            client, hub, metrics, texture_capture, kind, prefix, begin, limits.picture
        )
        self._limits = limits
        self.on_expelled: Callable[[Session], None] = self.close
        self._sessions: dict[str, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, kind: str, address: str = "", begin: Beginning | None = None) -> Session:
        """Begin a session. address: of its client. begin: with what, by default as all do.

        Raises LimitError "too-many-sessions" or "no-resources".
        """
        most, where = int(self._limits.sessions), "are open"
        taken = len(self._sessions)
        if taken < most and address and not is_loopback(address):
            most, where = int(self._limits.sessions_per_address), "are open from your address"
            taken = sum(session.address == address for session in self)
        if taken >= most:
            text = f"{most} sessions {where}, which is the limit; close one or try again later"
            raise LimitError("too-many-sessions", text)
        try:
            session = self._create(kind, begin)
        except OSError as error:
            text = "the server has no descriptors or memory left; close a session or try again later"
            raise LimitError("no-resources", text) from error
        session.address = address
        session.on_expelled = lambda: self.on_expelled(session)
        self._sessions[session.id] = session
        logger.info("session %s opened (%s)", session.id, kind)
        return session

    def get(self, session_id: str) -> Session | None:
        """A session that is open, or None."""
        return self._sessions.get(session_id)

    @property
    def newest(self) -> Session | None:
        """The one that was opened last."""
        return next(reversed(self._sessions.values()), None)

    def close(self, session: Session) -> None:
        """End a session. Idempotent."""
        if self._sessions.pop(session.id, None) is not None:
            logger.info("session %s closed", session.id)
        session.close()
