"""Options of the commands that start a server: where it listens, who may come, its certificate."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Tls(StrEnum):
    """Whose certificate the server has; `--cert` gives another one."""

    off = "off"
    auto = "auto"


class LogFormat(StrEnum):
    """How log lines are written."""

    text = "text"
    json = "json"


Host = Annotated[
    str, typer.Option(help="address to listen on; 0.0.0.0 for the whole network: a token is made then, see --tls, too")
]
Port = Annotated[int, typer.Option(help="0 picks a free one")]
Token = Annotated[
    str | None,
    typer.Option(help="a secret that the page and every request must carry; FACE3D_TOKEN and --token-file do the same"),
]
TokenFile = Annotated[Path | None, typer.Option(help="a file with the token, which is then not printed")]
Insecure = Annotated[bool, typer.Option("--insecure", help="no token, although the network can reach the server")]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="a name under which the server may be called, a proxy's; may be repeated"),
]
AnyTls = Annotated[
    Tls, typer.Option(help="auto makes a certificate for this machine: phones give the camera to https alone")
]
Cert = Annotated[Path | None, typer.Option(help="a certificate of yours (PEM, with its chain), with --key")]
Key = Annotated[Path | None, typer.Option(help="its key (PEM, without a password)")]
FrameAncestors = Annotated[
    list[str] | None,
    typer.Option(metavar="ORIGIN", help="a site that may show /view in a frame, or *; may be repeated"),
]
MediaPorts = Annotated[
    str | None,
    typer.Option(metavar="FIRST-LAST", help="UDP ports for camera and avatar, for a firewall; by default any"),
]
IceServers = Annotated[
    list[str] | None,
    typer.Option(
        "--ice-server",
        metavar="URL",
        help="stun:HOST:PORT or turn:USER:SECRET@HOST:PORT; may be repeated; by default none",
    ),
]
