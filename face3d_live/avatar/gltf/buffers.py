"""Where a file's bytes are: its binary chunk, and what is embedded in its JSON as `data:` URIs.

Sources: glTF 2.0, sections 3.6.1 and 4.4.3; RFC 2397 (data URIs); WHATWG infra, "forgiving-base64 decode".
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from face3d_live.avatar.gltf import fields
from face3d_live.avatar.gltf.fields import Json, broken
from face3d_live.errors import InputError

MAX_BUFFERS = 64
_HEAD = re.compile(r"data:([^,]*),", re.IGNORECASE)
_SPACE = re.compile(rb"[\t\n\f\r ]+")


def read_buffers(root: Json, binary: memoryview) -> list[memoryview]:
    """Every buffer's bytes, of the length declared in the file, padding left out.

    Raises InputError "avatar-external" where data lie in other files, "avatar-truncated", "avatar-broken".
    """
    found = []
    for number, buffer in enumerate(fields.objects(root, "buffers", MAX_BUFFERS)):
        length = fields.integer(buffer, "byteLength", 0)
        if buffer.get("uri") is not None:
            data = memoryview(decode_uri(buffer["uri"], f"buffer {number}"))
        elif number == 0:
            data = binary
        else:
            data = binary[:0]
            length = 0  # what compressed files unpack into; a view of it is refused
        if length > len(data):
            text = f"the file lacks data: {length} bytes are announced, {len(data)} are there; export it again"
            raise InputError("avatar-truncated", text)
        found.append(data[:length])
    return found


def decode_uri(uri: object, what: str) -> bytes:
    """The bytes of a `data:` URI, base64 or percent-encoded, of any media type. The file's size limits them.

    Raises InputError "avatar-external" for any other URI, "avatar-broken" for damaged base64.
    """
    head = _HEAD.match(uri.lstrip()) if isinstance(uri, str) else None
    if not isinstance(uri, str) or head is None:
        if isinstance(uri, str) and uri.lstrip()[:5].lower() == "data:":
            raise broken(f"{what} is a data URI without data")
        text = f"{what} lies outside this file ({str(uri)[:60]}): export the model as one .glb file"
        raise InputError("avatar-external", text)
    body = unquote_to_bytes(uri.lstrip()[head.end() :])
    if head[1].split(";")[-1].strip().lower() != "base64":
        return body
    body = _SPACE.sub(b"", body).rstrip(b"=")
    try:
        return base64.b64decode(body + b"=" * (-len(body) % 4), validate=True)
    except binascii.Error as error:
        raise broken(f"{what} is no valid base64 ({error})") from error
