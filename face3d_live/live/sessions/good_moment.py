"""When a snapshot is taken: of the next picture with open eyes, at rest and from the front, or the best there was."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import numpy as np

from face3d_live.codes import INDEX, HeadCodes
from face3d_live.rotations import to_euler

if TYPE_CHECKING:
    from face3d_live.live.sessions.session import Portrait, Session

#: Seconds until the best picture so far must do.
WAIT_SECONDS = 1.5
#: Without a new picture for so long the camera is silent: its last one must do.
SILENT_SECONDS = 0.5
#: Of a good picture at most: how far the lids are closed, 0..1; degrees that the face is turned away; degrees and
#: metres a second that it moves, from which on a webcam's picture is blurred.
LIDS, TURNED, TURNING, MOVING = 0.35, 25.0, 25.0, 0.15
_LIDS = [INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]


def faults(codes: HeadCodes, before: HeadCodes, seconds: float) -> float:
    """How far a picture is from a good one: 1 and less is good. before: the codes so many seconds earlier."""
    yaw, pitch, _ = np.degrees(to_euler(codes.rotation))
    turn = np.degrees(np.arccos(np.clip((np.trace(codes.rotation @ before.rotation.T) - 1) / 2, -1, 1)))
    way = float(np.linalg.norm(codes.translation - before.translation))
    share = (
        float(codes.expression[_LIDS].max()) / LIDS,
        max(abs(yaw), abs(pitch)) / TURNED,
        turn / seconds / TURNING,
        way / seconds / MOVING,
    )
    return float(max(share))


async def good_portrait(session: Session) -> Portrait | None:
    """A picture of `session` for a snapshot; None when no face has been seen."""
    best, least, before = session.portrait, np.inf, session.last
    number = before.number if before is not None else 0
    end = time.monotonic() + WAIT_SECONDS
    while least > 1 and (left := end - time.monotonic()) > 0:
        try:
            async with asyncio.timeout(min(left, SILENT_SECONDS)):
                frame = await session.next_frame(number)
        except TimeoutError:
            break
        if frame is None:
            break
        number = frame.number
        if not frame.fresh:
            continue
        if before is not None and before.result.face and frame.result.face and frame.t > before.t:
            found = faults(frame.result.raw, before.result.raw, frame.t - before.t)
            if found < least:
                best, least = session.portrait, found
        before = frame
    return best
