import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from face3d_live import rotations
from face3d_live.camera import Camera

angle = st.floats(-1.4, 1.4)


def test_image_axes() -> None:
    camera = Camera.webcam(640, 480)
    centre, right, up = camera.project(np.array([[0, 0, -1], [0.1, 0, -1], [0, 0.1, -1]]))
    np.testing.assert_allclose(centre, [320, 240])
    np.testing.assert_allclose(right, [384, 240])
    np.testing.assert_allclose(up, [320, 176])


def test_field_of_view() -> None:
    camera = Camera.from_fov(100, 200, 90)
    np.testing.assert_allclose(camera.project(np.array([0, 1, -1])), [50, 0], atol=1e-4)


@given(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3), st.floats(-3, -0.2))
def test_gl_projection_agrees_with_project(x: float, y: float, z: float) -> None:
    camera = Camera(640, 480, 500)
    clip = camera.gl_projection() @ np.array([x, y, z, 1])
    ndc = clip[:3] / clip[3]
    pixel = [(ndc[0] + 1) / 2 * 640, (1 - ndc[1]) / 2 * 480]
    np.testing.assert_allclose(camera.project(np.array([x, y, z])), pixel, atol=0.02)
    assert -1 < ndc[2] < 1


def test_matrix_agrees_with_project() -> None:
    camera, point = Camera(640, 480, 500), np.array([0.1, 0.05, -0.8])
    u = camera.matrix @ (point * [1, -1, -1])
    np.testing.assert_allclose(camera.project(point), u[:2] / u[2], rtol=1e-5)


@given(angle, angle, angle)
def test_rotation_forms_round_trip(yaw: float, pitch: float, roll: float) -> None:
    rotation = rotations.from_euler(yaw, pitch, roll)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-5)
    np.testing.assert_allclose(rotations.to_euler(rotation), (yaw, pitch, roll), atol=2e-3)
    np.testing.assert_allclose(rotations.from_quaternion(rotations.to_quaternion(rotation)), rotation, atol=1e-5)
    np.testing.assert_allclose(rotations.from_6d(rotations.to_6d(rotation)), rotation, atol=1e-5)


def test_quaternion_of_half_turns() -> None:
    for axis in np.eye(3):
        rotation = rotations.from_vector(np.pi * axis)
        np.testing.assert_allclose(rotations.from_quaternion(rotations.to_quaternion(rotation)), rotation, atol=1e-5)


def test_which_way_a_face_turns() -> None:
    nose = np.array([0, 0, 1])
    assert (rotations.from_euler(0.5, 0, 0) @ nose)[0] > 0.4  # yaw: to the image's right
    assert (rotations.from_euler(0, 0.5, 0) @ nose)[1] < -0.4  # pitch: down
    crown = np.array([0, 1, 0])
    assert (rotations.from_euler(0, 0, 0.5) @ crown)[0] < -0.4  # roll: counter-clockwise in the image


def test_angle_between() -> None:
    a = rotations.from_euler(0.1, 0.2, 0.3)
    b = a @ rotations.from_vector(np.array([0, 0.25, 0]))
    np.testing.assert_allclose(rotations.angle_between(a, b), 0.25, atol=1e-3)
