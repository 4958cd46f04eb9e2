"""What a camera is asked for, and that what follows a camera is right at 60 frames a second."""

import pytest

from face3d_live.live.frame_rate import CameraRate, wanted_rate
from face3d_live.live.rate_limiter import RateLimiter


@pytest.mark.parametrize(
    ("device", "cores", "rate"), [("cpu", 2, 30), ("cpu", 8, 60), ("cuda", 2, 60), ("gpu", 4, 60), ("", 2, 30)]
)
def test_sixty_is_asked_for_where_there_is_the_time(device: str, cores: int, rate: int) -> None:
    assert wanted_rate(device, cores) == rate


def test_a_camera_of_sixty_is_measured_as_such() -> None:
    camera = CameraRate()
    for i in range(40):
        camera.add(i / 60)
    assert camera.fps == 60


@pytest.mark.parametrize(("asked", "sent"), [(60, 600), (30, 300), (15, 150)])
def test_an_output_gets_the_rate_that_it_asked_for_of_a_camera_of_sixty(asked: float, sent: int) -> None:
    limiter, count = RateLimiter(asked), 0
    for i in range(600):
        now = 100.0 + i / 60
        if limiter.wait(now) == 0:
            limiter.sent(now)
            count += 1
    assert count == pytest.approx(sent, abs=2)
