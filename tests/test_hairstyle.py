"""Hair styles by name, and what may be wished for."""

import re

import pytest

from face3d_live.hairstyle import AS_SEEN, STYLES, Hair
from face3d_live.head.hairline import ALPHA_OF
from face3d_live.paths import WEB_CLIENT


def test_the_page_knows_the_same_styles() -> None:
    script = (WEB_CLIENT / "js" / "styling.js").read_text("utf-8")
    assert tuple(re.findall(r'"hair\.([a-z_]+)",', script.split("CALLED", 1)[1].split("]", 1)[0])) == STYLES


def test_every_style_has_an_alpha_of_its_own() -> None:
    assert set(ALPHA_OF) == set(STYLES) and len(set(ALPHA_OF.values())) == len(STYLES)
    assert all(235 < alpha < 254 for alpha in ALPHA_OF.values()), "shown as opaque, and neither observed nor completed"


@pytest.mark.parametrize(
    ("message", "hair"),
    [
        ({}, AS_SEEN),
        ({"hair": "#12aBff"}, Hair(None, "#12aBff")),
        ({"hair": "none"}, Hair("bald")),
        ({"hair": "#000000", "hair_style": "bob"}, Hair("bob", "#000000")),
        ({"hair": "none", "hair_style": "bob"}, Hair("bob")),
    ],
)
def test_messages_are_read(message, hair):
    assert Hair.from_message(message) == hair


@pytest.mark.parametrize(
    "message", [{"hair": "red"}, {"hair": 3}, {"hair_style": "mullet"}, {"hair_style": ["bob"]}, {"hair": "#12345"}]
)
def test_other_messages_are_refused(message):
    with pytest.raises(ValueError, match="hair"):
        Hair.from_message(message)


def test_a_wish_goes_over_what_was_seen() -> None:
    seen = Hair("long", "#202020")
    assert AS_SEEN.over(seen) == seen and not AS_SEEN and seen
    assert Hair("bob").over(seen) == Hair("bob", "#202020")
    assert Hair(None, "#ffffff").over(seen) == Hair("long", "#ffffff")
    assert Hair("bald").over(seen) == Hair("bald")
    assert Hair(None, "#ffffff").over(Hair("bald")) == Hair("short", "#ffffff")
