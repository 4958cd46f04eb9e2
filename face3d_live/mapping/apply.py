"""A profile compiled to arrays: a frame in, a tuned frame and named values out.

Pure, a few array operations a frame.
"""

from __future__ import annotations

import math
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, replace

import numpy as np

from face3d_live.codes import ARKIT, INDEX, MIRROR, N_EXPRESSION, gaze_angles
from face3d_live.errors import InputError
from face3d_live.mapping import presets
from face3d_live.mapping.presets import DERIVED, INPUTS, Output, Preset
from face3d_live.mapping.profile import HEAD, Channel, Profile, unknown
from face3d_live.protocols import pose
from face3d_live.protocols.frame import StreamFrame
from face3d_live.typing import Array

_LIDS = [INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]
_SAME_WAY = (
    ("eyeLookOutLeft", "eyeLookInRight"),
    ("eyeLookInLeft", "eyeLookOutRight"),
    ("eyeLookUpLeft", "eyeLookUpRight"),
    ("eyeLookDownLeft", "eyeLookDownRight"),
)


@dataclass(frozen=True)
class Mapped:
    """frame: tuned and, where wanted, mirrored. values: (N,) finite and within their limits, for the N names."""

    frame: StreamFrame
    names: tuple[str, ...]
    values: Array


class Mapping:
    """profile's changes to preset's outputs; the profile's own preset wins.

    names: of the values, in their order. Raises InputError "bad-mapping" when the profile names what is not there.
    """

    def __init__(self, profile: Profile, preset: str) -> None:
        self.profile = profile
        self.preset = presets.load(profile.preset or preset)
        for name in profile.channels:
            if name not in INDEX and name not in HEAD and name not in self.preset.outputs:
                raise unknown(name, {*ARKIT, *HEAD, *self.preset.outputs}, ("channels", name))
        self._tune = _Tuning(profile)
        outputs = _outputs(profile, self.preset)
        self.names = tuple(outputs)
        self._weights = np.zeros((len(outputs), len(INPUTS)), np.float32)
        for row, output in zip(self._weights, outputs.values(), strict=True):
            for name, weight in output.weights.items():
                row[INPUTS.index(name)] = weight
        self._bias = np.array([output.bias for output in outputs.values()], np.float32)
        self._low = np.array([output.low for output in outputs.values()], np.float32)
        self._high = np.array([output.high for output in outputs.values()], np.float32)

    def apply(self, frame: StreamFrame) -> Mapped:
        """A frame's tuned coefficients and output values."""
        tuned = self._tune(frame)
        values = self._weights @ _inputs(tuned) + self._bias  # (N,)
        return Mapped(tuned, self.names, np.clip(values, self._low, self._high))


class _Tuning:
    """The channels' changes to the 52 coefficients and the head's angles; linking and mirroring."""

    def __init__(self, profile: Profile) -> None:
        channels = [profile.channels.get(name, Channel()) for name in ARKIT]
        zero = [channel.drop for channel in channels]
        self._dead = np.array([c.dead_zone for c in channels], np.float32)
        self._gain = np.array([c.gain for c in channels], np.float32)
        self._offset = np.array([c.offset for c in channels], np.float32)
        self._curve = np.array([c.curve for c in channels], np.float32)
        self._low = np.array([0.0 if z else _inside(c.min, 0.0) for c, z in zip(channels, zero, strict=True)], "f4")
        self._high = np.array([0.0 if z else _inside(c.max, 1.0) for c, z in zip(channels, zero, strict=True)], "f4")
        self._mix = _linked(profile.link)
        self._mirror = profile.mirror
        head = [profile.channels.get(name, Channel()) for name in HEAD]
        self._head = [(0.0, 0.0) if c.drop else (c.gain, math.radians(c.offset)) for c in head]
        self._moves_head = any(pair != (1.0, 0.0) for pair in self._head)
        self._changes = bool(profile.channels) or self._mix is not None or self._mirror

    def __call__(self, frame: StreamFrame) -> StreamFrame:
        # Clipped first, so that nothing overflows below.
        x = np.clip(frame.expression, 0, 1)
        if not self._changes:
            return replace(frame, expression=x)
        if self._mirror:
            x = x[MIRROR]
        if self._mix is not None:
            x = self._mix @ x
        x = np.maximum(x - self._dead, 0) / (1 - self._dead)
        x = np.clip(np.clip(self._gain * x + self._offset, 0, 1) ** self._curve, self._low, self._high)
        rotation, translation = pose.unit(frame.rotation), frame.translation
        if self._mirror:
            rotation, translation = pose.unity(rotation), translation * np.array([-1, 1, 1], np.float32)
        if self._moves_head:
            turned = [g * a + o for a, (g, o) in zip(pose.angles(np.array(rotation)), self._head, strict=True)]
            limits = (math.pi, math.pi / 2, math.pi)
            yaw, pitch, roll = (max(-m, min(m, a)) for a, m in zip(turned, limits, strict=True))
            rotation = pose.from_angles(yaw, pitch, roll)
        return replace(
            frame,
            expression=x,
            rotation=np.array(rotation, np.float32),
            translation=translation,
            gaze=gaze_angles(x),
        )


def _inside(limit: float | None, default: float) -> float:
    return default if limit is None else max(0.0, min(1.0, limit))


def _linked(links: tuple[str, ...]) -> Array | None:  # (52, 52)
    if not links:
        return None
    mix = np.eye(N_EXPRESSION, dtype=np.float32)
    pairs = [(name + "Left", name + "Right") for name in links if name != "gaze"]
    for pair in (*pairs, *(_SAME_WAY if "gaze" in links else ())):
        rows = [INDEX[name] for name in pair]
        mix[np.ix_(rows, rows)] = 0.5
    return mix


def _inputs(frame: StreamFrame) -> Array:  # (52 + DERIVED,)
    x = frame.expression
    yaw_pitch_roll = np.degrees(pose.angles(frame.rotation))
    centimetres = 100 * np.array(pose.position(frame))
    gaze = np.degrees(np.clip(frame.gaze, -math.pi / 2, math.pi / 2)).reshape(-1)
    derived = np.concatenate([[x[_LIDS].min()], yaw_pitch_roll, centimetres, gaze])
    assert len(derived) == len(DERIVED)
    return np.concatenate([x, derived]).astype(np.float32)


def _outputs(profile: Profile, preset: Preset) -> MappingType[str, Output]:
    """The preset's outputs after the profile's renaming, dropping and changes to outputs of their own."""
    copies = {next(iter(o.weights)): name for name, o in preset.outputs.items() if list(o.weights.values()) == [1.0]}
    outputs = dict(preset.outputs)
    names = {name: name for name in outputs}
    for name, channel in profile.channels.items():
        target = copies.get(name, name)
        if target not in outputs:
            if channel.rename is not None:
                cure = f"preset {preset.name} does not send it; rename one of {', '.join(preset.outputs)}"
                raise InputError("bad-mapping", f"channels.{name}.rename: {cure[:600]}")
            continue
        if channel.drop:
            del outputs[target]
            continue
        names[target] = channel.rename or target
        if name not in INDEX and name not in HEAD:
            outputs[target] = _changed(name, channel, outputs[target])
    renamed = [names[name] for name in outputs]
    for name in renamed:
        if renamed.count(name) > 1:
            raise InputError("bad-mapping", f"two outputs would be called {name}: rename or drop one of them")
    return dict(zip(renamed, outputs.values(), strict=True))


def _changed(name: str, channel: Channel, output: Output) -> Output:
    if (channel.curve, channel.dead_zone) != (1.0, 0.0):
        raise InputError("bad-mapping", f"channels.{name}: curve and dead_zone are for the 52 coefficients only")
    low = output.low if channel.min is None else channel.min
    return Output(
        {source: weight * channel.gain for source, weight in output.weights.items()},
        output.bias * channel.gain + channel.offset,
        low,
        max(low, output.high if channel.max is None else channel.max),
    )
