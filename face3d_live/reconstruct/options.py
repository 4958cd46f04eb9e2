"""`Options` of a reconstruction."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple, get_args

from face3d_live import eyewear
from face3d_live.checks import checked_size
from face3d_live.export.vrm_meta import VrmMeta
from face3d_live.eyewear import Glasses
from face3d_live.hairstyle import AS_SEEN, Hair
from face3d_live.head.topology import Level
from face3d_live.reconstruct.find import Choice
from face3d_live.regress.choose import OWN
from face3d_live.typing import Device, Precision

Only = Literal["all", "structure"]
Topology = Literal["own", "bfm"]


@dataclass(frozen=True)
class Options:
    """What is wanted. Raises ValueError for impossible values.

    mesh: level of mesh.obj. texture: side in texels, a power of two; "auto": as fine as the photo carries, see
    `texture_side`. face: which one, see `find.Choice`. frontal: the
    head looks straight into the camera, in render.png and params.npz. only: "structure" makes structure.png, params.npz
    and report.json, no texture. refine: the codes are refined on the photo, see `refine`. sharpen: the texture is
    sharpened where it is finer than the photo, see `texture.sharpen`. topology: of mesh.obj; "bfm" is the Basel Face
    Model's, which a `deep3d` regressor has. hair, glasses: in place of the photo's. vrm: what
    head.vrm says; None: it is not made.
    """

    mesh: Level = "medium"
    texture: int | Literal["auto"] = "auto"
    face: Choice = "auto"
    frontal: bool = False
    only: Only = "all"
    refine: bool = True
    sharpen: bool = False
    topology: Topology = "own"
    hair: Hair = AS_SEEN
    vrm: VrmMeta | None = None
    glasses: Glasses = eyewear.AS_SEEN

    def __post_init__(self) -> None:
        for name, known in (("mesh", get_args(Level)), ("only", get_args(Only)), ("topology", get_args(Topology))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}: expected one of {', '.join(known)}, got {getattr(self, name)!r}")
        if self.texture != "auto" and checked_size(self.texture, "texture").bit_count() != 1:
            raise ValueError(f"texture: expected a power of two, got {self.texture}")
        if self.face not in ("auto", "largest"):
            checked_size(self.face, "face")

    def to_json(self) -> dict[str, Any]:
        """For report.json, where a later run looks whether it would make the same."""
        return asdict(self) | {"vrm": None if self.vrm is None else self.vrm.to_json()}


#: Side of a texture in texels, and of a face in pixels from which the finer one shows more: at 1024 texels a face has
#: 880 across.
USUAL_TEXTURE, FINE_TEXTURE, FINE_FACE = 1024, 2048, 1100.0


def texture_side(options: Options, face: float) -> int:
    """The side that a photo gets in which the face is so many pixels wide."""
    if options.texture != "auto":
        return options.texture
    return FINE_TEXTURE if face >= FINE_FACE else USUAL_TEXTURE


class RunsOn(NamedTuple):
    """The arguments of a `Reconstructor`."""

    device: Device = "auto"
    precision: Precision = "auto"
    regressor: str = OWN


ANYWHERE = RunsOn()
