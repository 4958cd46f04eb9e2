"""The live page and the studio in Debian's Firefox, through WebDriver BiDi."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import browser_support as support
import pytest
from PIL import Image
from skimage import data

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("firefox-esr") is None, reason="no Firefox: apt-get install firefox-esr"),
    pytest.mark.skipif(
        not (support.ROOT / "node_modules" / "puppeteer-core").is_dir(), reason="no puppeteer-core: make page"
    ),
]
SCRIPT = Path(__file__).with_name("firefox.js")


def test_sample_recording_camera_and_studio(server, takes, tmp_path):
    photo = tmp_path / "portrait.png"
    Image.fromarray(data.astronaut()).save(photo)
    done = subprocess.run(
        ["node", str(SCRIPT), server.url, str(photo)], capture_output=True, text=True, timeout=280, check=False
    )
    for take in takes.glob("*"):  # other modules begin without any
        take.unlink()
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    seen = json.loads(done.stdout)
    assert seen["faults"] == [] and seen["takes"] == 1 and seen["picture"] == [support.PICTURE, support.PICTURE]
    assert seen["chinese"] == "录制" and not seen["wide"] and seen["files"] >= 5
