"""SDP: checks of an offer, and bitrate hints in an answer. Text in, text out."""

from __future__ import annotations

import re

from aiortc import sdp

from face3d_live.errors import InputError
from face3d_live.live.hosts import parse_ip

#: An offer with a camera, a data channel and every codec of Chromium is about 7 kB.
MAX_BYTES = 64 * 1024

#: Start, least and most kbit/s of Chromium's encoder. By default it starts at 300 and scales the picture down, so that
#: a face has 40 pixels.
BITRATE = {"x-google-start-bitrate": 1500, "x-google-min-bitrate": 800, "x-google-max-bitrate": 3000}


#: Video codecs that the server decodes and encodes.
CODECS = ("video/H264", "video/VP8")


def check_offer(offer: str) -> None:
    """Raise InputError "bad-sdp", "no-video" or "no-codec" for an offer that cannot become a session."""
    try:
        description = sdp.SessionDescription.parse(offer)
    except Exception as error:  # the parser raises arbitrary exceptions for bad lines
        raise InputError("bad-sdp", f"the body is not a session description: {error}") from error
    if not description.media:
        raise InputError("bad-sdp", "the body is not a session description: it has no media section")
    for media in description.media:
        if media.kind == "video" and media.direction in ("sendrecv", "sendonly") and media.port:
            offered = {codec.mimeType.lower() for codec in media.rtp.codecs}
            if offered.isdisjoint(codec.lower() for codec in CODECS):
                names = ", ".join(sorted(name.partition("/")[2] for name in offered)) or "none"
                raise InputError(
                    "no-codec", f"this browser offers the video codecs {names[:80]}: H264 or VP8 is needed"
                )
            return
    raise InputError("no-video", "the offer sends no video: add a camera track (sendrecv) before making the offer")


def is_of_firefox(offer: str) -> bool:
    """Whether a Firefox made the offer: it names itself in the origin (RFC 8866, section 5.2)."""
    return re.search(r"^o=mozilla\.\.\.", offer, re.MULTILINE) is not None


def without_names(offer: str) -> str:
    """The offer without the candidates that are names: mDNS names (`.local`), which browsers offer in place of their
    addresses, and whatever else would be looked up.

    Resolving them needs multicast, takes seconds where that is blocked, and is not needed: the browser connects to the
    answer's addresses, which reveals its own. End-of-candidates is removed, too, as ICE would otherwise fail for lack
    of candidates before the browser's first packet.
    """
    lines = offer.splitlines()
    kept = [line for line in lines if not line.startswith("a=candidate:") or _has_address(line)]
    if len(kept) < len(lines):
        kept = [line for line in kept if line != "a=end-of-candidates"]
    return "\r\n".join(kept) + "\r\n"


def _has_address(candidate: str) -> bool:
    """Whether the fifth field of a candidate line (RFC 8839 section 5.1) is an IP address."""
    fields = candidate.split()
    return len(fields) > 4 and parse_ip(fields[4]) is not None


def with_bitrate(answer: str) -> str:
    """The answer with `BITRATE` for every video codec."""
    hints = ";".join(f"{key}={value}" for key, value in BITRATE.items())
    lines: list[str] = []
    video = False
    for line in answer.splitlines():
        if line.startswith("m="):
            video = line.startswith("m=video")
        fmtp = re.match(r"a=fmtp:(\d+) ", line)
        if video and fmtp and "apt=" not in line:
            line += ";" + hints
        lines.append(line)
        # VP8 has no parameters of its own.
        rtpmap = re.match(r"a=rtpmap:(\d+) VP8/90000", line)
        if video and rtpmap:
            lines.append(f"a=fmtp:{rtpmap[1]} {hints}")
    return "\r\n".join(lines) + "\r\n"
