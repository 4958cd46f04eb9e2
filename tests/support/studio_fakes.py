"""The studio's tasks without models. The processes that run them import this module, so that it has to be light."""

import io
import json
import os
import zipfile

from waiting import take

from face3d_live.errors import AssetError, InputError
from face3d_live.export.bundle import zip_bytes

known = {}


def faces(report, photo):
    if photo.endswith(b"slow"):
        take(0.5)
    if not photo.startswith(b"\x89PNG"):
        raise InputError("not-an-image", "this is no picture")
    face = {"number": 1, "box": [0, 0, 1, 1], "score": 0.9}
    return json.dumps({"width": 4, "height": 3, "faces": [face], "detections": [{"score": 0.9}]}).encode()


def render(report, key, view, files):
    if view.zoom == 5:
        os._exit(5)
    if files is not None:
        known[key] = files
    if key not in known:
        raise AssetError("not-loaded", "send it")
    take(0.05 if view.fine else 0)
    return f"{view.mode} {view.yaw} {known[key][0].decode()} {len(known)}".encode()


def unload(report, key):
    known.pop(key, None)
    return b""


def nothing(report):
    return b""


def make(report, photo, face=0, mesh="medium", texture=1024, sharpen=False, refine=True, detections=None):
    for stage in ("face", "geometry", "texture"):
        report(stage, 0.3)
        take(0.04)
    if photo.endswith(b"slow"):
        take(1)
    wanted = f"{face} {mesh} {texture}{' sharp' * sharpen}{' plain' * (not refine)}"
    wanted = (wanted + (f", {len(detections)} found before" if detections is not None else "")).encode()
    return zip_bytes({"params.npz": wanted, "texture.png": b"png", "mesh.obj": b"v 0 0 0"})


def vrm(report, made, meta):
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        return b" ".join([archive.read("params.npz"), json.dumps(meta.to_json()).encode()])


def edit(report, made, edit):
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    if edit.light == 2:
        raise AssetError("task-failed", "as asked for")
    wanted = f" {edit.hair} {edit.expression.get('jawOpen')} {edit.pose}".encode()
    return zip_bytes({**files, "params.npz": files["params.npz"] + wanted})


def snapshot(report, rgb, codes):
    return zip_bytes({"params.npz": b"snap"})
