"""How good heads from photos are: `python bench/reconstruct.py [--data DIR] [--limit N] [--sheet PNG] [--shown JPG]`.

Over the portraits of people that training never saw. usable: not refused. points: mean distance of the head's 478
points from a teacher's, per cent of the eye distance; first as the network and the fit find them, then refined. PSNR:
the finished head drawn over the photo against the photo, inside the face. tone: degrees of ITA that the texture lies
above (lighter) or below the photo, at the same eight places of the cheeks. observed: share of the face's visible texels
that the texture has from the photo, mean, and the tenth lowest of a hundred; 97 %: share of the people who have so
much. CIEDE2000 of the median colours of cheeks, forehead and chin against the photo's, median and 90th percentile:
re-render: of the head drawn over the photo in the light that was found; texture: of the texture itself, its light taken
out. bare: nothing in front of the skin. irises: CIEDE2000 of their colour, photo against re-render, and by how much L*
is higher. The sheets show the best, the middling and
the worst: `--sheet` with their photos, `--shown` for the docs, from sets that are free, and only what was computed.
"""

from __future__ import annotations

import argparse
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.errors import InputError
from face3d_live.export.params import params_from
from face3d_live.head.points import EYE_CORNERS
from face3d_live.raster import rasterize
from face3d_live.reconstruct import Options, Reconstructor, read_photo
from face3d_live.regress.fit import Fitter
from face3d_live.render.renderer import Renderer
from face3d_live.rotations import to_euler
from face3d_live.texture.portrait import OBSERVED
from face3d_live.texture.regions import share_of
from face3d_live.texture.sample import pose_head
from face3d_live.texture.texels import texels_of
from face3d_live.train.data.portraits import Portrait, load_index
from face3d_live.train.evaluate.faces import COVERED, GLASSES, OLD
from face3d_live.train.evaluate.iris import IrisFigures, iris_figures
from face3d_live.train.evaluate.skin import SkinFigures, skin_figures

SIDE = 256
TEXTURE = 512
#: Sets of the public domain or under CC0: pictures made of them may be shown.
FREE = ("congress", "18f", "pif", "faker")


@dataclass(frozen=True)
class Result:
    """One portrait; see the module's docstring. picture: photo, overlay, avatar, geometry and texture, side by side."""

    portrait: Portrait
    first: float
    refined: float
    psnr: float
    tone: float
    yaw: float
    skin: SkinFigures
    iris: IrisFigures | None
    mode: str
    ms: dict[str, float]
    picture: np.ndarray


class Evaluator:
    """Makes heads and compares them with their photos."""

    def __init__(self, data: Path, device: str, refine: bool) -> None:
        self._maker = Reconstructor(device)
        self._head = self._maker.head
        self._fitter = Fitter(self._head)
        self._renderer = Renderer(self._head, SIDE, SIDE, level="medium")
        self._options = Options(texture=TEXTURE, face="largest", refine=refine)
        self._texels = texels_of(self._head, TEXTURE)
        self._cheeks = share_of(self._head, self._texels, ("cheeks", "nose")) > 0.5
        mine = self._head.regions["face"]
        self._faces = self._head.faces[mine[self._head.faces].all(1)]
        with np.load(data / "faces" / "teacher.npz") as teacher:
            self._points = teacher["landmarks"][..., :2]

    def measure(self, portrait: Portrait) -> Result:
        """Raises InputError where the portrait is refused."""
        rgb = read_photo(portrait.image)
        truth = self._points[portrait.row]
        first = self._maker.find(rgb, "largest")
        made = self._maker.photo(rgb, self._options)
        params = params_from(made.files["params.npz"])
        texture = np.asarray(Image.open(io.BytesIO(made.files["texture.png"])))
        self._renderer.set_texture(texture)
        over = self._renderer.render(params.codes, params.camera, mode="overlay", background=rgb)[..., :3]
        avatar = self._renderer.render(params.codes, params.camera)[..., :3]
        grey = self._renderer.render(params.codes, params.camera, mode="geometry", background=(0.0, 0.0, 0.0))[..., :3]
        face = self._face(params.codes, params.camera)
        error = np.mean(((over.astype(float) - rgb) ** 2)[face])
        return Result(
            portrait,
            self._off(first.codes, first.camera, truth),
            self._off(params.codes, params.camera, truth),
            float(10 * np.log10(255**2 / max(error, 1e-3))),
            self._tone(texture, rgb, truth, params.codes, params.camera),
            float(np.degrees(to_euler(params.codes.rotation)[0])),
            skin_figures(rgb, over, texture, params.codes, params.camera, self._head, self._texels),
            iris_figures(rgb, truth, over, params.camera.project(self._fitter.points3d(params.codes))),
            made.report["mode"],
            made.report["ms"],
            np.hstack(
                [rgb, over, avatar, grey, cv2.resize(over_grey(texture), (SIDE, SIDE), interpolation=cv2.INTER_AREA)]
            ),
        )

    def _off(self, codes: HeadCodes, camera: Camera, truth: np.ndarray) -> float:
        points = camera.project(self._fitter.points3d(codes))
        eyes = np.linalg.norm(truth[EYE_CORNERS[0]] - truth[EYE_CORNERS[1]])
        distance = np.linalg.norm(points - truth, axis=1)
        return float(100 * (distance * self._fitter.usable).sum() / self._fitter.usable.sum() / eyes)

    def _face(self, codes: HeadCodes, camera: Camera) -> np.ndarray:
        """(SIDE, SIDE) pixels of the face, by the head itself."""
        space = self._head.vertices(codes.shape, codes.expression) @ codes.rotation.T + codes.translation
        return rasterize(camera.project(space), self._faces, SIDE, SIDE).triangle >= 0

    def _tone(self, texture: np.ndarray, rgb: np.ndarray, truth: np.ndarray, codes: HeadCodes, camera: Camera) -> float:
        cheeks = np.concatenate([truth[[50, 101, 118, 205]], truth[[280, 330, 347, 425]]])
        patches = [rgb[max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4].reshape(-1, 3) for x, y in cheeks.astype(int)]
        photo = np.median(np.concatenate(patches), 0)
        view = pose_head(codes, camera, self._head).view(self._texels)
        near = np.min([np.abs(view.pixel - place).max(1) for place in cheeks], 0) < 4
        skin = self._texels.of(texture)[near & self._cheeks & (view.weight > 0.25)]
        skin = np.median(skin[skin[:, 3] == OBSERVED, :3], 0)
        return ita(skin) - ita(photo)


def ita(rgb: np.ndarray) -> float:
    """Individual typology angle of a picture colour, degrees: above 41 light, below 10 dark (Chardon et al., 1991)."""
    light, _, yellow = cv2.cvtColor(np.float32(rgb / 255).reshape(1, 1, 3), cv2.COLOR_RGB2LAB)[0, 0]
    return float(np.degrees(np.arctan2(light - 50, max(float(yellow), 1e-3))))


def table(title: str, results: Sequence[Result], refused: Sequence[Portrait], group: Callable[[Portrait], str]) -> None:
    """One line a group."""
    kinds: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        kinds[group(result.portrait)].append(result)
    lost = Counter(group(portrait) for portrait in refused)
    print(f"\n| {title} | photos | usable | points first | refined | PSNR dB | tone |\n|---|---|---|---|---|---|---|")
    for name in sorted(set(kinds) | set(lost)):
        rows = kinds[name]
        total = len(rows) + lost[name]
        figures = [np.median([getattr(row, key) for row in rows]) if rows else np.nan for key in ("first", "refined")]
        psnr, tone = (np.mean([getattr(row, key) for row in rows]) if rows else np.nan for key in ("psnr", "tone"))
        shares = f"{total} | {len(rows) / total:.0%} | {figures[0]:.2f} % | {figures[1]:.2f} %"
        print(f"| {name} | {shares} | {psnr:.1f} | {tone:+.0f} |")


def skin_table(title: str, results: Sequence[Result], group: Callable[[Portrait], str]) -> None:
    """One line a group."""
    kinds: dict[str, list[SkinFigures]] = defaultdict(list)
    for result in results:
        kinds[group(result.portrait)].append(result.skin)
    print(f"\n| {title} | photos | observed | 10 % | 97 % | re-render, median | 90 % | texture, median | 90 % |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, rows in sorted(kinds.items()):
        observed = np.array([row.observed for row in rows])
        shares = f"{observed.mean():.1%} | {np.quantile(observed, 0.1):.1%} | {(observed >= 0.97).mean():.0%}"
        both = [[value for row in rows for value in getattr(row, key).values()] for key in ("colours", "tones")]
        figures = " | ".join(f"{np.median(values):.1f} | {np.quantile(values, 0.9):.1f}" for values in both)
        print(f"| {name} | {len(rows)} | {shares} | {figures} |")


def iris_table(title: str, results: Sequence[Result], group: Callable[[Result], str]) -> None:
    """One line a group: where the irises can be told."""
    kinds: dict[str, list[IrisFigures]] = defaultdict(list)
    for result in results:
        if result.iris is not None:
            kinds[group(result)].append(result.iris)
    print(f"\n| {title} | photos | CIEDE2000, median | 90 % | within 8 | lightness |\n|---|---|---|---|---|---|")
    for name, rows in sorted(kinds.items()):
        off = np.array([row.difference for row in rows])
        figures = f"{np.median(off):.1f} | {np.quantile(off, 0.9):.1f} | {(off < 8).mean():.0%}"
        print(f"| {name} | {len(rows)} | {figures} | {np.median([row.lightness for row in rows]):+.0f} |")


def cover(portrait: Portrait) -> str:
    """What lies over the skin: hair, a cap or a scarf on forehead or temples, glasses, or nothing."""
    name = portrait.image.stem
    return "covered in part" if name in COVERED else "glasses" if name in GLASSES else "bare"


def tone_band(portrait: Portrait) -> str:
    bands = ((-90, "1 below -30"), (-30, "2 -30 to 10"), (10, "3 10 to 28"), (28, "4 28 to 41"), (41, "5 above 41"))
    return [name for least, name in bands if portrait.tone >= least][-1]


def over_grey(texture: np.ndarray) -> np.ndarray:  # (S, S, 4) -> (S, S, 3)
    """A texture with grey where it has no skin."""
    skin = texture[..., 3:] > 0
    return np.where(skin, texture[..., :3], 96).astype(np.uint8)


def sheet(results: Sequence[Result], path: Path, from_picture: int, scale: float, each: int) -> None:
    """Columns: best, middle, worst by PSNR, which is written on each. from_picture: the first of `Result.picture`."""
    order = sorted(results, key=lambda result: -result.psnr)
    middle = max((len(order) - each) // 2, 0)
    columns = [order[:each], order[middle : middle + each], order[-each:]]
    pictures = [np.vstack([_labelled(row, from_picture, scale) for row in column]) for column in columns]
    gap = np.full((len(pictures[0]), 8, 3), 255, np.uint8)
    shown = np.hstack([pictures[0], gap, pictures[1], gap, pictures[2]])
    options = [cv2.IMWRITE_JPEG_QUALITY, 86] if path.suffix.lower() in (".jpg", ".jpeg") else []
    cv2.imwrite(str(path), np.ascontiguousarray(shown[..., ::-1]), options)


def _labelled(result: Result, from_picture: int, scale: float) -> np.ndarray:
    picture = cv2.resize(
        result.picture[:, from_picture * SIDE :], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
    )
    text = f"{result.psnr:.1f} dB"
    for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(picture, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, width, cv2.LINE_AA)
    return picture


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--limit", type=int, help="portraits at most; those with dark skin first")
    parser.add_argument("--sheet", type=Path, help="a picture of the best, middling and worst")
    parser.add_argument("--shown", type=Path, help="the same of free sets, without photos")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--no-refine", action="store_true")
    options = parser.parse_args()
    portraits = [portrait for portrait in load_index(options.data) if portrait.held_out]
    if options.limit:
        dark = [p for p in portraits if p.tone < 10][: options.limit // 3]
        rest = [p for p in portraits if p not in dark]
        portraits = dark + rest[:: max(1, len(rest) // max(options.limit - len(dark), 1))]
    judge = Evaluator(options.data, options.device, not options.no_refine)
    results, refused, codes = [], [], Counter[str]()
    for portrait in portraits[: options.limit]:
        try:
            results.append(judge.measure(portrait))
        except InputError as error:
            refused.append(portrait)
            codes[error.code] += 1
    report(results, refused, codes)
    if options.sheet:
        sheet(results, options.sheet, 0, 0.5, 8)
    if options.shown:
        sheet([result for result in results if result.portrait.group in FREE], options.shown, 2, 0.5, 5)


def report(results: Sequence[Result], refused: Sequence[Portrait], codes: Counter[str]) -> None:
    """Everything that is printed."""
    held_back = sum(result.mode == "conservative" for result in results)
    total = len(results) + len(refused)
    print(f"{total} portraits: {len(results) / total:.1%} usable, {held_back} held back; refused: {dict(codes)}")
    better = np.mean([result.refined < result.first for result in results])
    print(f"refined is nearer to the teacher on {better:.0%}")
    table("all", results, refused, lambda portrait: "all")
    table("set", results, refused, lambda portrait: portrait.group)
    table("ITA", results, refused, tone_band)
    table("glasses", results, refused, lambda portrait: "yes" if portrait.image.stem in GLASSES else "no")
    yaw = {result.portrait.row: abs(result.yaw) for result in results}
    bare = [result for result in results if cover(result.portrait) == "bare"]
    skin_table("skin", results, cover)
    skin_table("bare, by set", bare, lambda portrait: portrait.group)
    skin_table("bare, by ITA", bare, tone_band)
    skin_table("bare, by age", bare, lambda portrait: "sixty or more" if portrait.image.stem in OLD else "younger")
    iris_table("irises, of pixels", results, lambda r: "12 or more" if r.iris and r.iris.diameter >= 12 else "fewer")
    iris_table("irises, by ITA", results, lambda r: tone_band(r.portrait))
    table("yaw", results, refused, lambda p: "beyond 15" if yaw.get(p.row, 0) > 15 else "up to 15")
    print("\n| stage | median ms | 95 % |\n|---|---|---|")
    for stage in results[0].ms:
        times = [result.ms.get(stage, 0.0) for result in results]
        print(f"| {stage} | {np.median(times):.0f} | {np.percentile(times, 95):.0f} |")


if __name__ == "__main__":
    main()
