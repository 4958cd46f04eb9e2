"""The connection to VTube Studio: a WebSocket around `protocols.vtube_studio`, and the token that its user granted."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from face3d_live import files, strict_json
from face3d_live.errors import OutputError
from face3d_live.live.outputs.address import Address
from face3d_live.live.outputs.udp import output_error, resolve
from face3d_live.mapping.apply import Mapped
from face3d_live.protocols.vtube_studio import KEEP_SECONDS, Plugin
from face3d_live.text import decoded

OPEN_SECONDS, SEND_SECONDS = 5.0, 2.0
MAX_MESSAGE = 1 << 20

_ASKING = OutputError("allow-plugin", "VTube Studio asks whether Face3D Live may connect: click Allow there")
_DENIED = "VTube Studio's user has not allowed the plugin: switch this output off and on to ask again"


class TokenStore:
    """Tokens by host and port, in a file that only its owner may read."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "vtube-studio.json"

    def get(self, where: str) -> str | None:
        """The token of a VTube Studio, None when there is none."""
        token = self._all().get(where)
        return token if isinstance(token, str) else None

    def save(self, where: str, token: str | None) -> None:
        """Save a token, or with None delete it. Raises OutputError when the file cannot be written."""
        tokens = self._all()
        if tokens.get(where) == token:
            return
        tokens[where] = token
        saved = {k: v for k, v in tokens.items() if v is not None}
        try:
            files.write(self._path, json.dumps(saved).encode())
        except OSError as error:
            raise OutputError("token-file", f"the token cannot be kept in {self._path}: {error.strerror}") from error

    def _all(self) -> dict[str, object]:
        try:
            tokens = strict_json.loads(decoded(self._path.read_bytes()))
        except (OSError, ValueError):
            return {}
        return tokens if isinstance(tokens, dict) else {}


class PluginLink:
    """An open connection.

    names: the injected parameters. notice: what its user has to do or should know, None when all is well.
    """

    def __init__(self, socket: ClientConnection, plugin: Plugin, names: tuple[str, ...]) -> None:
        self.names = names
        self.notice: OutputError | None = None
        self._socket = socket
        self._plugin = plugin
        self._last: Mapped | None = None
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, address: Address, names: tuple[str, ...], folder: Path) -> AsyncIterator[PluginLink]:
        """A connection for as long as the block runs. Raises OutputError."""
        _, (host, port) = await resolve(address)
        where, tokens = f"{address.host}:{address.port}", TokenStore(folder)
        uri = f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}"
        try:
            async with connect(
                uri, open_timeout=OPEN_SECONDS, close_timeout=1, proxy=None, compression=None, max_size=MAX_MESSAGE
            ) as socket:
                link = cls(socket, Plugin(names, tokens.get(where)), names)
                link._reader = asyncio.create_task(link._read(tokens, where), name="output vts reader")
                try:
                    yield link
                finally:
                    link._reader.cancel()
                    await asyncio.gather(link._reader, return_exceptions=True)
                    await socket.close()  # a closing handshake also when this task is cancelled
        except TimeoutError as error:
            raise OutputError("unreachable", "VTube Studio does not answer: check the address and port") from error
        except ConnectionClosed as error:
            raise OutputError("closed", "VTube Studio has closed the connection") from error
        except WebSocketException as error:
            raise OutputError("not-vts", f"what listens there is not VTube Studio's plugin API: {error}") from error
        except OSError as error:
            raise output_error(error) from error

    async def inject(self, mapped: Mapped) -> bool:
        """Whether the values went out. Raises OutputError."""
        self._check()
        self._last = mapped
        message = self._plugin.inject(mapped.values.tolist(), mapped.frame.face)
        if message is None:
            return False
        await self._send([message])
        return True

    async def watch(self, updated: asyncio.Event) -> Mapped | None:
        """Wait for a new frame; returns the last one when it must be repeated.

        Raises OutputError when the connection ends.
        """
        assert self._reader is not None
        waiting = asyncio.create_task(updated.wait())
        try:
            await asyncio.wait({waiting, self._reader}, timeout=KEEP_SECONDS / 2, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        self._check()
        return None if updated.is_set() else self._last

    async def _read(self, tokens: TokenStore, where: str) -> None:
        await self._send(self._plugin.begin())
        self._update_notice()
        async for text in self._socket:
            try:
                answers = self._plugin.receive(text)
            except ValueError as error:
                raise OutputError("not-vts", "what listens there does not speak as VTube Studio does") from error
            tokens.save(where, self._plugin.token)
            await self._send(answers)
            self._update_notice()
            if self._plugin.state == "denied":
                raise OutputError("denied", _DENIED)

    async def _send(self, messages: list[str]) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            for message in messages:
                await self._socket.send(message)

    def _update_notice(self) -> None:
        plugin = self._plugin
        if plugin.state == "asking":
            self.notice = _ASKING
        elif plugin.last_error is not None:
            self.notice = OutputError("vts", plugin.last_error)
        else:
            self.notice = None

    def _check(self) -> None:
        assert self._reader is not None
        if not self._reader.done():
            return
        self._reader.result()
        raise OutputError("closed", "VTube Studio has closed the connection")
