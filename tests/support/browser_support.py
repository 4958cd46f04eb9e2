"""What the browser tests stand on: a real server, Debian's Chromium, a camera that plays the sample, a recorder."""

from __future__ import annotations

import base64
import contextlib
import itertools
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import expect, sync_playwright
from waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "web_client" / "sample" / "sample.mp4"
CODES = ROOT / "web_client" / "sample" / "sample_codes.npz"
#: Sides of the avatar that the tests look at, pixels.
PICTURE = 256
#: The picture of the sample with the broadest smile.
BROAD_SMILE = 98
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

#: What every new window would load besides its page: the suggestions of the address bar, each in a process of its own,
#: together most of a second of a processor. Chromium takes the last of such lists alone: Playwright's own is in it.
_WITHOUT = (
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay",
    "MediaRouter",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "PreconnectToSearch",
    "AimEnabled",
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
)

FLAGS = (
    "--no-sandbox",
    f"--disable-features={','.join(_WITHOUT)}",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-loopback-in-peer-connection",
    "--use-fake-device-for-media-stream",
)

#: A camera of 8 frames a second: Chromium and the server share few cores here with other tests.
FEW_PICTURES = """
try {
  if (!localStorage.getItem("face3d-choices")) localStorage.setItem("face3d-choices", '{"rate":8}');
} catch {} // a document without storage, such as an empty one
"""

#: Notes what the control channel brings and takes, without the page's help.
RECORDER = """
window.recorded = [];
window.sent = [];
const send = RTCDataChannel.prototype.send;
RTCDataChannel.prototype.send = function (text) {
  window.sent.push(JSON.parse(text));
  send.call(this, text);
};
const make = RTCPeerConnection.prototype.createDataChannel;
RTCPeerConnection.prototype.createDataChannel = function (...args) {
  const channel = make.apply(this, args);
  channel.addEventListener("message", (event) => window.recorded.push(JSON.parse(event.data)));
  return channel;
};
"""

#: A camera before which a face keeps still: the JPEG given as base64. One corner pixel changes, so that frames come.
STILL_CAMERA = """(base64) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  navigator.mediaDevices.getUserMedia = async () => {
    const picture = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
    const canvas = document.createElement("canvas");
    canvas.width = picture.width;
    canvas.height = picture.height;
    const context = canvas.getContext("2d");
    let drawn = 0;
    const draw = () => {
      context.drawImage(picture, 0, 0);
      context.fillStyle = drawn++ % 2 ? "#000" : "#111";
      context.fillRect(0, 0, 1, 1);
    };
    draw();
    setInterval(draw, 33);
    return canvas.captureStream(30);
  };
}"""

#: A camera that the person allows late: `window.asked` has one `allow` for each time the page asked.
SLOW_CAMERA = """() => {
  const { mediaDevices } = navigator, open = mediaDevices.getUserMedia.bind(mediaDevices);
  window.asked = [];
  mediaDevices.getUserMedia = async (wanted) => {
    const stream = await open(wanted);
    await new Promise((allow) => window.asked.push({ allow, stream }));
    return stream;
  };
}"""

#: Whether the cameras that were asked for are "live" or "ended", in the order of `window.asked`.
CAMERAS = "window.asked.map(({ stream }) => stream.getVideoTracks()[0].readyState)"

#: What an element shows now, RGBA of so many pixels a side as base64 (`pixels`: Playwright takes long for an array);
#: null for a video before its first picture.
GRAB = """([selector, side]) => {
  const shown = document.querySelector(selector);
  if (shown.videoWidth === 0) return null;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(shown, 0, 0, side, side);
  return btoa(Array.from(context.getImageData(0, 0, side, side).data, (value) => String.fromCharCode(value)).join(""));
}"""
AVATAR, HEAD = ["#avatar", 64], ["#head", 96]

#: How many pictures the page has sent in its newest connection.
SENT = """async () => {
  const stats = [...(await window.connections.at(-1).getStats()).values()];
  return stats.find(({ type, kind }) => type === "outbound-rtp" && kind === "video").framesSent;
}"""
#: Notes the connections for it.
CONNECTIONS = """window.connections = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...args) {
    super(...args);
    window.connections.push(this);
  }
};"""


def camera_file(folder: Path) -> Path:
    """Every third picture of the sample as YUV4MPEG2, which Chromium's fake camera plays in a loop, ten a second."""
    path = folder / "camera.y4m"
    with av.open(str(SAMPLE)) as source, path.open("wb") as target:
        for number, frame in enumerate(source.decode(video=0)):
            if number == 0:
                target.write(f"YUV4MPEG2 W{frame.width} H{frame.height} F10:1 Ip A1:1 C420\n".encode())
            if number % 3 == 0:
                target.write(b"FRAME\n" + frame.to_ndarray(format="yuv420p").tobytes())
    return path


def still_jpeg(number: int = 0, light: float = 1.0) -> str:
    """One of the sample's pictures, by default the first one, a face at rest, as base64 of a JPEG.

    light: a factor of its brightness.
    """
    with av.open(str(SAMPLE)) as source:
        frame = next(itertools.islice(source.decode(video=0), number, None))
    ok, jpeg = cv2.imencode(".jpg", (light * frame.to_ndarray(format="bgr24")).astype(np.uint8))
    assert ok
    return base64.b64encode(jpeg.tobytes()).decode()


class LiveServer:
    """`run_live.py` in a process of its own on a free port; may be killed and started again on the same one.

    data_home: where its takes and its log go.
    """

    def __init__(self, data_home: Path, *arguments: str) -> None:
        self._data_home = data_home
        self._log = data_home / "log.txt"
        self._arguments = arguments
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, timeout: float = 120) -> None:
        """Returns once the server answers. Raises RuntimeError with its log when it does not."""
        command = [sys.executable, str(ROOT / "run_live.py"), "--port", str(self.port), "--device", "cpu"]
        # A quarter of the usual picture: Chromium, the encoder and llvmpipe share two cores with other tests.
        command += ["--limit", f"picture={PICTURE}", *self._arguments]
        with self._log.open("ab") as log:
            environment = os.environ | {"XDG_DATA_HOME": str(self._data_home)}
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: self.healthy() or self._process is None or self._process.poll() is not None, timeout)
        if not self.healthy():
            raise RuntimeError(f"the server did not start:\n{self._log.read_text()[-3000:]}")

    def healthy(self) -> bool:
        try:
            own = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # its certificate is its own
            own.check_hostname, own.verify_mode = False, ssl.CERT_NONE
            with urllib.request.urlopen(self.url + "healthz", timeout=2, context=own) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        """As if the power had gone: the server and its engine get no chance to say goodbye."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def until(page: Any, expression: str) -> None:
    """Wait for a condition. Playwright's own way is against the page's content security policy."""
    wait_until(lambda: page.evaluate(expression))


def later(page: Any, pictures: int = 4) -> NDArray[np.float64]:  # (64, 64, 3)
    """What the avatar video shows so many pictures later."""
    shown = "document.querySelector('#avatar').getVideoPlaybackQuality().totalVideoFrames"
    wanted = page.evaluate(shown) + pictures
    wait_until(lambda: page.evaluate(shown) >= wanted)
    return grab(page)


def head_of(page: Any) -> NDArray[np.float64]:  # (96, 96, 3)
    """The studio's head."""
    return pixels(page.evaluate(GRAB, HEAD))


def grab(page: Any) -> NDArray[np.float64]:  # (64, 64, 3)
    """What the avatar video shows now."""
    grabbed = page.evaluate(GRAB, AVATAR)
    assert grabbed is not None, "the avatar video has no picture"
    return pixels(grabbed)


def pixels(grabbed: str) -> NDArray[np.float64]:  # (side, side, 3)
    """RGB of what `GRAB` gave."""
    rgba = np.frombuffer(base64.b64decode(grabbed), np.uint8)
    side = round((len(rgba) / 4) ** 0.5)
    return rgba.reshape(side, side, 4)[..., :3].astype(np.float64)


def align(got: NDArray, known: NDArray) -> tuple[NDArray, float]:  # (N,), (P,) -> (N,), correlation
    """Where in the loop `known` each value of the series `got` belongs, in frames that go on rising, and how well.

    Chromium's fake camera shows every frame of its file however late it is, so that on a busy machine the loop takes
    longer than it should: the lag and the pace of the highest correlation.
    """
    best = (0.0, 0.0, -1.0)
    for pace in np.arange(0.60, 1.03, 0.01):
        for lag in range(0, len(known), 3):
            r = correlation(got, at(known, lag + pace * np.arange(len(got))))
            best = max(best, (lag, pace, r), key=lambda found: found[2])
    lag, pace, r = best
    return lag + pace * np.arange(len(got)), r


def at(known: NDArray, frames: NDArray) -> NDArray:  # (P,), (N,) -> (N,)
    """The loop `known` at fractional frames."""
    return np.interp(frames % len(known), np.arange(len(known) + 1), np.append(known, known[0]))


def correlation(a: NDArray, b: NDArray) -> float:
    """Pearson's r; 0 where one of them does not move at all."""
    if a.std() < 1e-6 or b.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


@contextmanager
def running(url: str, flags: list[str]) -> Iterator[Any]:
    """The page in a Chromium of its own, its camera started and a face seen. No script may have failed at the end."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        context = chromium.new_context(
            viewport={"width": 1280, "height": 800}, accept_downloads=True, reduced_motion="reduce"
        )
        context.grant_permissions(["camera"])
        context.add_init_script(FEW_PICTURES + CONNECTIONS)
        page = context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(url)
        page.click("#start")
        page.wait_for_selector('body[data-state="live"]', timeout=120_000)
        expect(page.locator("[data-reading=face]")).to_have_class("seen", timeout=120_000)
        yield page
        assert faults == []
        chromium.close()
