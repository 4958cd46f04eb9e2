"""The avatar as a video device, over a pipe in place of the device, with the kernel's answers played by the test."""

import errno
import os
import struct

import cv2
import live_fakes
import numpy as np
import pytest
from live_helpers import Browser, Camera, serve
from waiting import until

from face3d_live.errors import AssetError
from face3d_live.live.video_device import HEIGHT, WIDTH, VideoDevice, first_virtual_device, framed

PICTURE_BYTES = WIDTH * HEIGHT * 3 // 2


class Kernel:
    """Answers as v4l2loopback does: `capabilities` and, after a format was asked for, that one or another."""

    def __init__(self, capabilities=0x85200003, width=None):
        self.capabilities, self.width, self.wanted = capabilities, width, None

    def ioctl(self, descriptor, request, answer):
        if request == 0x80685600:
            assert len(answer) == 104
            struct.pack_into("2I", answer, 84, self.capabilities, self.capabilities & ~0x80000000)
        else:
            assert request == 0xC0D05605 and len(answer) == 208
            self.wanted = struct.unpack_from("I4x7I", answer)
            if self.width:
                struct.pack_into("I", answer, 8, self.width)
        return 0


@pytest.fixture
def pipe(tmp_path):
    """A path that can be written to, and the descriptor that reads it."""
    path = tmp_path / "video9"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    yield path, reader
    os.close(reader)


def test_the_format_is_asked_for_as_the_kernel_documents_it(pipe):
    kernel = Kernel()
    device = VideoDevice(pipe[0], kernel.ioctl)
    i420 = int.from_bytes(b"YU12", "little")
    assert kernel.wanted == (2, WIDTH, HEIGHT, i420, 1, WIDTH, PICTURE_BYTES, 8)
    device.close()
    device.close()


def test_a_picture_keeps_its_shape_and_colours(tmp_path):
    path = tmp_path / "device"
    path.write_bytes(b"")
    device = VideoDevice(path, Kernel().ioctl)
    picture = np.zeros((512, 512, 3), np.uint8)
    picture[128:384, 128:384] = (200, 60, 20)
    assert device.write(picture)
    device.close()
    planes = np.frombuffer(path.read_bytes(), np.uint8).reshape(HEIGHT * 3 // 2, WIDTH)
    shown = cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420).astype(int)
    square = np.argwhere(shown[..., 0] > 120)
    low, high = square.min(0), square.max(0)
    assert np.allclose(high - low, 0.5 * HEIGHT, atol=4) and np.allclose(
        (low + high) / 2, (HEIGHT / 2, WIDTH / 2), atol=3
    )
    assert np.abs(shown[HEIGHT // 2, WIDTH // 2] - (200, 60, 20)).max() < 12


@pytest.mark.parametrize("size", [(512, 512), (100, 400), (720, 1280), (33, 7)])
def test_any_size_fills_the_frame(size):
    picture = np.full((*size, 3), 90, np.uint8)
    assert framed(picture).shape == (HEIGHT, WIDTH, 3) and (framed(picture) == 90).all()


def test_what_is_no_output_is_refused_with_a_cure(tmp_path, pipe):
    path, _ = pipe
    with pytest.raises(AssetError, match="takes no pictures"):
        VideoDevice(path, Kernel(capabilities=0x85200001 & ~2).ioctl)
    with pytest.raises(AssetError, match="close that"):
        VideoDevice(path, Kernel(width=640).ioctl)

    def no_device(*_):
        raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))

    for broken, ioctl in ((path, no_device), (tmp_path / "nothing", Kernel().ioctl)):
        with pytest.raises(AssetError, match="modprobe v4l2loopback") as caught:
            VideoDevice(broken, ioctl)
        assert caught.value.code == "no-virtual-camera"
    with pytest.raises(AssetError, match="has no virtual camera"):
        first_virtual_device(tmp_path / "none")
    (tmp_path / "listed" / "video3").mkdir(parents=True)
    assert str(first_virtual_device(tmp_path / "listed")) == "/dev/video3"


class Device:
    """Notes how bright the middle of each picture is; writes nothing once it is `gone`."""

    path = "/dev/video9"

    def __init__(self):
        self.middle, self.gone, self.closed = [], False, False

    def write(self, picture):
        if self.gone:
            raise OSError(errno.ENODEV, "no such device")
        self.middle.append(float(picture[250:260, 250:260].mean()))
        return True

    def close(self):
        self.closed = True


async def test_it_shows_the_newest_session_and_then_the_empty_studio():
    device = Device()
    async with serve(virtual_camera=device) as served:
        await until(lambda: device.middle)
        empty = device.middle[-1]
        async with Browser(served, Camera(0.8)):
            await until(lambda: device.middle[-1] > 180)
        await until(lambda: abs(device.middle[-1] - empty) < 2)
    assert device.closed


async def test_it_is_drawn_for_the_device_alone(tmp_path):
    """A session that no page shows is drawn while the camera follows it."""
    device = Device()
    async with serve(virtual_camera=device) as served:
        session = served.live.sessions.open("source")
        session.submit(live_fakes.grey(0.8), 0.0, 0.0)
        await until(lambda: device.middle and device.middle[-1] > 180)


async def test_a_device_that_goes_away_ends_the_camera_alone(caplog):
    device = Device()
    device.gone = True
    async with serve(virtual_camera=device) as served:
        await until(lambda: device.closed)
        assert (await served.http.get("/healthz")).status_code == 200
    assert "is gone" in caplog.text


def test_a_busy_device_leaves_pictures_out(pipe):
    """Nobody reads: the pipe is full after a part of a picture."""
    device = VideoDevice(pipe[0], Kernel().ioctl)
    shown = [device.write(np.zeros((512, 512, 3), np.uint8)) for _ in range(3)]
    assert shown[-1] is False
    device.close()
