"""The example client that users copy: it prints what a real server streams."""

import asyncio
import json
import re
import sys
from pathlib import Path

from live_helpers import Browser, Camera, serve

from face3d_live.codes import ARKIT
from face3d_live.protocols import json_stream

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "python" / "print_expressions.py"


async def test_the_python_example_prints_the_face():
    async with serve() as served, Browser(served, Camera(0.6)) as browser:
        await browser.until_brightness(0.6)
        command = [sys.executable, str(EXAMPLE), f"{served.ws}/api/expressions"]
        example = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert example.stdout is not None
        async with asyncio.timeout(15):
            assert await example.stdout.readline() == b"connected: 52 coefficients\n"
            line = (await example.stdout.readline()).decode()
            assert re.match(rf"{browser.session} +\d+\.\d\d s  jawOpen 0\.(5[789]|6[0-3])", line), line
            browser.camera.level = 0.0
            while b"no face" not in await example.stdout.readline():
                pass
        example.kill()
        await example.wait()


def test_all_examples_use_the_streams_own_words():
    frame = json.loads(json_stream.encode_hello())
    assert set(frame) == {"v", "hello"}
    clients = [ROOT / "examples" / folder for folder in ("browser", "godot", "unity", "unreal")]
    for path in [EXAMPLE, *(path for folder in clients for path in sorted(folder.iterdir()))]:
        text = path.read_text()
        assert "/api/expressions" in text and "expression" in text, path
        for name in re.findall(r"expression\.(\w+)", text):
            assert name in ARKIT, (path, name)
