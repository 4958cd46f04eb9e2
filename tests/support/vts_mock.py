"""A VTube Studio that enforces what its documentation says, for the tests: strict about every field, unforgiving."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re

from websockets.asyncio.server import serve

DEFAULTS = {
    *(f"FaceAngle{axis}" for axis in "XYZ"),
    *(f"FacePosition{axis}" for axis in "XYZ"),
    *(f"Eye{side}{axis}" for side in ("Left", "Right") for axis in "XY"),
    *("EyeOpenLeft", "EyeOpenRight", "BrowLeftY", "BrowRightY", "Brows", "FaceAngry"),
    *("MouthOpen", "MouthSmile", "MouthX", "TongueOut", "CheekPuff"),
}
ANSWERS = {
    "AuthenticationTokenRequest": "AuthenticationTokenResponse",
    "AuthenticationRequest": "AuthenticationResponse",
    "ParameterCreationRequest": "ParameterCreationResponse",
    "InjectParameterDataRequest": "InjectParameterDataResponse",
}


class ApiError(Exception):
    """number: as in the documentation's list."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


def need(condition: bool, number: int, message: str) -> None:
    if not condition:
        raise ApiError(number, message)


class Connection:
    """One plugin's connection: `answer` takes a request and gives the response, I/O-free."""

    def __init__(self, studio: VTubeStudio) -> None:
        self.studio, self.authenticated = studio, False

    def answer(self, text: str) -> str:
        request = {}
        try:
            request = json.loads(text)
            need(request.get("apiName") == "VTubeStudioPublicAPI", 3, "wrong apiName")
            need(request.get("apiVersion") == "1.0", 4, "wrong apiVersion")
            about = request.get("requestID", "")
            need(bool(re.fullmatch(r"[A-Za-z0-9-]{1,64}", about)), 5, "wrong requestID")
            kind = request.get("messageType", "")
            need(kind in ANSWERS, 7, f"unknown request {kind}")
            need(set(request) == {"apiName", "apiVersion", "requestID", "messageType", "data"}, 2, "wrong fields")
            self.studio.requests.append(kind)
            data = getattr(self, kind)(**request["data"])
            return self._response(request, ANSWERS[kind], data)
        except ApiError as error:
            self.studio.errors.append(error.number)
            return self._response(request, "APIError", {"errorID": error.number, "message": str(error)})

    def _response(self, request: dict, kind: str, data: dict) -> str:
        head = {"apiName": "VTubeStudioPublicAPI", "apiVersion": "1.0", "timestamp": 1625405710728}
        return json.dumps(head | {"requestID": request.get("requestID", ""), "messageType": kind, "data": data})

    def AuthenticationTokenRequest(self, pluginName, pluginDeveloper, pluginIcon=None):
        need(3 <= len(pluginName) <= 32, 52, "plugin name")
        need(3 <= len(pluginDeveloper) <= 32, 53, "developer name")
        need(self.studio.allows, 50, "User has denied API access for your plugin.")
        self.studio.tokens.add(token := f"token-{len(self.studio.tokens)}")
        return {"authenticationToken": token}

    def AuthenticationRequest(self, pluginName, pluginDeveloper, authenticationToken):
        self.authenticated = authenticationToken in self.studio.tokens
        return {"authenticated": self.authenticated, "reason": "" if self.authenticated else "Token invalid."}

    def ParameterCreationRequest(self, parameterName, explanation, min, max, defaultValue):
        need(self.authenticated, 8, "not authenticated")
        need(bool(re.fullmatch(r"[A-Za-z0-9]{4,32}", parameterName)), 350, "parameter name")
        need(parameterName not in DEFAULTS, 352, f"{parameterName} is a default parameter")
        need(parameterName not in self.studio.taken, 352, f"{parameterName} belongs to another plugin")
        need(len(explanation) < 256 and -1e6 <= min < max <= 1e6 and min <= defaultValue <= max, 351, "values")
        self.studio.created.add(parameterName)
        need(len(self.studio.created) <= 100, 353, "too many")
        return {"parameterName": parameterName}

    def InjectParameterDataRequest(self, faceFound, mode, parameterValues):
        need(self.authenticated, 8, "not authenticated")
        need(isinstance(faceFound, bool) and mode in ("set", "add"), 450, "faceFound or mode")
        need(0 < len(parameterValues) <= 300, 450, "no values")
        for item in parameterValues:
            need(set(item) <= {"id", "value", "weight"}, 450, "fields of a value")
            need(item["id"] in DEFAULTS | self.studio.created, 453, f"no parameter {item['id']}")
            need(isinstance(item["value"], int | float) and abs(item["value"]) <= 1e6, 451, "value")
        self.studio.values = {item["id"]: item["value"] for item in parameterValues}
        self.studio.face = faceFound
        self.studio.injections += 1
        return {}


class VTubeStudio:
    """allows: what its user answers to a plugin that asks. taken: parameters that another plugin has created."""

    def __init__(self) -> None:
        self.allows = True
        self.taken: set[str] = set()
        self.tokens: set[str] = set()
        self.created: set[str] = set()
        self.requests: list[str] = []
        self.errors: list[int] = []
        self.values: dict[str, float] = {}
        self.face: bool | None = None
        self.injections = 0
        self.connections: set = set()

    @contextlib.asynccontextmanager
    async def listen(self, port: int = 0):
        """On the loopback address; yields the port."""

        async def handle(socket):
            self.connections.add(socket)
            connection = Connection(self)
            async for text in socket:
                await socket.send(connection.answer(text))

        async with serve(handle, "127.0.0.1", port) as server:
            yield server.sockets[0].getsockname()[1]
            for socket in self.connections:
                socket.transport.abort()
            await asyncio.sleep(0)
