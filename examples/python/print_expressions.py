#!/usr/bin/env python3
"""Print what the face is doing, as it does it. Needs nothing but `pip install websockets`.

python examples/python/print_expressions.py [ws://127.0.0.1:8080/api/expressions]
"""

import asyncio
import json
import sys

import websockets

URL = "ws://127.0.0.1:8080/api/expressions"


async def print_expressions(url: str) -> None:
    """Connect, and again whenever the server goes away."""
    async for stream in websockets.connect(url):
        try:
            async for text in stream:
                message = json.loads(text)
                if "hello" in message:
                    print(f"connected: {len(message['hello']['names'])} coefficients")
                    continue
                strongest = sorted(message["expression"].items(), key=lambda item: -item[1])[:4]
                line = "  ".join(f"{name} {value:.2f}" for name, value in strongest)
                print(
                    f"{message['session']} {message['t']:8.2f} s  {line if message['face'] else 'no face'}", flush=True
                )
        except websockets.ConnectionClosed as closed:
            print(f"connection closed ({closed}), trying again", file=sys.stderr)


if __name__ == "__main__":
    try:
        asyncio.run(print_expressions(sys.argv[1] if len(sys.argv) > 1 else URL))
    except KeyboardInterrupt:
        sys.exit(0)
