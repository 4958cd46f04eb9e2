"""Shared by tests: what `test_outputs` and others use."""

from __future__ import annotations

import socket

from pythonosc.osc_bundle import OscBundle
from waiting import beats


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
    """Offer frames in real time; returns when the next one would be due."""
    async for number in beats(fps):
        if number == len(frames):
            return
        offer(frames[number])


def blends_of(packets):
    return dict(m.params for data in packets for m in OscBundle(data) if m.address == "/VMC/Ext/Blend/Val")
