"""The pipeline of the product: detector, network, tracker, head and renderer. Imported in the engine process only."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import cv2
import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.errors import InputError
from face3d_live.head.model import Head
from face3d_live.head.topology import Level
from face3d_live.live.engine.acting import Acting
from face3d_live.live.engine.face_batch import FaceBatch
from face3d_live.live.engine.pipeline import AVATAR_SIZE, CalibrationRequest, CalibrationResult, Result, ViewRequest
from face3d_live.live.engine.session_renderers import SessionRenderers
from face3d_live.live.engine.texture_fade import TextureFade
from face3d_live.regress.choose import OWN, load_regressor
from face3d_live.regress.devices import cuda_available
from face3d_live.regress.estimate import Estimate, Estimator
from face3d_live.regress.interface import FaceRegressor
from face3d_live.render.pictures import resized_to_cover
from face3d_live.render.renderer import Renderer
from face3d_live.track.detector import Detector
from face3d_live.track.tracker import Tracker
from face3d_live.track.types import Tracked
from face3d_live.typing import Array, Device, Precision, Rgb

#: After so long without a picture the tracker is given black ones, so that the face is lost and relaxes as usual.
SILENT_SECONDS = 0.5
#: Pictures that the network is given at once. On a processor more are not faster, and the first waits for the last.
MAX_BATCH = {"cpu": 8}
MAX_BATCH_GPU = 64


@dataclass
class _Face:
    """One session's state."""

    tracker: Tracker
    picture: Rgb | None = None
    t: float = 0.0
    tracked: Tracked | None = None
    texture: str = "default"
    played: Tracked | None = None  # a take's frame, in place of a picture's
    begun: FaceBatch | None = None  # of the picture that comes next
    follow: tuple[float, float] | None = None  # the newest place that the tracker was told
    held: Array | None = None  # the expression (52,) while it is held
    fade: TextureFade | None = None  # of the newest texture, once there is one
    drawn_at: float = 0.0  # time of the newest picture to draw


class HeadPipeline:
    """See `pipeline.Pipeline`. Raises AssetError when a model file or a wanted GPU is missing."""

    def __init__(self, device: Device = "auto", precision: Precision = "auto", regressor: str = OWN) -> None:
        # Pictures are small here: OpenCV's other threads finish no sooner, but spin for as long as the first one works.
        cv2.setNumThreads(1)
        self._head = Head.load()
        # Stateless between pictures, so all sessions share one.
        self._detector = Detector.load()
        self._network: FaceRegressor | None = None
        self._wanted = device, precision, regressor
        self.on_tracked: Callable[[], None] = lambda: None
        self._faces: dict[str, _Face] = {}
        self._free: list[str] = []
        self._network_thread = ThreadPoolExecutor(1, thread_name_prefix="network")
        if device == "cpu" or not cuda_available():  # a GPU's memory is for the engine that works
            self._load_network()

    def _load_network(self) -> FaceRegressor:
        device, precision, regressor = self._wanted
        # Network, OpenGL and video each keep a thread busy, so on two cores the network gets one thread.
        threads = max(1, min(4, (os.cpu_count() or 1) // 2))
        self._network = network = load_regressor(regressor, self._head, device, precision, threads)
        self.device, self.precision = network.device, network.precision
        self.max_batch = MAX_BATCH.get(self.device, MAX_BATCH_GPU)
        self._estimator = Estimator(network, self._head)
        if self.device == "cuda":
            self._estimator.fit_together("cuda")
        return network

    def start(self) -> None:
        """See `pipeline.Pipeline`. Raises AssetError when libEGL is missing, and for a network on a GPU."""
        network = self._network or self._load_network()
        # Where the CPU also draws, the coarse mesh gives a quarter more frames; at this size it looks the same.
        level: Level = "low" if network.device == "cpu" else "medium"
        self._renderer = Renderer(self._head, AVATAR_SIZE, AVATAR_SIZE, level)
        self._renderers = SessionRenderers(self._renderer)
        self.drawn_by_cpu = self._renderer.software
        self._warm_up()

    def _warm_up(self) -> None:
        """Compile what the first picture would wait for, as long as nobody waits: shaders, the run time's kernels."""
        self.open("", None)
        self.process("", np.zeros((480, 640, 3), np.uint8), 0.0, ViewRequest())
        self.close("")

    def open(self, session: str, state: object) -> None:
        """Begin a session. state: the calibration that it had before an engine restart."""
        tracker = Tracker(self._estimator, self._head, self._detector)
        if state is not None:
            tracker.calibration = state  # type: ignore[assignment]  # a state that `calibrate` returned
        self._faces[session] = _Face(tracker)

    def close(self, session: str) -> None:
        """End a session. Its texture is overwritten now; its name is reused by the next session."""
        self._renderers.forget(session)
        face = self._faces.pop(session, None)
        if face is not None and face.texture != "default":
            self._free.append(face.texture)
            self._renderer.set_texture(np.zeros((4, 4, 4), np.uint8), face.texture)

    def prepare(self, pictures: Mapping[str, Rgb]) -> Future[Any] | None:
        """Give the network the pictures of tracked faces; others are looked at one by one."""
        faces = {session: self._faces[session] for session in pictures}
        found = {session: face.tracker.request(pictures[session]) for session, face in faces.items()}
        requests = {session: request for session, request in found.items() if request is not None}
        if not requests:
            return None
        batch = FaceBatch(self._estimator, requests, self._network_thread)
        for session in requests:
            faces[session].begun = batch
        return batch.prediction

    def process(self, session: str, rgb: Rgb | None, t: float, view: ViewRequest) -> Result:
        """Track and draw."""
        face = self._faces[session]
        face.drawn_at, start = t, perf_counter()
        if view.follow is not None and view.follow != face.follow:
            face.follow = view.follow
            face.tracker.follow(*view.follow)
        begun, face.begun = face.begun, None
        if rgb is None and face.played is not None:
            tracked = face.played
        else:
            tracked = self._track(face, rgb, t, begun.take(session) if begun is not None else None)
            tracked = self._act(face, tracked, view.acting)
        middle = perf_counter()
        self.on_tracked()
        image, cutout = self._draw(session, face, tracked, view) if view.picture else (None, None)
        end = perf_counter()
        ms = {"track": 1000 * (middle - start), "render": 1000 * (end - middle)}
        return Result(tracked.face, tracked.codes, tracked.seen, tracked.confidence, image, ms, cutout)

    def render_codes(self, session: str, codes: HeadCodes, view: ViewRequest) -> Result:
        """Draw a take's frame."""
        nowhere, camera = np.full((68, 2), np.nan, np.float32), Camera.webcam(AVATAR_SIZE, AVATAR_SIZE)
        played = Tracked(True, codes, codes, codes, codes.shape, nowhere, 1.0, 0.0, camera, codes.shape)
        self._faces[session].played = played
        return self.process(session, None, 0.0, view)

    def set_texture(self, session: str, rgba: Rgb) -> None:
        """Draw the head with this texture."""
        face = self._faces[session]
        if face.fade is None:
            face.texture = self._free.pop() if self._free else f"texture {len(self._faces)} of {session}"
            face.fade = TextureFade(self._renderer.plain_skin)
        face.fade.begin(rgba.copy())  # the memory is the server's again

    def _show_texture(self, face: _Face) -> None:
        """Let a newer texture come in by another step."""
        texture = face.fade.at(face.drawn_at) if face.fade is not None else None
        if texture is not None and face.fade is not None:
            self._renderer.set_texture(texture, face.texture, face.fade.newest)

    def show_avatar(self, session: str, key: str | None, data: bytes) -> None:
        """Draw an avatar, or the own head again."""
        self._renderers.show(session, key, data)

    def calibrate(self, session: str, request: CalibrationRequest) -> CalibrationResult:
        """See `Tracker.calibrate`; "load" takes a `track.calibration.Calibration`, or None."""
        tracker = self._faces[session].tracker
        if request.step == "load":
            tracker.calibration = request.state  # type: ignore[assignment]  # parsed by the server
            return CalibrationResult(request.state)
        try:
            return CalibrationResult(tracker.calibrate(request.step))
        except InputError as error:
            return CalibrationResult(error=error)

    def _track(self, face: _Face, rgb: Rgb | None, t: float, estimate: Estimate | None) -> Tracked:
        if rgb is not None:
            face.tracked, face.t = face.tracker.update(rgb, t, estimate), t
            # A copy, because the server writes the next picture to this shared memory.
            face.picture = rgb.copy()
        elif face.tracked is None or t - face.t > SILENT_SECONDS:
            dark = np.zeros_like(face.picture) if face.picture is not None else np.zeros((480, 640, 3), np.uint8)
            face.tracked = face.tracker.update(dark, t)
        return face.tracked

    def _act(self, face: _Face, tracked: Tracked, acting: Acting) -> Tracked:
        """What the user's keys make of the face, in the avatar and in all that is sent."""
        if acting.mode != "hold":
            face.held = None
        elif face.held is None:
            face.held = replace(acting, mode="track").apply(tracked.codes, None).expression
        return replace(tracked, codes=acting.apply(tracked.codes, face.held))

    def _draw(self, session: str, face: _Face, tracked: Tracked, view: ViewRequest) -> tuple[Rgb, Rgb | None]:
        """The picture, and the cutout when the view asks for it."""
        codes = tracked.codes
        self._show_texture(face)
        if view.mode == "overlay":
            if not tracked.face and face.picture is not None:  # no face to draw a head over
                nothing = np.zeros((view.side, view.side, 4), np.uint8) if view.cutout else None
                return resized_to_cover(face.picture, view.side, view.side), nothing
            # Over the picture the head is drawn at its estimated pose, without calibration.
            codes = tracked.seen
        return self._renderers.render(session, codes, tracked.camera, view, face.picture, face.texture)
