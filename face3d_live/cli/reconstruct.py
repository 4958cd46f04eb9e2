"""`face3d-live reconstruct` and `render`: heads from photos."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from face3d_live.cli.options import (
    AnyDevice,
    AnyGlasses,
    AnyGlassesColour,
    AnyHair,
    AnyHairColour,
    AnyPrecision,
    Device,
    Precision,
    styling_of,
)
from face3d_live.cli.ray_option import RayActors, RayAddress, RayGpus, require_ray
from face3d_live.cli.regressor import Regressor, prepared
from face3d_live.errors import InputError

if TYPE_CHECKING:
    from face3d_live.export.vrm_meta import VrmMeta
    from face3d_live.reconstruct.options import Options, RunsOn

FACE_HELP = "which face, where there are several: 1 is the largest; auto takes one that is clearly meant"


class Mesh(StrEnum):
    """About 5, 18 or 72 thousand vertices."""

    low = "low"
    medium = "medium"
    high = "high"


class Texture(StrEnum):
    """Side of the texture, pixels; auto: as the photo carries."""

    auto = "auto"
    s512 = "512"
    s1024 = "1024"
    s2048 = "2048"
    s4096 = "4096"


class Only(StrEnum):
    """What of a reconstruction is made."""

    all = "all"
    structure = "structure"


class Topology(StrEnum):
    """Whose mesh mesh.obj is."""

    own = "own"
    bfm = "bfm"


class RenderMode(StrEnum):
    """How a head is drawn."""

    avatar = "avatar"
    geometry = "geometry"
    wireframe = "wireframe"


def reconstruct(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...", help="files, folders, patterns; - is stdin")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="the folder to write; one folder a photo where there are many")
    ],
    mesh: Annotated[Mesh, typer.Option(help="about 5, 18 or 72 thousand vertices")] = Mesh.medium,
    texture: Annotated[
        Texture, typer.Option(help="side of texture.png in pixels; auto: 1024, or 2048 of a large face")
    ] = Texture.auto,
    face: Annotated[str, typer.Option(metavar="N|largest|auto", help=FACE_HELP)] = "auto",
    sharpen: Annotated[bool, typer.Option("--sharpen", help="bring detail back that the photo blurs")] = False,
    frontal: Annotated[bool, typer.Option("--frontal", help="the head looks straight into the camera")] = False,
    only: Annotated[Only, typer.Option(help="structure: the 256x256 shaded geometry and params.npz, fast")] = Only.all,
    fuse: Annotated[bool, typer.Option("--fuse", help="all photos, or a video, show one person: one head")] = False,
    refine: Annotated[bool, typer.Option(help="fit the head to the photo's own colours, too")] = True,
    jobs: Annotated[int, typer.Option(min=1, help="processes, for many photos")] = 1,
    ray: RayAddress = None,
    ray_actors: RayActors = None,
    ray_gpus: RayGpus = 0.0,
    force: Annotated[bool, typer.Option("--force", help="make heads again that are there already")] = False,
    device: AnyDevice = Device.auto,
    precision: AnyPrecision = Precision.auto,
    regressor: Regressor = "own",
    topology: Annotated[
        Topology, typer.Option(help="bfm: mesh.obj is the Basel Face Model's mesh (deep3d alone)")
    ] = Topology.own,
    hair: AnyHair = None,
    hair_colour: AnyHairColour = None,
    glasses: AnyGlasses = None,
    glasses_colour: AnyGlassesColour = None,
    vrm: Annotated[bool, typer.Option("--vrm", help="head.vrm, too: a VRM 1.0 avatar")] = False,
    vrm_name: Annotated[str | None, typer.Option(metavar="NAME", help="the avatar's name in head.vrm")] = None,
    vrm_author: Annotated[list[str] | None, typer.Option(metavar="NAME", help="its author; may be repeated")] = None,
    vrm_licence: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="what VRM lets you permit, such as "
            "commercialUsage=personalProfit; the rest is forbidden; may be repeated",
        ),
    ] = None,
) -> None:
    """Turn photos into textured heads: mesh.obj, head.glb, texture.png, params.npz and more."""
    from face3d_live.reconstruct import Options, RunsOn, face_choice, reconstruct_person, reconstruct_photos
    from face3d_live.reconstruct.own_topology import check_topology

    styling = styling_of(hair, hair_colour, glasses, glasses_colour)
    options = Options(
        mesh.value, _side(texture), face_choice(face), frontal, only.value, refine, sharpen, topology.value,
        styling.hair, _vrm_meta(vrm, vrm_name, vrm_author or (), vrm_licence or ()), styling.glasses,
    )  # fmt: skip
    check_topology(options, regressor == "own")
    runs_on = RunsOn(device.value, precision.value, prepared(regressor))
    if ray is not None:
        raise typer.Exit(_on_ray(photos, out, options, runs_on, force, ray, ray_actors, ray_gpus, fuse))
    if fuse:
        raise typer.Exit(reconstruct_person(photos, out, options, runs_on, force))
    raise typer.Exit(reconstruct_photos(photos, out, options, runs_on, jobs, force))


def _side(texture: Texture) -> int | Literal["auto"]:
    return "auto" if texture is Texture.auto else int(texture.value)


def _on_ray(
    photos: list[Path],
    out: Path,
    options: Options,
    runs_on: RunsOn,
    force: bool,
    ray: str,
    actors: int | None,
    gpus: float,
    fuse: bool,
) -> int:
    """Photos on a Ray cluster. Raises InputError "bad-option", "bad-list", AssetError "ray-missing", "no-cluster"."""
    if fuse:
        raise InputError("bad-option", "--fuse makes one head, which needs one machine: leave out --ray")
    require_ray()
    from face3d_live.cluster.batch import Machines, PhotosOnRay, read_lists
    from face3d_live.reconstruct import reconstruct_photos

    listed = read_lists(photos)
    elsewhere = PhotosOnRay(Machines(ray, actors, gpus))
    return reconstruct_photos(listed, out, options, runs_on, force=force, elsewhere=elsewhere)


def _vrm_meta(wanted: bool, name: str | None, authors: Sequence[str], licence: Sequence[str]) -> VrmMeta | None:
    """What the options say; naming one of the last three asks for the file as well. Raises typer.BadParameter."""
    from face3d_live.export.vrm_meta import VrmMeta

    if not (wanted or name or authors or licence):
        return None
    try:
        return VrmMeta.of(name, authors, licence)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def render(
    params: Annotated[Path, typer.Argument(metavar="PARAMS.NPZ")],
    out: Annotated[Path, typer.Option("--out", "-o", help="the PNG to write")],
    expression: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="an ARKit coefficient; may be repeated")
    ] = None,
    expression_from: Annotated[Path | None, typer.Option(help="another params.npz, for its expression")] = None,
    yaw: Annotated[float, typer.Option(help="degrees; positive turns the head to the picture's right")] = 0.0,
    pitch: Annotated[float, typer.Option(help="degrees; positive turns the face down")] = 0.0,
    frontal: Annotated[bool, typer.Option("--frontal", help="without the photo's own pose")] = False,
    mode: Annotated[RenderMode, typer.Option(help="textured, grey geometry, or coloured wires")] = RenderMode.avatar,
    texture: Annotated[Path | None, typer.Option(help="texture.png; by default the one beside the file")] = None,
    size: Annotated[int, typer.Option(min=64, max=4096, help="side in pixels")] = 768,
    hair: AnyHair = None,
    hair_colour: AnyHairColour = None,
    glasses: AnyGlasses = None,
    glasses_colour: AnyGlassesColour = None,
) -> None:
    """Draw a reconstructed head again: another expression, another side."""
    from dataclasses import replace
    from math import radians

    from face3d_live.reconstruct.rerender import Shot, render_params

    shot = Shot(expression or (), expression_from, radians(yaw), radians(pitch), frontal, mode.value, size)
    shot = replace(shot, styling=styling_of(hair, hair_colour, glasses, glasses_colour))
    print(render_params(params, out, shot, texture))
