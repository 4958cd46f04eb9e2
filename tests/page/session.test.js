/** A session's life: the offer, the pictures, what ends it, how it comes back, and when it does not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeConnection } from "./fake_rtc.js";
import { Session, VIEW, clock, count, live, newest, refusal, routes, sent, started } from "./session_support.js";

test("an offer, an answer, the first picture", async () => {
  const { session } = await live();
  assert.deepEqual(sent, ["POST api/sessions"]);
  assert.equal(session.url, "api/sessions/s1");
  assert.deepEqual(newest().answer, { type: "answer", sdp: "answer" });
  const [video, audio] = newest().transceivers;
  assert.deepEqual([video.direction, audio.direction], ["sendrecv", "sendonly"]);
  assert.deepEqual(video.codecs.map(({ mimeType }) => mimeType), ["video/H264", "video/VP8", "video/rtx"]);
  assert.equal(video.sender.parameters.encodings[0].maxFramerate, 30);
  assert.equal((await session.state()).device, "cpu");
});

test("the offer goes as soon as all candidates are there, and soon even if they never are", async () => {
  started();
  await clock.pass(10);
  assert.deepEqual(sent, []);
  newest().gathered();
  await clock.pass(0);
  assert.deepEqual(sent, ["POST api/sessions"]);
  started();
  await clock.pass(1499);
  assert.equal(sent.length, 1);
  await clock.pass(1);
  assert.equal(sent.length, 2);
});

test("the avatar's pictures and the channel's messages are handed on", async () => {
  const { session } = await live(), got = [];
  session.on("stream", ({ tracks }) => got.push(tracks));
  session.on("message", ({ type }) => got.push(type));
  const receiver = {};
  newest().ontrack({ track: "t", receiver });
  newest().channel.tell({ type: "hello", names: [] });
  for (const noise of ["{", "null", "3", "[]", "{}", "\"x\""]) newest().channel.tell(noise);
  assert.deepEqual(got, [["t"], "hello"]);
  assert.equal(receiver.jitterBufferTarget, 0);
});

test("the view is sent once the channel opens, and at every change", async () => {
  const { session } = await live(), { channel } = newest();
  assert.deepEqual(channel.sent, []);
  channel.opened();
  session.setView({ ...VIEW, yaw: 1 });
  channel.bufferedAmount = 1e6;
  session.setView({ ...VIEW, yaw: 2 });
  assert.deepEqual(channel.sent, [{ type: "view", ...VIEW }, { type: "view", ...VIEW, yaw: 1 }]);
});

test("pings are answered with the time they took", async () => {
  const { session } = await live(), { channel } = newest(), times = [];
  session.on("message", ({ rtt }) => times.push(rtt));
  channel.opened();
  await clock.pass(1000);
  const ping = channel.sent.at(-1);
  assert.deepEqual([ping.type, ping.id], ["ping", 0]);
  await clock.pass(70);
  channel.tell({ type: "pong", id: 0, t: ping.t });
  assert.deepEqual(times, [70]);
});

test("a lost connection is ended on the server and made anew, with the view and the microphone", async () => {
  const { session, told, states } = await live(), microphone = { kind: "audio" };
  session.setMicrophone(microphone);
  newest().connectionState = "failed";
  await clock.pass(500);
  assert.equal(count("DELETE api/sessions/s1"), 1);
  assert.deepEqual(told.at(-1), ["away", "The connection to the server was lost.", 1]);
  assert.equal(session.url, null);
  await clock.pass(500);
  await clock.pass(1500);
  newest().decode(1);
  await clock.pass(100);
  assert.equal(FakeConnection.made.length, 2);
  assert.deepEqual(states().slice(3), ["away", "connecting", "waiting", "live"]);
  assert.equal(newest().transceivers[1].sender.track, microphone);
  newest().channel.opened();
  assert.deepEqual(newest().channel.sent, [{ type: "view", ...VIEW }]);
});

test("tries come at growing intervals, and at once when asked for", async () => {
  routes.POST = () => { throw new TypeError("no network"); };
  const { session, told } = started(), begun = () => told.filter(([state]) => state === "connecting").length;
  await clock.pass(1500);
  for (const seconds of [0.5, 1, 2, 4, 8, 8, 8]) {
    const before = begun();
    await clock.pass(1000 * seconds - 1);
    assert.equal(begun(), before, `${seconds} s`);
    await clock.pass(1);
    assert.equal(begun(), before + 1, `${seconds} s`);
    await clock.pass(1500);
  }
  assert.deepEqual(told.at(-1), ["away", "The server is not answering.", 8]);
  session.retry();
  await clock.pass(0);
  assert.deepEqual(told.at(-1), ["connecting"]);
  await clock.pass(1500);
  globalThis.dispatchEvent(new Event("online"));
  await clock.pass(0);
  assert.deepEqual(told.at(-1), ["connecting"]);
});

test("after pictures have come the first wait is short again", async () => {
  let fail = true;
  const take = routes.POST;
  routes.POST = () => (fail ? refusal(503, "too-many-sessions")() : take());
  const { told } = started();
  await clock.pass(1500 + 500 + 1500 + 1000 + 1500);
  assert.deepEqual(told.at(-1), ["away", "why", 2]);
  fail = false;
  await clock.pass(2000 + 1500);
  newest().decode(1);
  await clock.pass(100);
  newest().connectionState = "failed";
  await clock.pass(500);
  assert.deepEqual(told.at(-1), ["away", "The connection to the server was lost.", 1]);
});

for (const [status, code] of [[401, "token"], [403, "bad-origin"], [400, "no-codec"]]) {
  test(`${code} is final`, async () => {
    routes.POST = refusal(status, code);
    const { told, over } = started();
    await clock.pass(1500);
    await over;
    assert.deepEqual(told, [["connecting"], ["refused", "why"]]);
    await clock.pass(60000);
    assert.equal(sent.length, 1);
  });
}

test("an answer without an address, or one that the browser cannot use, is tried again", async () => {
  routes.POST = () => new Response("<html>", { status: 201 });
  const { told } = started();
  await clock.pass(1500);
  assert.deepEqual(told.at(-1), ["away", "The server answered with error 201.", 1]);
  routes.POST = () => new Response("no sdp", { status: 201, headers: { Location: "/api/sessions/s9" } });
  FakeConnection.answered = async () => { throw new DOMException("", "InvalidAccessError"); };
  await clock.pass(500 + 1500);
  assert.deepEqual(told.at(-1), ["away", "The video connection could not be made.", 1]);
  assert.equal(count("DELETE api/sessions/s9"), 1);
});

test("a connection that is never made, or gives no picture, is given up", async () => {
  const { told } = started();
  await clock.pass(1500 + 15000);
  assert.equal(told.at(-1)[0], "waiting");
  await clock.pass(200);
  assert.deepEqual(told.at(-1), ["away", "The video connection could not be made.", 1]);
});

test("a silent server is asked whether it still knows the session", async () => {
  const { told } = await live();
  await clock.pass(1000);
  assert.equal(count("GET api/sessions/s1"), 0);
  await clock.pass(1000);
  assert.ok(count("GET api/sessions/s1") > 0);
  routes.GET = refusal(500, "internal");
  await clock.pass(500);
  assert.deepEqual(told.at(-1), ["away", "why", 1]);
});

test("pictures that stop coming end it even if the server is there; messages keep it", async () => {
  const { told, states } = await live();
  for (let second = 0; second < 20; second++) {
    await clock.pass(1000);
    newest().channel.tell({ type: "pong", id: 1, t: 0 });
  }
  assert.equal(states().at(-1), "live");
  await clock.pass(13000);
  assert.ok(told.some(([state, reason]) => state === "away" && reason === "No pictures arrive from the server."));
});

test("stop ends it here and there, once and for all", async () => {
  const { session, over, states } = await live();
  session.stop();
  await clock.pass(0);
  await over;
  assert.deepEqual(sent, ["POST api/sessions", "DELETE api/sessions/s1"]);
  assert.equal(newest().connectionState, "closed");
  await clock.pass(60000);
  assert.equal(sent.length, 2);
  assert.deepEqual(states(), ["connecting", "waiting", "live"]);
});

test("stop before the offer was sent: it is not sent", async () => {
  const { session, over, states } = started();
  await clock.pass(100);
  session.stop();
  await clock.pass(1500);
  await over;
  assert.deepEqual(sent, []);
  assert.deepEqual(states(), ["connecting"]);
});

test("stop in the first moment, when the browser refuses to go on", async () => {
  const { session, over, states } = started();
  session.stop();
  await clock.pass(1500);
  await over;
  assert.deepEqual([sent, states()], [[], ["connecting"]]);
});

test("stop while the server answers: the session that it made is ended", async () => {
  let answer;
  routes.POST = () => new Promise((resolve) => { answer = resolve; });
  const { session, over, states } = started();
  await clock.pass(1500);
  session.stop();
  answer(new Response("answer", { status: 201, headers: { Location: "/api/sessions/late" } }));
  await clock.pass(0);
  await over;
  assert.deepEqual(sent, ["POST api/sessions", "DELETE api/sessions/late"]);
  assert.deepEqual(states(), ["connecting"]);
});

test("stop while the server refuses: nobody hears of the refusal", async () => {
  let answer;
  routes.POST = () => new Promise((resolve) => { answer = resolve; });
  const { session, over, states } = started();
  await clock.pass(1500);
  session.stop();
  answer(refusal(401, "token")());
  await over;
  assert.deepEqual(states(), ["connecting"]);
});

test("stop while it waits for the next try", async () => {
  routes.POST = refusal(503, "too-many-sessions");
  const { session, over } = started();
  await clock.pass(1600);
  session.stop();
  await clock.pass(0);
  await over;
  await clock.pass(60000);
  assert.equal(sent.length, 1);
});

test("without a session there is nothing to ask", async () => {
  const session = new Session({}, {});
  await assert.rejects(session.state(), { code: "no-session" });
  await assert.rejects(session.post("snapshot", 1000), { code: "no-session" });
  assert.deepEqual(sent, []);
});
