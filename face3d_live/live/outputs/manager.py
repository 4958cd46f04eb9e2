"""All outputs of a server: made, changed and ended here, and given each frame."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from face3d_live.errors import InputError
from face3d_live.live.outputs import address as addresses
from face3d_live.live.outputs.output import Output
from face3d_live.live.outputs.store import Keeper
from face3d_live.mapping.profile import Profile
from face3d_live.mapping.store import Store
from face3d_live.protocols.frame import StreamFrame

logger = logging.getLogger(__name__)

MAX_OUTPUTS = 16
#: Another session may take the lead after so long without a frame of the one that had it, seconds.
HANDOVER = 1.0
#: What is changed is remembered so soon: a slider that moves is not written down at every step.
SAVE_SECONDS = 0.5


class Outputs:
    """store: where saved mappings lie. An output that names no session follows the one that came first and still is.

    Outputs that are added to be kept are remembered over restarts (`kept`), with what is changed in them.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.store = Store(folder)
        self._outputs: dict[str, Output] = {}
        self._lead, self._seen = "", 0.0
        self._played: str | None = None
        self._keeper = Keeper(self.store.folder.parent)
        self._kept: set[str] = set()
        self._saving: asyncio.TimerHandle | None = None

    def __iter__(self) -> Iterator[Output]:
        return iter(list(self._outputs.values()))

    def __len__(self) -> int:
        return len(self._outputs)

    def offer(self, frame: StreamFrame) -> None:
        """A frame for whom it concerns; never waits."""
        now = time.monotonic()
        if frame.session == self._lead or now - self._seen > HANDOVER:
            self._lead, self._seen = frame.session, now
        for output in self._outputs.values():
            if frame.session == (output.address.session or self._played or self._lead):
                output.offer(frame)

    def follow(self, session: str | None) -> None:
        """A take is played into this session and goes before any other face; None: no longer."""
        self._played = session

    def restore(self) -> None:
        """Add what is remembered; an output to the same place that is there already goes before it."""
        for kept in self._keeper.load():
            try:
                output = self.add(kept.url, kept.profile, kept.enabled)
            except InputError as error:
                # One that the command line names, too, is nothing to warn of.
                level = logging.INFO if error.code == "output-exists" else logging.WARNING
                logger.log(level, "an output of %s is left out: %s", self._keeper.path, error)
            else:
                self._kept.add(output.id)

    def keep(self, output: Output) -> None:
        """Remember one, and from now on what is changed in it."""
        self._kept.add(output.id)
        self._changed()

    def add(self, url: str, profile: Profile | None = None, enabled: bool = True) -> Output:
        """Make and start one. Raises InputError."""
        if len(self._outputs) >= MAX_OUTPUTS:
            raise InputError("too-many-outputs", f"there are {MAX_OUTPUTS} outputs, which is the limit: delete one")
        address = addresses.parse(url)
        for other in self:
            if (other.address.kind, other.address.host, other.address.port) == (
                address.kind,
                address.host,
                address.port,
            ):
                cure = f"change or delete output {other.id}, which goes there already"
                raise InputError("output-exists", f"two {address.kind} outputs to one place would fight: {cure}")
        output = Output(address, self.store, profile)
        self._outputs[output.id] = output
        if enabled:
            output.start()
        return output

    def get(self, output_id: str) -> Output:
        """Raises InputError "not-found"."""
        output = self._outputs.get(output_id)
        if output is None:
            raise InputError("not-found", f"no output is called {output_id[:40]!r}; GET /api/outputs lists them")
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
            address = replace(address, names=_word("names", changes["names"]))
        if "mapping" in changes:
            address = replace(address, mapping=_word("mapping", changes["mapping"]))
            if address.mapping is not None and "names" not in changes:
                address = replace(address, names=None)  # a mapping brings its own
        profile = output.mapping.profile
        if "profile" in changes:
            profile = Profile.from_plain(changes["profile"], "profile")
        elif "mapping" in changes:
            profile = self.store.load(address.mapping) if address.mapping is not None else Profile()
        if {"names", "mapping", "profile"} & changes.keys():
            # What the profile itself says of mirroring and names is from now on what counts.
            profile = replace(profile, preset=address.names or profile.preset)
            address = replace(address, mirror=False)
        await output.change(addresses.parse(address.url), profile)
        if enabled and not output.enabled:
            output.start()
        elif not enabled:
            await output.stop()
        if output.id in self._kept:
            self._changed()

    async def remove(self, output: Output) -> None:
        """End one and forget it. Idempotent."""
        self._outputs.pop(output.id, None)
        if output.id in self._kept:
            self._kept.discard(output.id)
            self._changed()
        await output.stop()

    async def stop(self) -> None:
        """End all."""
        if self._saving is not None:
            self._save()
        outputs = list(self)
        self._outputs.clear()
        await asyncio.gather(*(output.stop() for output in outputs))

    def _changed(self) -> None:
        if self._saving is None:
            self._saving = asyncio.get_running_loop().call_later(SAVE_SECONDS, self._save)

    def _save(self) -> None:
        if self._saving is not None:
            self._saving.cancel()
            self._saving = None
        kept = (output for output in self if output.id in self._kept)
        self._keeper.save(output for output in kept if output.address.session is None)


def _word(key: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise InputError("bad-request", f"{key}: write a name, or null")
    return value
