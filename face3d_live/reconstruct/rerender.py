"""`face3d-live render`: a head that was reconstructed, with another expression, seen from another side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from face3d_live import files
from face3d_live.codes import ARKIT, INDEX, HeadCodes
from face3d_live.errors import InputError
from face3d_live.export.params import Params, params_from
from face3d_live.export.png import png_bytes
from face3d_live.reconstruct.advice import refusal
from face3d_live.reconstruct.photo import read_texture
from face3d_live.render.view import Mode, View
from face3d_live.styling import AS_SEEN, Styling


@dataclass(frozen=True)
class Shot:
    """How a head is drawn. expression: "NAME=VALUE" each, put over the file's own; expression_from: another
    params.npz whose expression replaces it first; yaw, pitch: radians, see `View`; facing: the photo's pose is taken
    out, so that yaw and pitch begin at the front; size: side in pixels. styling: hair in place of the texture's, or
    without one the file's; glasses in place of the file's."""

    expression: Sequence[str] = ()
    expression_from: Path | None = None
    yaw: float = 0.0
    pitch: float = 0.0
    facing: bool = False
    mode: Mode = "avatar"
    size: int = 768
    styling: Styling = AS_SEEN


def render_params(params: Path, out: Path, shot: Shot, texture: Path | None = None) -> str:
    """Draw the head of a params.npz into a PNG; returns what was done, in words.

    texture: texture.png; by default the one beside `params`, where there is one.
    Raises InputError: "no-file", "not-params", "no-such-expression", "not-an-image", "not-written".
    """
    from face3d_live.head.model import Head
    from face3d_live.render.renderer import Renderer

    known = read_params(params)
    codes = posed(known.codes, shot)
    beside = params.with_name("texture.png")
    texture = texture or (beside if beside.is_file() else None)
    skin = None if texture is None else read_texture(texture)
    renderer = Renderer(Head.load(), shot.size, shot.size, level="medium", samples=4)
    try:
        if skin is not None:
            renderer.set_texture(skin)
        view, wish = View(shot.yaw, shot.pitch), shot.styling.over_glasses(known.glasses)
        hair = wish.hair if skin is not None else wish.hair.over(known.hair)
        picture = renderer.render(codes, known.camera, view=view, mode=shot.mode, hair=hair, glasses=wish.glasses)
    finally:
        renderer.close()
    _write(out, png_bytes(picture if shot.mode == "geometry" else np.ascontiguousarray(picture[..., :3])))
    return f"{out}: {shot.size} x {shot.size}" + ("" if skin is not None else ", without a texture")


def read_params(path: Path) -> Params:
    """Raises InputError: "no-file", "not-params"."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise refusal("no-file", f"{path} ({error.strerror})") from error
    try:
        return params_from(data)
    except InputError as error:
        raise refusal(error.code, str(path)) from error


def posed(codes: HeadCodes, shot: Shot) -> HeadCodes:
    """The codes with the shot's expression. Raises InputError: "no-such-expression", and those of `read_params`."""
    expression = codes.expression
    if shot.expression_from is not None:
        expression = read_params(shot.expression_from).codes.expression
    expression = expression.copy()
    for text in shot.expression:
        name, value = parse_coefficient(text)
        expression[INDEX[name]] = value
    codes = codes.with_(expression=expression)
    return codes.with_(rotation=np.eye(3, dtype=np.float32)) if shot.facing else codes


def parse_coefficient(text: str) -> tuple[str, float]:
    """ "jawOpen=0.6" as (name, value in 0..1). Raises InputError("no-such-expression")."""
    name, _, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    if name not in INDEX or not 0 <= value <= 1:
        near = get_close_matches(name, ARKIT, 3, 0.4) or ["jawOpen", "mouthSmileLeft"]
        raise refusal("no-such-expression", f"{text!r} (ARKit's names: {', '.join(near)}, ...)")
    return name, value


def _write(path: Path, data: bytes) -> None:
    """All or nothing."""
    try:
        files.write(path, data)
    except OSError as error:
        raise refusal("not-written", f"{path} ({error.strerror})") from error
