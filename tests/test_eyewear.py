"""Styles of glasses by name, and what may be wished for."""

import re

import pytest

from face3d_live import styling
from face3d_live.eyewear import AS_SEEN, NO_GLASSES, STYLES, Glasses, frame_colour, lens_tint
from face3d_live.hairstyle import Hair
from face3d_live.paths import WEB_CLIENT
from face3d_live.styling import Styling


def test_the_page_knows_the_same_styles() -> None:
    script = (WEB_CLIENT / "js" / "styling.js").read_text("utf-8")
    assert tuple(re.findall(r'"glasses\.([a-z_]+)",', script.split("CALLED", 1)[1].split("});", 1)[0])) == STYLES


@pytest.mark.parametrize(
    ("message", "glasses"),
    [
        ({}, AS_SEEN),
        ({"glasses": None, "glasses_colour": None}, AS_SEEN),
        ({"glasses": "round"}, Glasses("round")),
        ({"glasses": "none", "glasses_colour": "#12aBff"}, Glasses("none", "#12aBff")),
    ],
)
def test_messages_are_read(message, glasses):
    assert Glasses.from_message(message) == glasses


@pytest.mark.parametrize(
    "message", [{"glasses": "monocle"}, {"glasses": 3}, {"glasses": ["round"]}, {"glasses_colour": "red"}]
)
def test_other_messages_are_refused(message):
    with pytest.raises(ValueError, match="glasses"):
        Glasses.from_message(message)


def test_a_wish_goes_over_what_was_seen() -> None:
    seen = Glasses("oval", "#202020")
    assert AS_SEEN.over(seen) == seen and not AS_SEEN and seen and seen.drawn
    assert Glasses("round").over(seen) == Glasses("round", "#202020")
    assert not Glasses("none").over(seen).drawn and not NO_GLASSES.drawn and not AS_SEEN.drawn
    wish = Styling(Hair("bob"))
    assert wish.over_glasses(seen) == Styling(Hair("bob"), seen) and wish and not styling.AS_SEEN


def test_a_frame_has_its_own_colour_or_that_of_its_kind() -> None:
    assert frame_colour(Glasses("square", "#ff0000")) == (1.0, 0.0, 0.0)
    assert max(frame_colour(Glasses("square"))) < 0.2 < min(frame_colour(Glasses("aviator")))
    assert lens_tint(Glasses("sunglasses")) > 0.5 > lens_tint(Glasses("round"))
