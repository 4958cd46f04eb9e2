"""Video files, stills and cameras as upright RGB pictures in square pixels, each with its time.

streams   which stream of a file is meant, and what its packets say of its rate
clock     rising times from the timestamps that files really have
picture   a decoded frame to upright RGB: colour, pixel aspect, orientation, interlacing
side_data where a frame says how it is to be turned
colour    HDR and wide gamuts to sRGB
reader    `Video`, which puts them together
"""

from face3d_live.typing import Rgb
from face3d_live.video.clock import FALLBACK_FPS
from face3d_live.video.reader import Video

__all__ = ["FALLBACK_FPS", "Rgb", "Video"]
