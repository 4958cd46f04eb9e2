"""Avatars that hang, kill or hold up the engine, without a renderer: the body of the stored avatar says which."""

import os
import time
from dataclasses import dataclass, field

import live_fakes

from face3d_live.live.engine.stored_avatar import StoredAvatar


def avatar(kind: str) -> StoredAvatar:
    """kind: "hang", "die", "slow", "hang-loading" or anything else, which is harmless."""
    return StoredAvatar((2).to_bytes(4, "little") + b"{}" + kind.encode())


@dataclass
class PoisonPipeline(live_fakes.FakePipeline):
    avatars: dict = field(default_factory=dict)

    def show_avatar(self, session, key, data):
        self.avatars[session] = data.decode()
        if data == b"hang-loading":
            time.sleep(60)

    def process(self, session, rgb, t, view):
        kind = self.avatars.get(session)
        if kind == "hang":
            time.sleep(60)
        if kind == "die":
            os._exit(11)
        result = super().process(session, rgb, t, view)
        if kind == "slow":
            time.sleep(0.3)
            result.ms["render"] = 1000.0
        return result
