"""Files around the model: GLB shells as exporters write them, data in the JSON, .gltf files that hold everything."""

from __future__ import annotations

import json
import struct
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from avatar_buffers import as_uri, several
from avatar_support import pack, png, tiny

from face3d_live.avatar.gltf import container
from face3d_live.avatar.load import load_avatar
from face3d_live.errors import InputError

JSON, BIN = 0x4E4F534A, 0x004E4942


def shell(*chunks: tuple[int, bytes], length: int | None = None, after: bytes = b"") -> bytes:
    """A GLB of chunks exactly as they are given. length: what the header announces, by default the truth."""
    body = b"".join(struct.pack("<II", len(data), kind) + data for kind, data in chunks)
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body) if length is None else length) + body + after


def parts(padding: bytes = b" ", to: int = 4) -> tuple[tuple[int, bytes], tuple[int, bytes]]:
    """The tiny model's two chunks."""
    document, binary = tiny()
    text = json.dumps(document).encode()
    return (JSON, text + padding * (-len(text) % to)), (BIN, binary)


def same(data: bytes) -> bool:
    """Whether it loads as the tiny model does."""
    plain, made = load_avatar(pack(*tiny())), load_avatar(data)
    return bool(
        made.report.found == plain.report.found
        and np.array_equal(made.parts[0].positions, plain.parts[0].positions)
        and np.array_equal(made.parts[0].morphs, plain.parts[0].morphs)
        and np.array_equal(made.images[0].rgba, plain.images[0].rgba)
    )


def refused(data: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        load_avatar(data)
    return caught.value


# --- the shell ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", [b" ", b"\0", b"\n", b"\t", b"\r"])
def test_json_may_be_padded_with_anything(padding: bytes) -> None:
    assert same(shell(*parts(padding, to=64)))


def test_a_byte_order_mark_before_the_json() -> None:
    (_, text), binary = parts()
    assert same(shell((JSON, b"\xef\xbb\xbf" + text + b" "), binary))


@pytest.mark.parametrize("after", [b"\0", b"\0" * 16, b"\xff" * 7, b"PK\x03\x04" + bytes(300), pack(*tiny())])
def test_bytes_after_the_end_are_nobodys(after: bytes) -> None:
    assert same(shell(*parts(), after=after))


@pytest.mark.parametrize("off", [-10_000, -40, -3, 1, 3, 400, 2**31])
def test_a_length_in_the_header_that_is_wrong(off: int) -> None:
    whole = shell(*parts())
    for after in (b"", b"\xff" * 40):
        assert same(shell(*parts(), length=max(len(whole) + off, 0), after=after))


def test_chunks_that_nobody_knows_are_skipped() -> None:
    text, binary = parts()
    other = (0x41424344, b"anything")
    for chunks in ((text, binary, other), (text, other, binary), (other, text, binary)):
        assert same(shell(*chunks))


def test_a_binary_chunk_longer_than_its_buffer() -> None:
    text, (_, binary) = parts()
    assert same(shell(text, (BIN, binary + b"\0" * 3))) and same(shell(text, (BIN, binary + b"\xff" * 400)))


@pytest.mark.parametrize("padded", [False, True])
def test_a_json_chunk_that_is_not_a_multiple_of_four(padded: bool) -> None:
    """Its length leaves the padding out; or there is none at all."""
    document, binary = tiny()
    text = json.dumps(document).encode()
    text += b" " * (5 - len(text) % 4)  # one more than a multiple
    padding = b" " * (-len(text) % 4) if padded else b""
    chunks = struct.pack("<II", len(text), JSON) + text + padding + struct.pack("<II", len(binary), BIN) + binary
    assert same(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)


def test_the_last_paddings_may_be_missing() -> None:
    document, binary = tiny()
    document["buffers"][0]["byteLength"] = len(binary)
    text = parts()[0]
    cut = shell(text, (BIN, binary + b"\0\0\0\0"))
    assert same(cut[:-3]), "what is lacking is no data"
    assert refused(cut[:-30]).code == "avatar-truncated"
    assert refused(shell(text)).code == "avatar-truncated", "no binary chunk at all"


# --- data URIs ------------------------------------------------------------------------------------------------------


def embedded(buffer: str | None = None, image: str | None = None) -> bytes:
    """The tiny model with its buffer or its image as a URI."""
    document, binary = tiny()
    if buffer is not None:
        document["buffers"][0]["uri"] = buffer
    if image is not None:
        document["images"] = [{"uri": image}]
    return pack(document, b"" if buffer is not None else binary)


@pytest.mark.parametrize(
    "media", ["application/octet-stream", "application/gltf-buffer", "", "text/plain;charset=US-ASCII", "x/y;a=b; c=d"]
)
def test_a_buffer_inside_the_json(media: str) -> None:
    assert same(embedded(as_uri(tiny()[1], media)))


@pytest.mark.parametrize("media", ["image/png", "image/jpeg", "IMAGE/PNG", ""])
def test_an_image_inside_the_json(media: str) -> None:
    assert same(embedded(image=as_uri(png(), media))), "its bytes say what it is"


def test_spellings_of_a_data_uri() -> None:
    binary = tiny()[1]
    plain = as_uri(binary)
    body = plain.split(",")[1]
    assert same(embedded("data:application/octet-stream," + quote(binary))), "percent-encoded, no base64"
    assert same(embedded(plain.replace("data:", "DATA:").replace("base64", "BASE64")))
    assert same(embedded("data:;base64," + quote(body, safe="")))
    assert same(embedded("data:;base64," + body.rstrip("="))), "without its padding"
    assert same(embedded("data:;base64," + "\n".join(body[i : i + 76] for i in range(0, len(body), 76)) + "\n"))


@pytest.mark.parametrize("uri", ["data:;base64,@@@@", "data:;base64,QUJDR", "data:;base64,QUJD-_==", "data:"])
def test_damaged_base64_is_said(uri: str) -> None:
    for data in (embedded(uri), embedded(image=uri)):
        error = refused(data)
        assert error.code == "avatar-broken" and ("data URI" in error.message or "base64" in error.message)


@pytest.mark.parametrize("uri", ["face.bin", "http://example.org/face.bin", "file:///etc/passwd", "../a.bin", "", 7])
def test_what_lies_elsewhere_is_refused(uri: Any) -> None:
    for data in (embedded(uri), embedded(image=uri)):
        error = refused(data)
        assert error.code == "avatar-external" and "one .glb file" in error.message


def test_a_data_uri_that_is_too_short_for_its_buffer() -> None:
    assert refused(embedded(as_uri(tiny()[1][:-8]))).code == "avatar-truncated"


def test_several_buffers() -> None:
    assert same(pack(*several(second_uri=True)))
    assert refused(pack(*several(second_uri=False))).code == "avatar-broken"


# --- .gltf ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n  "])
def test_a_gltf_file_that_holds_everything(before: bytes) -> None:
    document, binary = tiny()
    document["buffers"][0]["uri"] = as_uri(binary)
    assert same(before + json.dumps(document, indent=1).encode() + b"\n")


def test_a_gltf_file_of_several_files_is_refused() -> None:
    document, _ = tiny()
    document["buffers"][0]["uri"] = "face.bin"
    assert refused(json.dumps(document).encode()).code == "avatar-external"
    assert refused(b'{"name": "package.json", "version": "2.0"}').code == "avatar-not-glb"
    assert refused(b'{"asset": {"version": "1.0"}}').code == "avatar-not-glb"


def test_embedded_data_do_not_count_as_scene(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large texture in the JSON is no large scene; a large scene is still refused."""
    data = embedded(as_uri(tiny()[1] + bytes(20_000)))
    monkeypatch.setattr(container, "MAX_JSON_BYTES", 10_000)
    assert same(data)
    document, binary = tiny()
    document["extras"] = "x" * 20_000
    assert refused(pack(document, binary)).code == "avatar-too-large"
