"""VTube Studio's plugin API as a state machine: messages out and in, as JSON text over its WebSocket on port 8001.

https://github.com/DenchiSoft/VTubeStudio. A plugin asks once for a token, which the user grants in a window, and shows
it at every connection. Then it creates the parameters that VTube Studio has not got by itself, and injects values at
least once a second, or VTube Studio takes them back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from face3d_live import strict_json

PORT = 8001
API_NAME, API_VERSION = "VTubeStudioPublicAPI", "1.0"
PLUGIN, DEVELOPER = "Face3D Live", "Face3D Live project"
#: How many parameters a plugin may create.
MAX_CREATED = 100
#: The least time between injections that keeps the parameters, seconds.
KEEP_SECONDS = 1.0
#: Backpressure: the most frames without an answer, so that a busy VTube Studio gets newer frames, not more of them.
MAX_UNANSWERED = 3
#: What VTube Studio has by itself and injections may set.
DEFAULTS = frozenset(
    """
    FaceAngleX FaceAngleY FaceAngleZ FacePositionX FacePositionY FacePositionZ FaceAngry MouthOpen MouthSmile MouthX
    TongueOut CheekPuff Brows BrowLeftY BrowRightY EyeOpenLeft EyeOpenRight EyeLeftX EyeLeftY EyeRightX EyeRightY
    MousePositionX MousePositionY VoiceVolume VoiceFrequency VoiceVolumePlusMouthOpen VoiceFrequencyPlusMouthSmile
    """.split()  # noqa: SIM905 (one name a line would be a page)
)

State = Literal["asking", "authenticating", "creating", "ready", "denied"]

_NAME = re.compile(r"[A-Za-z0-9]{4,32}")
_NEEDS_AUTHENTICATION = 8
_LIMIT = 1_000_000.0


class Plugin:
    """One connection. names: of the parameters; token: from an earlier connection, None to ask the user for one.

    state: "asking" while the user has to click, "ready" when values may be injected, "denied" when the user said no.
    token: to be saved as soon as it is set. last_error: the last error message of VTube Studio.
    Raises ValueError for names that VTube Studio does not take.
    """

    def __init__(self, names: Sequence[str], token: str | None = None) -> None:
        for name in names:
            if not _NAME.fullmatch(name):
                raise ValueError(f"VTube Studio takes no parameter called {name[:40]!r}: 4 to 32 letters and digits")
        self._to_create = [name for name in names if name not in DEFAULTS]
        if len(self._to_create) > MAX_CREATED:
            raise ValueError(f"VTube Studio lets a plugin create {MAX_CREATED} parameters: drop some")
        self.state: State = "asking" if token is None else "authenticating"
        self.token = token
        self.last_error: str | None = None
        self._names = tuple(names)
        self._refused: set[str] = set()
        self._creating: dict[str, str] = {}
        self._unanswered: set[str] = set()
        self._number = 0
        self._asked = False

    def begin(self) -> list[str]:
        """The first messages to send."""
        return self._ask() if self.token is None else self._authenticate()

    def receive(self, text: str | bytes) -> list[str]:
        """Handle a message; returns the messages to answer with.

        Raises ValueError for one that is not VTube Studio's.
        """
        try:
            message = strict_json.loads(text, repair=True)
            kind, about, data = message["messageType"], message.get("requestID", ""), message.get("data", {})
            if not (isinstance(kind, str) and isinstance(about, str) and isinstance(data, dict)):
                raise TypeError("fields of the wrong kind")
            if kind == "APIError":
                return self._on_error(about, int(data.get("errorID", -1)), str(data.get("message", ""))[:200])
            answers: dict[str, Callable[[str, dict[str, object]], list[str]]] = {
                "AuthenticationTokenResponse": self._on_token,
                "AuthenticationResponse": self._on_authenticated,
                "ParameterCreationResponse": self._on_created,
                "InjectParameterDataResponse": self._on_injected,
            }
            return answers[kind](about, data) if kind in answers else []
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"not a message of VTube Studio: {error!r}") from error

    def inject(self, values: Iterable[float], face: bool) -> str | None:
        """The message for a value of each name; None while VTube Studio is not ready for one."""
        if self.state != "ready" or len(self._unanswered) >= MAX_UNANSWERED:
            return None
        pairs = zip(self._names, values, strict=True)
        parameters = [
            {"id": name, "value": round(max(-_LIMIT, min(_LIMIT, value)), 5)}
            for name, value in pairs
            if name not in self._refused
        ]
        text = self._request("InjectParameterDataRequest", faceFound=face, mode="set", parameterValues=parameters)
        self._unanswered.add(self._id)
        return text

    # --- answers ---------------------------------------------------------------------------------------------------

    def _on_token(self, _about: str, data: dict[str, object]) -> list[str]:
        token = data["authenticationToken"]
        if not isinstance(token, str) or self.state != "asking":
            return []
        self.token = token
        return self._authenticate()

    def _on_authenticated(self, _about: str, data: dict[str, object]) -> list[str]:
        if self.state != "authenticating":
            return []
        if data["authenticated"] is not True:
            # The user took the permission back, or this is another VTube Studio: ask again, once.
            self.token = None
            if self._asked:
                self.state, self.last_error = "denied", str(data.get("reason", ""))[:200]
                return []
            return self._ask()
        self.last_error = None
        self.state = "creating"
        requests = []
        for name in self._to_create:
            requests.append(self._create(name))
            self._creating[self._id] = name
        self._check_ready()
        return requests

    def _on_created(self, about: str, _data: dict[str, object]) -> list[str]:
        self._creating.pop(about, None)
        self._check_ready()
        return []

    def _on_injected(self, about: str, _data: dict[str, object]) -> list[str]:
        self._unanswered.discard(about)
        return []

    def _on_error(self, about: str, number: int, message: str) -> list[str]:
        self.last_error = message or f"error {number}"
        self._unanswered.discard(about)
        if about in self._creating:
            self._refused.add(self._creating.pop(about))
            self._check_ready()
        elif self.state == "asking":
            self.state = "denied"
        elif number == _NEEDS_AUTHENTICATION and self.state == "ready" and self.token is not None:
            self._unanswered.clear()
            return self._authenticate()
        return []

    # --- requests --------------------------------------------------------------------------------------------------

    def _check_ready(self) -> None:
        if self.state == "creating" and not self._creating:
            self.state = "ready"

    def _ask(self) -> list[str]:
        self.state, self._asked = "asking", True
        return [self._request("AuthenticationTokenRequest", pluginName=PLUGIN, pluginDeveloper=DEVELOPER)]

    def _authenticate(self) -> list[str]:
        self.state = "authenticating"
        who = {"pluginName": PLUGIN, "pluginDeveloper": DEVELOPER, "authenticationToken": self.token}
        return [self._request("AuthenticationRequest", **who)]

    def _create(self, name: str) -> str:
        what = {"parameterName": name, "explanation": "From Face3D Live", "min": 0, "max": 1, "defaultValue": 0}
        return self._request("ParameterCreationRequest", **what)

    @property
    def _id(self) -> str:
        return f"face3d-{self._number}"

    def _request(self, kind: str, **data: object) -> str:
        self._number += 1
        head = {"apiName": API_NAME, "apiVersion": API_VERSION, "requestID": self._id, "messageType": kind}
        return json.dumps({**head, "data": data}, separators=(",", ":"), allow_nan=False)
