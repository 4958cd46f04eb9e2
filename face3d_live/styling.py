"""`Styling`: the hair and the glasses that somebody wants in place of those that are seen. Light to import."""

from __future__ import annotations

from dataclasses import dataclass, replace

from face3d_live import eyewear, hairstyle
from face3d_live.eyewear import Glasses
from face3d_live.hairstyle import Hair


@dataclass(frozen=True)
class Styling:
    """Each as its own class says: None for what is to stay as it is seen."""

    hair: Hair = hairstyle.AS_SEEN
    glasses: Glasses = eyewear.AS_SEEN

    def over_glasses(self, seen: Glasses) -> Styling:
        """The same with the glasses that are seen where nothing else is wished."""
        return replace(self, glasses=self.glasses.over(seen))

    def __bool__(self) -> bool:
        """Whether anything is wished for."""
        return bool(self.hair or self.glasses)


#: Nothing is wished for.
AS_SEEN = Styling()
