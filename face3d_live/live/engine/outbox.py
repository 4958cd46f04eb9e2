"""Messages to one engine process, written by a thread: whoever sends never waits for an engine that does not read.

A message of the same kind for the same session replaces one that still waits. So the queue is bounded by what the
sessions are, and not by how long the engine has been silent.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections import OrderedDict
from multiprocessing.connection import Connection
from multiprocessing.reduction import sendfds

from face3d_live.live.engine import messages as m

logger = logging.getLogger(__name__)

#: Messages that wait at most; more than all sessions together ever have.
CAPACITY = 256
_Key = tuple[str, str, str]


class Outbox:
    """Any thread may call. Descriptors are duplicated, so that their owner may close them at once.

    Raises OSError when the process has no descriptors left.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # Made now: sending a descriptor must not need another one.
        self._socket = socket.socket(fileno=os.dup(connection.fileno()))
        self._waiting: OrderedDict[_Key, tuple[object, int | None]] = OrderedDict()
        self._changed = threading.Condition(threading.Lock())
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="engine-sender", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: object, fd: int | None = None) -> bool:
        """Queue a message, with a descriptor that follows it. False when it cannot be sent. Never waits."""
        try:
            copy = os.dup(fd) if fd is not None else None
        except OSError:
            logger.warning("no descriptor is left for the engine: %s", type(message).__name__)
            return False
        key = _key_of(message)
        with self._changed:
            taken = not self._closed and (key in self._waiting or len(self._waiting) < CAPACITY)
            old = self._waiting.get(key, (None, None))[1] if taken else copy
            if taken:
                self._waiting[key] = message, copy
                self._changed.notify()
        if old is not None:
            os.close(old)
        return taken

    def withdraw(self, session: str) -> bool:
        """Drop what waits for a session. True when the engine has not been told of the session at all."""
        with self._changed:
            keys = [key for key in self._waiting if key[1] == session]
            descriptors = [fd for key in keys if (fd := self._waiting.pop(key)[1]) is not None]
        for fd in descriptors:
            os.close(fd)
        return any(key[0] == m.Open.__name__ for key in keys)

    def close(self) -> None:
        """End the thread. To be called when the engine has ended, as the thread may be writing until then."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(5.0)
        self._drop_all()
        self._socket.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                _, (message, fd) = self._waiting.popitem(last=False)
            try:
                self._connection.send(message)
                if fd is not None:
                    sendfds(self._socket, [fd])
            except (OSError, ValueError) as error:  # the supervisor notices that the engine is gone
                logger.info("the engine reads no more: %s", error)
                with self._changed:
                    self._closed = True
                return
            finally:
                if fd is not None:
                    os.close(fd)

    def _drop_all(self) -> None:
        with self._changed:
            descriptors = [fd for _, fd in self._waiting.values() if fd is not None]
            self._waiting.clear()
        for fd in descriptors:
            os.close(fd)


def _key_of(message: object) -> _Key:
    step = message.request.step if isinstance(message, m.Calibrate) else ""
    return type(message).__name__, getattr(message, "session", ""), step
