"""All outputs of a server: adds, changes and removes them, and passes each frame to those that want it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from face3d_live.errors import ConflictError, InputError, NotFoundError
from face3d_live.live.outputs import address as addresses
from face3d_live.live.outputs.output import Output
from face3d_live.live.outputs.store import OutputStore
from face3d_live.mapping.profile import Profile
from face3d_live.mapping.store import ProfileStore
from face3d_live.protocols.frame import StreamFrame

logger = logging.getLogger(__name__)

MAX_OUTPUTS = 16
#: Outputs without a session switch to another one after so many seconds without a frame of their present one.
HANDOVER_SECONDS = 1.0
#: Changes are saved so many seconds later, so that a moving slider does not write the file at every step.
SAVE_SECONDS = 0.5


class OutputManager:
    """profiles: the saved mapping profiles. An output without a session sends the oldest one that still gives frames.

    Outputs that are persisted are saved to a file, with their changes, and restored at the next start.
    prefix: with which the ids begin.
    """

    def __init__(
        self, folder: Path | None = None, clock: Callable[[], float] = time.monotonic, prefix: str = ""
    ) -> None:
        self._prefix = prefix
        self.profiles = ProfileStore(folder)
        self._outputs: dict[str, Output] = {}
        self._clock = clock
        self._active, self._active_at = "", 0.0
        self._playback_session: str | None = None
        self._store = OutputStore(self.profiles.folder.parent)
        self._persisted: set[str] = set()
        self._saving: asyncio.TimerHandle | None = None

    def __iter__(self) -> Iterator[Output]:
        return iter(list(self._outputs.values()))

    def __len__(self) -> int:
        return len(self._outputs)

    def offer(self, frame: StreamFrame) -> None:
        """Pass a frame to the outputs of its session. Never waits."""
        now = self._clock()
        if frame.session == self._active or now - self._active_at > HANDOVER_SECONDS:
            self._active, self._active_at = frame.session, now
        for output in self._outputs.values():
            if frame.session == (output.address.session or self._playback_session or self._active):
                output.offer(frame)

    def set_playback_session(self, session: str | None) -> None:
        """Outputs without a session send this one, into which a take is played, before any other. None: no longer."""
        self._playback_session = session

    def restore(self) -> None:
        """Add the saved outputs, except to destinations that already have one."""
        for saved in self._store.load():
            try:
                output = self.add(saved.url, saved.profile, saved.enabled)
            except InputError as error:
                # The command line naming a saved one again is normal.
                level = logging.INFO if error.code == "output-exists" else logging.WARNING
                logger.log(level, "an output of %s is left out: %s", self._store.path, error)
            else:
                self._persisted.add(output.id)

    def persist(self, output: Output) -> None:
        """Save an output, and its later changes."""
        self._persisted.add(output.id)
        self._schedule_save()

    def add(self, url: str, profile: Profile | None = None, enabled: bool = True) -> Output:
        """Add an output, and start it when enabled. Raises InputError."""
        if len(self._outputs) >= MAX_OUTPUTS:
            raise ConflictError("too-many-outputs", f"there are {MAX_OUTPUTS} outputs, which is the limit: delete one")
        address = addresses.parse(url)
        for other in self:
            if other.address.destination == address.destination:
                cure = f"change or delete output {other.id}, which goes there already"
                raise ConflictError("output-exists", f"two {address.kind} outputs to one place would fight: {cure}")
        output = Output(address, self.profiles, profile, self._prefix)
        self._outputs[output.id] = output
        if enabled:
            output.start()
        return output

    def get(self, output_id: str) -> Output:
        """Raises InputError "not-found"."""
        output = self._outputs.get(output_id)
        if output is None:
            raise NotFoundError("not-found", f"no output is called {output_id[:40]!r}; GET /api/outputs lists them")
        return output

    async def change(self, output: Output, changes: dict[str, object]) -> None:
        """rate, names, mapping (a saved profile's name), profile (its content), enabled. Raises InputError."""
        known = {"rate", "names", "mapping", "profile", "enabled"}
        for key in changes:
            if key not in known:
                raise InputError("bad-request", f"{key[:40]}: unknown; an output has {', '.join(sorted(known))}")
        enabled = changes.get("enabled", output.enabled)
        if not isinstance(enabled, bool):
            raise InputError("bad-request", "enabled: write true or false")
        address = output.address
        if "rate" in changes:
            address = replace(address, rate=addresses.rate(changes["rate"]))
        if "names" in changes:
            address = replace(address, names=_optional_text("names", changes["names"]))
        if "mapping" in changes:
            address = replace(address, mapping=_optional_text("mapping", changes["mapping"]))
            if address.mapping is not None and "names" not in changes:
                address = replace(address, names=None)  # the mapping has its own names
        profile = output.mapping.profile
        if "profile" in changes:
            profile = Profile.from_plain(changes["profile"], "profile")
        elif "mapping" in changes:
            profile = self.profiles.load(address.mapping) if address.mapping is not None else Profile()
        if {"names", "mapping", "profile"} & changes.keys():
            # From now on the profile itself decides about mirroring and names.
            profile = replace(profile, preset=address.names or profile.preset)
            address = replace(address, mirror=False)
        await output.change(addresses.parse(address.url), profile)
        if enabled and not output.enabled:
            output.start()
        elif not enabled:
            await output.stop()
        if output.id in self._persisted:
            self._schedule_save()

    async def remove(self, output: Output) -> None:
        """Stop and remove an output. Idempotent."""
        self._outputs.pop(output.id, None)
        if output.id in self._persisted:
            self._persisted.discard(output.id)
            self._schedule_save()
        await output.stop()

    async def stop(self) -> None:
        """Stop all outputs."""
        if self._saving is not None:
            self.save()
        outputs = list(self)
        self._outputs.clear()
        await asyncio.gather(*(output.stop() for output in outputs))

    def _schedule_save(self) -> None:
        if self._saving is None:
            self._saving = asyncio.get_running_loop().call_later(SAVE_SECONDS, self.save)

    def save(self) -> None:
        """Write the persisted outputs now."""
        if self._saving is not None:
            self._saving.cancel()
            self._saving = None
        saved = (output for output in self if output.id in self._persisted)
        self._store.save(output for output in saved if output.address.session is None)


def _optional_text(key: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise InputError("bad-request", f"{key}: write a name, or null")
    return value
