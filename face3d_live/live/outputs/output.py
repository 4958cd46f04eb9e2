"""One output: takes frames without waiting, holds the newest, sends it when its rate limit allows.

Backpressure: a frame that still waits is replaced by a newer one. An error is held in `error`, and the connection is
tried again with increasing pauses. It is logged once, not at every attempt.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from dataclasses import replace
from typing import Literal

import numpy as np

from face3d_live.codes import MIRROR
from face3d_live.errors import InputError, OutputError
from face3d_live.live.outputs.address import KINDS, Address
from face3d_live.live.outputs.handshake import HandshakeReceivers
from face3d_live.live.outputs.senders import Encode, make_encoder, prepare
from face3d_live.live.outputs.udp import open_udp
from face3d_live.live.outputs.vtube_studio import PluginLink
from face3d_live.live.rate_limiter import FrameRateCounter, RateLimiter
from face3d_live.mapping.apply import Mapped, Mapping
from face3d_live.mapping.profile import Profile
from face3d_live.mapping.store import ProfileStore
from face3d_live.protocols.frame import StreamFrame

logger = logging.getLogger(__name__)

State = Literal["off", "connecting", "waiting", "sending", "failing"]

#: Seconds between attempts; the last one repeats.
BACKOFF = (0.25, 0.5, 1.0, 2.0)
#: After an error this many frames must be sent before it is over: a refusal shows only after the packet was sent.
CONFIRMED = 5


class Output:
    """profile: None for the saved one that the address names, or the default one.

    packets, frames: counts. error: the last one, None while all is well. delay: from a frame's arrival to its last
    packet, running mean in milliseconds. mapped: what was sent last. Raises InputError for a profile or preset that
    does not exist or does not fit. prefix: with which the id begins.
    """

    def __init__(
        self, address: Address, profiles: ProfileStore, profile: Profile | None = None, prefix: str = ""
    ) -> None:
        self.id = prefix + secrets.token_hex(4)
        self.address = address
        self.packets = self.frames = 0
        self.error: OutputError | None = None
        self.delay = 0.0
        self._profiles = profiles
        self._state: State = "off"
        self._limiter = RateLimiter(address.rate)
        self._counter = FrameRateCounter()
        self._newest: tuple[StreamFrame, float] | None = None
        self._updated = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._logged: str | None = None
        self._came: StreamFrame | None = None  # what `mapped` was made of
        self._sent = 0
        self._receivers: HandshakeReceivers | None = None
        self.mapped: Mapped | None = None
        self._use(self._profile(address, profile), address)

    def offer(self, frame: StreamFrame) -> None:
        """Take the newest frame in place of one that still waits."""
        if self._task is not None:
            self._newest = (frame, time.monotonic())
            self._updated.set()

    @property
    def enabled(self) -> bool:
        """Whether it is started."""
        return self._task is not None

    @property
    def has_default_profile(self) -> bool:
        """Whether its profile is the one that its address implies."""
        try:
            return self._profile(self.address, None) == self.mapping.profile
        except InputError:  # the saved mapping was deleted
            return False

    @property
    def state(self) -> State:
        """The state; "sending" becomes "waiting" when no frames come."""
        if self._state == "sending" and self._counter.fps(time.monotonic()) == 0.0:
            return "waiting"
        return self._state

    def start(self) -> None:
        """Start sending. Idempotent."""
        if self._task is None:
            self._state, self.error, self._logged = "connecting", None, None
            self._task = asyncio.create_task(self._run(), name=f"output {self.address.kind}")
            self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Stop sending. Idempotent."""
        task, self._task = self._task, None
        self._state, self._newest, self.mapped, self._came = "off", None, None, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def change(self, address: Address, profile: Profile | None) -> None:
        """Change rate and profile, from the next frame on. Raises InputError and then changes nothing."""
        self._use(self._profile(address, profile), address)
        self._limiter.rate = address.rate

    def to_json(self) -> dict[str, object]:
        """Its state as plain data."""
        now = time.monotonic()
        address, error = self.address, self.error
        return {
            "id": self.id,
            "kind": address.kind,
            "title": KINDS[address.kind].title,
            "url": address.url,
            "host": address.host,
            "port": address.port,
            "rate": address.rate,
            "session": address.session,
            "names": self.mapping.preset.name if KINDS[address.kind].names else None,
            "mapping": address.mapping,
            "profile": self.mapping.profile.to_plain(),
            "enabled": self.enabled,
            "state": self.state,
            "packets": self.packets,
            "frames": self.frames,
            "fps": round(self._counter.fps(now), 1),
            "ms": round(self.delay, 2),
            "receivers": self._receivers.names if self._receivers is not None else None,
            "error": error.to_json() if error is not None else None,
        }

    def values(self) -> dict[str, object]:
        """What was sent last: the tuned coefficients in ARKit's order, and the outputs by name.

        input: the coefficients before the tuning, with left and right exchanged where the output mirrors.
        """
        mapped, came = self.mapped, self._came
        if mapped is None or came is None:
            return {"input": None, "expression": None, "outputs": None}
        x = np.clip(came.expression, 0, 1)
        x = x[MIRROR] if self.mapping.profile.mirror else x
        named = dict(zip(mapped.names, mapped.values.tolist(), strict=True))
        return {
            "input": [round(v, 4) for v in x.tolist()],
            "expression": [round(v, 4) for v in mapped.frame.expression.tolist()],
            "outputs": {name: round(value, 4) for name, value in named.items()},
        }

    def _profile(self, address: Address, profile: Profile | None) -> Profile:
        if profile is None:
            profile = self._profiles.load(address.mapping) if address.mapping is not None else Profile()
        if address.mirror:
            profile = replace(profile, mirror=True)
        return replace(profile, preset=address.names) if address.names is not None else profile

    def _use(self, profile: Profile, address: Address) -> None:
        mapping = Mapping(profile, KINDS[address.kind].names or "arkit")
        try:
            self._encode: Encode | None = make_encoder(address, mapping.names)
        except ValueError as error:
            raise InputError("bad-output", str(error)) from error
        self.mapping, self.address = mapping, address

    # --- the task --------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        attempt = 0
        while True:
            self._sent = 0
            try:
                await self._send()
            except OutputError as error:
                self._fail(error)
                if error.code == "denied":
                    return
            except Exception as error:  # no descriptors, a bug: the next attempt may work
                logger.exception("output %s failed", self.id)
                self._fail(OutputError("internal", f"a bug: {error!r}"))
            attempt = 0 if self._sent > CONFIRMED else attempt + 1
            await asyncio.sleep(BACKOFF[min(attempt, len(BACKOFF) - 1)])

    async def _send(self) -> None:
        if self.address.kind == "vts":
            await self._send_to_plugin()
        elif self.address.waits_for_handshake:
            await self._send_to_receivers()
        else:
            await self._send_datagrams()

    async def _send_to_receivers(self) -> None:
        """Send to the receivers that made a handshake. Raises OutputError when the port is taken."""
        async with HandshakeReceivers.open(self.address) as self._receivers:
            self._state, self.error = "waiting", None
            try:
                while True:
                    mapped, arrived = await self._next()
                    if sent := self._receivers.send(mapped.frame):
                        self.packets += sent
                        self._count(arrived)
            finally:
                self._receivers = None

    async def _send_datagrams(self) -> None:
        await asyncio.to_thread(prepare, self.address.kind)
        async with open_udp(self.address) as link:
            if self.error is None:
                self._state = "waiting"
            while True:
                mapped, arrived = await self._next()
                assert self._encode is not None
                for packet in self._encode(mapped):
                    self.packets += link.send(packet)
                self._count(arrived)

    async def _send_to_plugin(self) -> None:
        """Raises OutputError when VTube Studio is not there, refuses or leaves."""
        async with PluginLink.open(self.address, self.mapping.names, self._profiles.folder.parent) as link:
            while True:
                mapped, arrived = await self._next(link)
                if link.names != self.mapping.names:
                    return  # to connect again with the new parameters
                if await link.inject(mapped):
                    self.packets += 1
                    self._count(arrived)
                self._take_notice(link)

    async def _next(self, link: PluginLink | None = None) -> tuple[Mapped, float]:
        """The newest frame, once the rate limit allows it. A plugin link gets the last one again before it expires."""
        while True:
            self._updated.clear()
            if self._newest is None:
                if link is None:
                    await self._updated.wait()
                else:
                    again = await link.watch(self._updated)
                    self._take_notice(link)
                    if again is not None:
                        return again, time.monotonic()
                continue
            wait = self._limiter.wait()
            if wait == 0.0:
                break
            await asyncio.sleep(wait)
        frame, arrived = self._newest
        self._newest = None
        self.mapped, self._came = self.mapping.apply(frame), frame
        return self.mapped, arrived

    def _count(self, arrived: float) -> None:
        now = time.monotonic()
        self._limiter.sent(now)
        self._counter.add(now)
        self.frames += 1
        self.delay += 0.1 * (1000 * (now - arrived) - self.delay)
        self._sent += 1
        if self.error is not None and self._sent <= CONFIRMED:
            return
        self._state, self.error = "sending", None
        if self._logged is not None:
            logger.warning("output %s: works again", self.address.url)
            self._logged = None

    def _take_notice(self, link: PluginLink) -> None:
        """Show what the plugin's user has to do."""
        if link.notice is not None:
            self.error = link.notice

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("output %s failed", self.address.url, exc_info=error)
            self.error, self._state = OutputError("internal", f"a bug: {error!r}"), "failing"

    def _fail(self, error: OutputError) -> None:
        self.error, self._state = error, "failing"
        if self._logged != error.code:
            logger.warning("output %s: %s", self.address.url, error)
            self._logged = error.code
