"""The requests about outputs and mappings. docs/api.md describes them for users."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from face3d_live.codes import ARKIT
from face3d_live.errors import InputError
from face3d_live.live.http.requests import NO_STORE, live_of, object_of, path_of
from face3d_live.live.outputs.address import KINDS
from face3d_live.live.outputs.manager import OutputManager
from face3d_live.mapping import presets
from face3d_live.mapping.profile import HEAD, LINKS, MAX_BYTES, Profile


def _outputs(request: Request) -> OutputManager:
    return live_of(request).outputs


# --- outputs ----------------------------------------------------------------------------------------------------------


async def outputs(request: Request) -> JSONResponse:
    """All outputs, and the kinds there are."""
    kinds = {kind: {"title": k.title, "port": k.port, "names": k.names, "rate": k.rate} for kind, k in KINDS.items()}
    found = [output.to_json() for output in _outputs(request)]
    return JSONResponse({"outputs": found, "kinds": kinds}, headers=NO_STORE)


async def add_output(request: Request) -> JSONResponse:
    """Add an output from {"url", "enabled"?, "profile"?}."""
    plain = await object_of(request, MAX_BYTES)
    url, enabled = plain.get("url"), plain.get("enabled", True)
    if not isinstance(url, str) or not isinstance(enabled, bool) or not plain.keys() <= {"url", "enabled", "profile"}:
        raise InputError("bad-request", 'send {"url": "vmc://127.0.0.1:39539"}, perhaps with "enabled" and "profile"')
    profile = Profile.from_plain(plain["profile"], "profile") if "profile" in plain else None
    manager = _outputs(request)
    output = manager.add(url, profile, enabled)
    manager.persist(output)
    return JSONResponse(output.to_json(), 201, {"Location": f"/api/outputs/{output.id}", **NO_STORE})


async def output_state(request: Request) -> JSONResponse:
    """One output, with the values that it sent last."""
    output = _outputs(request).get(path_of(request, "output_id"))
    return JSONResponse(output.to_json() | {"values": output.values()}, headers=NO_STORE)


async def change_output(request: Request) -> JSONResponse:
    """Change rate, names, mapping, profile or enabled, from the next frame on."""
    manager = _outputs(request)
    output = manager.get(path_of(request, "output_id"))
    await manager.change(output, await object_of(request, MAX_BYTES))
    return JSONResponse(output.to_json(), headers=NO_STORE)


async def remove_output(request: Request) -> Response:
    """Stop and remove it."""
    manager = _outputs(request)
    await manager.remove(manager.get(path_of(request, "output_id")))
    return Response(status_code=204)


# --- mappings ---------------------------------------------------------------------------------------------------------


async def mappings(request: Request) -> JSONResponse:
    """The saved profiles, the presets with their outputs, and what a profile may name."""
    offered = {
        name: {"title": p.title, "outputs": list(p.outputs)} for name in presets.names() if (p := presets.load(name))
    }
    plain = {
        "saved": _outputs(request).profiles.names(),
        "presets": offered,
        "channels": [*ARKIT, *HEAD],
        "links": LINKS,
    }
    return JSONResponse(plain, headers=NO_STORE)


async def mapping(request: Request) -> JSONResponse:
    """A saved profile."""
    return JSONResponse(_outputs(request).profiles.load(path_of(request, "name")).to_plain(), headers=NO_STORE)


async def save_mapping(request: Request) -> JSONResponse:
    """Save a profile under a name, over an older one of that name."""
    profile = Profile.from_plain(await object_of(request, MAX_BYTES), "profile")
    presets.check_channels(profile)
    _outputs(request).profiles.save(path_of(request, "name"), profile)
    return JSONResponse(profile.to_plain(), headers=NO_STORE)


async def delete_mapping(request: Request) -> Response:
    """Delete a saved profile. Outputs that use it keep their copy."""
    _outputs(request).profiles.delete(path_of(request, "name"))
    return Response(status_code=204)


ROUTES: tuple[BaseRoute, ...] = (
    Route("/api/outputs", outputs, methods=["GET"]),
    Route("/api/outputs", add_output, methods=["POST"]),
    Route("/api/outputs/{output_id}", output_state, methods=["GET"]),
    Route("/api/outputs/{output_id}", change_output, methods=["PATCH"]),
    Route("/api/outputs/{output_id}", remove_output, methods=["DELETE"]),
    Route("/api/mappings", mappings, methods=["GET"]),
    Route("/api/mappings/{name}", mapping, methods=["GET"]),
    Route("/api/mappings/{name}", save_mapping, methods=["PUT"]),
    Route("/api/mappings/{name}", delete_mapping, methods=["DELETE"]),
)
