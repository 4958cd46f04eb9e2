"""What a session takes with it from another server: it is kept for a while, and the next session begins with it."""

from live_helpers import Browser, serve

from face3d_live.hairstyle import Hair
from face3d_live.live.engine.client import Beginning
from face3d_live.live.outputs.store import SavedOutput
from face3d_live.live.sessions import carried
from face3d_live.live.sessions.carried import CarriedStates, SessionState
from face3d_live.styling import AS_SEEN, Styling

BEGIN = Beginning(0.5, None, Styling(hair=Hair("bob", None)))
STATE = SessionState(BEGIN, (SavedOutput("vmc://127.0.0.1:39539?session=w000000-1", False),))


def test_a_state_is_taken_once_and_not_kept_for_long():
    now = [0.0]
    states = CarriedStates(lambda: now[0])
    states.add("a", STATE)
    assert states.take("a") is STATE and states.take("a") is None
    states.add("a", STATE)
    now[0] = carried.KEEP_SECONDS + 1
    assert states.take("a") is None
    for number in range(carried.MAX_STATES + 1):
        states.add(str(number), STATE)
    assert states.take("0") is None and states.take("1") is STATE


async def test_the_next_session_begins_with_it():
    async with serve(prefix="w123456-") as served:
        served.live.carried.add("w000000-1", STATE)
        browser = Browser(served)
        browser.path = "/api/sessions?resume=w000000-1"
        async with browser:
            await browser.until(lambda: browser.jaw < 0.05)
            session = served.live.sessions.get(browser.session)
            assert browser.session.startswith("w123456-") and session.engine.styling.hair == Hair("bob", None)
            (output,) = served.live.outputs
            assert output.address.session == browser.session and not output.enabled
            assert served.live.state_of(session).begin.calibration == 0.5
        async with Browser(served) as fresh:
            await fresh.message("frame")
            assert served.live.sessions.get(fresh.session).engine.styling == AS_SEEN


async def test_a_server_that_drains_takes_nobody():
    async with serve() as served, Browser(served) as browser:
        await browser.message("frame")
        served.live.draining = True
        assert (await served.http.get("/readyz")).json() == {"status": "draining"}
        offer = browser.pc.localDescription.sdp
        sent = await served.http.post("/api/sessions", content=offer, headers={"Content-Type": "application/sdp"})
        assert (sent.status_code, sent.json()["error"]["code"]) == (503, "draining") and "Retry-After" in sent.headers
