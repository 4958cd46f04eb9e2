"""Video files, stills and cameras as upright RGB pictures in square pixels, each with its time.

streams   the main streams of a file, and timing from their packets
clock     rising times from the timestamps that files really have
picture   a decoded frame to upright RGB: colour, pixel aspect, orientation, interlacing
side_data orientation of a frame (display matrix)
colour    HDR and wide gamuts to sRGB
reader    `Video`, which puts them together
"""

from face3d_live.typing import Rgb
from face3d_live.video.clock import FALLBACK_FPS
from face3d_live.video.reader import Video

__all__ = ["FALLBACK_FPS", "Rgb", "Video"]
