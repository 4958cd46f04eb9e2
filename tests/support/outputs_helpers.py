"""Shared by tests: what `test_outputs` and others use."""

from __future__ import annotations

import asyncio
import socket

from pythonosc.osc_bundle import OscBundle


class Receiver:
    """A UDP socket as an engine would have it."""

    def __init__(self, port=0):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]

    def packets(self):
        got = []
        while True:
            try:
                got.append(self.socket.recv(4096))
            except BlockingIOError:
                return got

    def close(self):
        self.socket.close()


async def play(offer, frames, fps=60):
    for frame in frames:
        offer(frame)
        await asyncio.sleep(1 / fps)


async def until(condition, seconds=8.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def blends_of(packets):
    return dict(m.params for data in packets for m in OscBundle(data) if m.address == "/VMC/Ext/Blend/Val")
