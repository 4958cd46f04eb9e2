"""The page in Chromium under its security headers: with TLS, a token, the studio, the view, frames, and the phone."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import browser_support as support
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(support.CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]
TOKEN = "s3cret+/é"
FRAGMENT = "#token=s3cret%2B%2F%C3%A9"
#: Chromium as everybody has it: without the loopback address among its own.
STOCK = [flag for flag in support.FLAGS if "loopback" not in flag] + ["--use-fake-ui-for-media-stream"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[support.LiveServer]:
    """With TLS and a token, in the whole network; `/view` may be framed by anybody."""
    folder = tmp_path_factory.mktemp("access")
    os.environ["FACE3D_TOKEN"] = TOKEN
    try:
        arguments = ("--host", "0.0.0.0", "--tls", "auto", "--frame-ancestors", "*")
        made = support.LiveServer(folder, *arguments)
        made.url = made.url.replace("http://", "https://")
        made.start()
    finally:
        del os.environ["FACE3D_TOKEN"]
    yield made
    made.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=support.CHROMIUM, args=STOCK)


@pytest.fixture
def chromium(browser: Browser) -> Iterator[Browser]:
    """The browser, whose pages end with the test: a camera that runs on would cost the next one its time."""
    yield browser
    for context in browser.contexts:
        context.close()


@pytest.fixture
def seen() -> dict[str, list[str]]:
    """What pages of `watched` asked for, and what they complained of."""
    return {"asked": [], "faults": []}


def watched(chromium: Browser, seen: dict[str, list[str]]) -> Any:
    """A page that trusts every certificate. It may complain of nothing, and ask for no address with the token."""
    context = chromium.new_context(
        ignore_https_errors=True, accept_downloads=True, locale="en-US", reduced_motion="reduce"
    )
    context.add_init_script(support.FEW_PICTURES)
    context.grant_permissions(["camera"])

    def watch(page: Any) -> None:
        page.on("pageerror", lambda error: seen["faults"].append(str(error)))
        page.on("console", lambda said: said.type in ("error", "warning") and seen["faults"].append(said.text))
        page.on("request", lambda request: seen["asked"].append(request.url))
        page.on("websocket", lambda socket: seen["asked"].append(socket.url))

    context.on("page", watch)
    return context.new_page()


def checked(seen: dict[str, list[str]]) -> None:
    assert seen["faults"] == []
    assert seen["asked"] and not [url for url in seen["asked"] if "s3cret" in url.partition("#")[0]]


def test_a_phone_is_the_camera_in_one_scan_and_its_head_is_in_the_studio(server, chromium, seen):
    desk = watched(chromium, seen)
    desk.goto(server.url + FRAGMENT)
    desk.click("#phone-open")
    expect(desk.locator("#phone img")).to_be_visible()
    support.until(desk, "document.querySelector('#phone img').naturalWidth > 0")
    text = desk.inner_text("#phone")
    assert FRAGMENT in text and "ca.crt" in text and text.count(":") > 31
    desk.click("#phone-close")
    desk.click("[data-language]")
    desk.click("#phone-open")
    expect(desk.locator("#phone")).to_contain_text("二维码")

    phone = watched(chromium, seen)
    phone.goto(server.url + FRAGMENT + "&camera=1")  # what the code says, and no click
    phone.wait_for_selector('body[data-state="live"]', timeout=60_000)
    assert phone.evaluate("isSecureContext")
    phone.close()

    desk.click("#phone-close")
    desk.click("[data-language]")
    desk.click("#sample")
    desk.wait_for_selector('body[data-state="live"]', timeout=60_000)
    expect(desk.locator("[data-reading=face]")).to_have_class("seen", timeout=60_000)
    with desk.expect_download(timeout=90_000):
        desk.click("#snapshot")
    view = watched(chromium, seen)
    view.goto(server.url + "view?ui=1" + FRAGMENT)
    support.until(view, "Number(document.querySelector('#avatar').dataset.pictures) > 2")
    view.close()
    with desk.context.expect_page() as opened:
        desk.click("#to-studio")
    studio = opened.value
    desk.close()
    assert "job=" not in studio.url.partition("#")[0] and "token=" in studio.url.partition("#")[2]
    studio.wait_for_selector("body[data-state=live]", timeout=60_000)
    studio.click(".single summary")
    studio.check("input[value=uv]", force=True)
    support.until(studio, "document.querySelector('#uv img').naturalWidth > 0")
    with studio.expect_download() as download:
        studio.click("#files a >> nth=0")
    assert Path(download.value.path()).stat().st_size > 1000 and "." in download.value.suggested_filename
    studio.reload()
    studio.wait_for_selector("body[data-state=live]", timeout=60_000)
    with studio.expect_download() as download:
        studio.click("#zip")
    assert Path(download.value.path()).read_bytes()[:2] == b"PK"
    checked(seen)


def test_a_page_without_the_token_says_so(server, chromium, seen):
    page = watched(chromium, seen)
    page.goto(server.url)
    page.click("#sample")
    expect(page.locator("#card-title")).to_contain_text("token", timeout=20_000)
    assert [fault for fault in seen["faults"] if "401" not in fault] == []
    with page.expect_event("load"):  # the same page: it changes its fragment alone, and loads itself anew
        page.evaluate("(fragment) => { location.hash = fragment; }", FRAGMENT)
    page.click("#sample")
    page.wait_for_selector('body[data-state="live"]', timeout=60_000)


FRAME = """(url) => new Promise((resolve) => {
  const frame = document.createElement("iframe");
  frame.onload = () => resolve(true);
  frame.src = url;
  document.body.append(frame);
})"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """Another origin, of this machine, as Chromium asks its user before sites elsewhere may frame the loopback."""
    (tmp_path / "index.html").write_text("<!doctype html><body>")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{other.server_port}/"
        other.shutdown()


def test_only_the_view_can_be_framed(server, chromium, site):
    page = chromium.new_context(ignore_https_errors=True).new_page()
    page.goto(site)
    for path in ("view?ui=1", ""):
        page.evaluate(FRAME, server.url + path)
    view, main = page.frames[1:]
    assert view.locator("#avatar").count() == 1
    assert main.url.startswith("chrome-error:") or main.locator("#start").count() == 0
