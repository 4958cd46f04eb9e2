"""The VTube Studio plugin's state machine, against a VTube Studio that enforces its documentation."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vts_mock import Connection, VTubeStudio

from face3d_live.protocols.vtube_studio import MAX_UNANSWERED, Plugin


def talk(plugin: Plugin, studio: VTubeStudio) -> Connection:
    """Until nobody has anything to say."""
    connection = Connection(studio)
    say(plugin, connection, plugin.begin())
    return connection


def say(plugin, connection, messages):
    while messages:
        messages = [reply for message in messages for reply in plugin.receive(connection.answer(message))]


def test_asks_once_creates_what_is_missing_and_injects():
    studio = VTubeStudio()
    plugin = Plugin(["FaceAngleX", "JawOpen", "EyeOpenLeft"])
    assert plugin.state == "asking" and plugin.inject([1, 2, 3], True) is None
    connection = talk(plugin, studio)
    assert plugin.state == "ready" and plugin.token == "token-0"
    assert studio.created == {"JawOpen"} and studio.errors == []
    say(plugin, connection, [plugin.inject([12.5, 0.4, 1.0], True)])
    assert studio.values == {"FaceAngleX": 12.5, "JawOpen": 0.4, "EyeOpenLeft": 1.0} and studio.face is True
    again = Plugin(["FaceAngleX"], plugin.token)
    talk(again, studio)
    assert again.state == "ready" and studio.requests.count("AuthenticationTokenRequest") == 1


def test_the_words_are_the_documented_ones():
    (text,) = Plugin(["FaceAngleX"]).begin()
    assert json.loads(text) == {
        "apiName": "VTubeStudioPublicAPI",
        "apiVersion": "1.0",
        "requestID": "face3d-1",
        "messageType": "AuthenticationTokenRequest",
        "data": {"pluginName": "Face3D Live", "pluginDeveloper": "Face3D Live project"},
    }
    plugin, studio = Plugin(["FaceAngleX"]), VTubeStudio()
    talk(plugin, studio)
    assert json.loads(plugin.inject([12.31], False))["data"] == {
        "faceFound": False,
        "mode": "set",
        "parameterValues": [{"id": "FaceAngleX", "value": 12.31}],
    }


def test_a_token_that_is_no_longer_good_is_asked_for_again():
    studio = VTubeStudio()
    plugin = Plugin(["FaceAngleX"], "stale")
    talk(plugin, studio)
    assert plugin.state == "ready" and plugin.token == "token-0"


def test_a_user_who_says_no_is_not_asked_again():
    studio = VTubeStudio()
    studio.allows = False
    plugin = Plugin(["FaceAngleX"])
    talk(plugin, studio)
    assert plugin.state == "denied" and plugin.token is None and "denied" in plugin.last_error
    assert studio.requests == ["AuthenticationTokenRequest"] and plugin.inject([1], True) is None


def test_a_parameter_of_another_plugin_is_left_out():
    studio = VTubeStudio()
    studio.taken = {"JawOpen"}
    plugin = Plugin(["MouthOpen", "JawOpen"])
    connection = talk(plugin, studio)
    say(plugin, connection, [plugin.inject([0.5, 0.6], True)])
    assert studio.values == {"MouthOpen": 0.5} and "another plugin" in plugin.last_error


def test_a_busy_studio_gets_newer_frames_not_more():
    studio = VTubeStudio()
    plugin = Plugin(["MouthOpen"])
    connection = talk(plugin, studio)
    sent = [plugin.inject([i / 10], True) for i in range(6)]
    assert [text is not None for text in sent] == [True] * MAX_UNANSWERED + [False] * (6 - MAX_UNANSWERED)
    say(plugin, connection, sent[:1])
    assert plugin.inject([0.9], True) is not None


def test_names_that_vtube_studio_does_not_take():
    for names in (["abc"], ["mouth open"], ["x" * 33], [f"Param{i}" for i in range(101)]):
        with pytest.raises(ValueError, match="VTube Studio"):
            Plugin(names)


@given(st.lists(st.floats(allow_nan=False), min_size=3, max_size=3), st.booleans())
@settings(max_examples=80, deadline=None)
def test_any_values_are_accepted(values, face):
    studio = VTubeStudio()
    plugin = Plugin(["FaceAngleX", "JawOpen", "MouthX"])
    connection = talk(plugin, studio)
    say(plugin, connection, [plugin.inject(values, face)])
    assert studio.errors == [] and studio.face is face and len(studio.values) == 3


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(
    st.sampled_from(
        ["APIError", "AuthenticationTokenResponse", "AuthenticationResponse", "InjectParameterDataResponse"]
    ),
    _JSON,
    st.sampled_from(["face3d-1", "", "x"]),
)
@settings(max_examples=120, deadline=None)
def test_any_answer_is_taken_or_refused(kind, data, about):
    plugin = Plugin(["MouthOpen", "JawOpen"])
    plugin.begin()
    for text in (json.dumps({"messageType": kind, "requestID": about, "data": data}), json.dumps(data), str(data)):
        try:
            plugin.receive(text)
        except ValueError:
            continue
