"""The requests about outputs and mappings. docs/api.md describes them for users."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from face3d_live.codes import ARKIT
from face3d_live.errors import InputError
from face3d_live.live.http.requests import PRIVATE, live_of, object_of
from face3d_live.live.outputs.address import KINDS
from face3d_live.live.outputs.manager import Outputs
from face3d_live.mapping import presets
from face3d_live.mapping.profile import HEAD, LINKS, MAX_BYTES, Profile

router = APIRouter()


def _outputs(request: Request) -> Outputs:
    return live_of(request).outputs


# --- outputs ----------------------------------------------------------------------------------------------------------


@router.get("/api/outputs")
async def outputs(request: Request) -> JSONResponse:
    """All outputs, and the kinds there are."""
    kinds = {kind: {"title": k.title, "port": k.port, "names": k.names, "rate": k.rate} for kind, k in KINDS.items()}
    found = [output.to_json() for output in _outputs(request)]
    return JSONResponse({"outputs": found, "kinds": kinds}, headers=PRIVATE)


@router.post("/api/outputs")
async def add_output(request: Request) -> JSONResponse:
    """Make one from {"url", "enabled"?, "profile"?}."""
    plain = await object_of(request, MAX_BYTES)
    url, enabled = plain.get("url"), plain.get("enabled", True)
    if not isinstance(url, str) or not isinstance(enabled, bool) or not plain.keys() <= {"url", "enabled", "profile"}:
        raise InputError("bad-request", 'send {"url": "vmc://127.0.0.1:39539"}, perhaps with "enabled" and "profile"')
    profile = Profile.from_plain(plain["profile"], "profile") if "profile" in plain else None
    found = _outputs(request)
    output = found.add(url, profile, enabled)
    found.keep(output)
    return JSONResponse(output.to_json(), 201, {"Location": f"/api/outputs/{output.id}", **PRIVATE})


@router.get("/api/outputs/{output_id}")
async def output_state(request: Request, output_id: str) -> JSONResponse:
    """One output, with the values that it sent last."""
    output = _outputs(request).get(output_id)
    return JSONResponse(output.to_json() | {"values": output.values()}, headers=PRIVATE)


@router.patch("/api/outputs/{output_id}")
async def change_output(request: Request, output_id: str) -> JSONResponse:
    """Change rate, names, mapping, profile or enabled; from the next frame on."""
    found = _outputs(request)
    output = found.get(output_id)
    await found.change(output, await object_of(request, MAX_BYTES))
    return JSONResponse(output.to_json(), headers=PRIVATE)


@router.delete("/api/outputs/{output_id}")
async def remove_output(request: Request, output_id: str) -> Response:
    """End it."""
    found = _outputs(request)
    await found.remove(found.get(output_id))
    return Response(status_code=204)


# --- mappings ---------------------------------------------------------------------------------------------------------


@router.get("/api/mappings")
async def mappings(request: Request) -> JSONResponse:
    """The saved ones, the presets with their outputs, and what a profile may name."""
    offered = {
        name: {"title": p.title, "outputs": list(p.outputs)} for name in presets.names() if (p := presets.load(name))
    }
    plain = {"saved": _outputs(request).store.names(), "presets": offered, "channels": [*ARKIT, *HEAD], "links": LINKS}
    return JSONResponse(plain, headers=PRIVATE)


@router.get("/api/mappings/{name}")
async def mapping(request: Request, name: str) -> JSONResponse:
    """A saved one's content."""
    return JSONResponse(_outputs(request).store.load(name).to_plain(), headers=PRIVATE)


@router.put("/api/mappings/{name}")
async def save_mapping(request: Request, name: str) -> JSONResponse:
    """Save a profile under a name, over an older one of that name."""
    profile = Profile.from_plain(await object_of(request, MAX_BYTES), "profile")
    presets.check_channels(profile)
    _outputs(request).store.save(name, profile)
    return JSONResponse(profile.to_plain(), headers=PRIVATE)


@router.delete("/api/mappings/{name}")
async def delete_mapping(request: Request, name: str) -> Response:
    """Forget a saved one; outputs that use it keep what they have."""
    _outputs(request).store.delete(name)
    return Response(status_code=204)
