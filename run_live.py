#!/usr/bin/env python3
"""Start the live server: `python run_live.py --help`."""

from __future__ import annotations

import argparse
import sys


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        description="Serve the living head: open the printed address in a browser and start the camera."
    )
    hosts = (
        "address to listen on; 0.0.0.0 for the whole network: use --token then, and a proxy with HTTPS, as browsers "
        "give the camera to no other page (default: %(default)s)"
    )
    p.add_argument("--host", default="127.0.0.1", help=hosts)
    p.add_argument("--port", type=int, default=8080, help="0 picks a free one (default: %(default)s)")
    devices = "what the network runs on; auto takes an NVIDIA GPU when there is one (default: %(default)s)"
    p.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help=devices)
    p.add_argument("--token", help="a secret that the page's address and every request must carry")
    sources = "a video file, looped, or a camera's number: plays into a session without a browser"
    p.add_argument("--source", metavar="FILE_OR_CAMERA", help=sources)
    p.add_argument("--verbose", action="store_true", help="log every session and connection")
    return p


if __name__ == "__main__":
    arguments = parser().parse_args()
    # Here and not above: child processes import this file's top, and --help shall be quick.
    from face3d_live.live.main import run

    sys.exit(run(**vars(arguments)))
