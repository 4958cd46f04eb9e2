"""The measure of irises."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from face3d_live.head.points import EYE_LEFT, EYE_RIGHT, IRIS_LEFT, IRIS_RIGHT, N_POINTS
from face3d_live.train.evaluate.iris import iris_colour, iris_figures
from face3d_live.train.evaluate.skin import lab

BROWN, BLUE = (96, 62, 40), (110, 140, 165)


def face(colour, radius=8.0, lid=0.7, highlight=True):
    """A picture of two eyes on skin, and its points. lid: how far the eye is open, in radii of the iris."""
    picture, points = np.full((120, 200, 3), (205, 160, 135), np.uint8), np.zeros((N_POINTS, 2), np.float32)
    for x, ring, lids in ((60, IRIS_RIGHT, EYE_RIGHT), (140, IRIS_LEFT, EYE_LEFT)):
        angle = np.linspace(0, 2 * np.pi, len(lids), endpoint=False)
        points[list(lids)] = np.stack([x + 2 * radius * np.cos(angle), 60 + lid * radius * np.sin(angle)], 1)
        points[list(ring)] = (x, 60) + radius * np.array([(0, 0), (1, 0), (0, -1), (-1, 0), (0, 1)])
        eye = np.full_like(picture, (235, 232, 230))
        for size, of in ((radius, colour), (0.35 * radius, (8, 8, 8))):
            cv2.circle(eye, (x, 60), round(size), of, -1)
        if highlight:
            cv2.circle(eye, (x + 3, 57), 2, (255, 255, 255), -1)
        inside = np.zeros(picture.shape[:2], np.uint8)
        cv2.fillPoly(inside, [np.rint(points[list(lids)]).astype(np.int32)], 1)
        picture[inside > 0] = eye[inside > 0]
    return picture, points


@pytest.mark.parametrize("colour", [BROWN, BLUE])
def test_the_iris_is_measured_between_pupil_lids_and_highlight(colour):
    picture, points = face(colour)
    np.testing.assert_allclose(iris_colour(picture, points), lab(np.array(colour) / 255), atol=1.0)


def test_the_difference_is_that_of_the_colours_wherever_the_eyes_are():
    photo, at = face(BROWN)
    same, elsewhere = face(BROWN, radius=6.0, highlight=False)
    other, _ = face(BLUE)
    figures = iris_figures(photo, at, same, elsewhere)
    assert figures.diameter == pytest.approx(16.0) and figures.difference < 1.0
    figures = iris_figures(photo, at, other, at)
    assert figures.difference > 25 and figures.lightness > 25


def test_a_shut_or_tiny_eye_tells_nothing():
    for radius, lid in ((8.0, 0.05), (1.5, 0.7)):
        picture, points = face(BROWN, radius, lid)
        assert iris_colour(picture, points) is None
        assert iris_figures(picture, points, *face(BROWN)) is None
