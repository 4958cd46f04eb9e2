"""What a session's user is told when the engine died."""

from face3d_live.live.engine.quarantine import Measure

ENGINE_RESTARTED = "The engine stopped and was started again. Your session and its calibration go on."

#: Code and text where the engine died at work for this session.
QUARANTINED = {
    Measure.AVATAR: (
        "avatar-quarantined",
        "This avatar stopped the engine and is not drawn again. You see your own head.",
    ),
    Measure.EVERYTHING: (
        "session-reset",
        "Something in this session stopped the engine. It goes on without its texture and calibration.",
    ),
    Measure.PLACE: ("session-quarantined", "This session stopped the engine again and again, and was ended."),
}
