/** A session that goes on with another worker of a cluster, and one that does not. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { FakeClock } from "./fake_clock.js";
import { install, page } from "./fake_dom.js";
import { FakeConnection, installRtc } from "./fake_rtc.js";

page();
const { Session } = await import("../../web_client/js/session.js");

const VIEW = { mode: "avatar", yaw: 0, pitch: 0, zoom: 1 };
let clock, sent, routes, sessions;

/** A server that takes every offer. */
beforeEach(() => {
  page();
  clock = new FakeClock().install();
  installRtc();
  sent = [];
  sessions = 0;
  routes = {
    POST: () => new Response("answer", { status: 201, headers: { Location: `/api/sessions/s${++sessions}` } }),
    GET: () => new Response("{\"device\":\"cpu\"}"),
    DELETE: () => new Response(null, { status: 204 }),
  };
  install({ fetch: async (path, { method, body }) => {
    sent.push(`${method} ${path}`);
    return routes[method](path, body);
  } });
});

const refusal = (status, code, message = "why") => () => new Response(JSON.stringify({ error: { code, message } }), { status });
const newest = () => FakeConnection.made.at(-1);

/** A session that runs, with what it tells. */
function started() {
  const session = new Session({}, { kind: "video" }), told = [];
  session.on("state", ({ state, reason, seconds }) => told.push([state, ...(reason === undefined ? [] : [String(reason)]), ...(seconds ? [seconds] : [])]));
  session.setView(VIEW);
  const over = session.run();
  return { session, told, over, states: () => told.map(([state]) => state) };
}

/** One whose pictures come. */
async function live() {
  const started_ = started();
  await clock.pass(1500);
  newest().decode(1);
  await clock.pass(100);
  assert.deepEqual(started_.states(), ["connecting", "waiting", "live"]);
  return started_;
}

test("a session that the server does not know any more goes on at once, by the name it had", async () => {
  const { states } = await live();
  routes.GET = refusal(404, "not-found", "there is no such session");
  await clock.pass(2000);
  assert.deepEqual(states().slice(3), ["connecting"]);
  await clock.pass(1500);
  assert.deepEqual(sent.slice(-2), ["DELETE api/sessions/s1", "POST api/sessions?resume=s1"]);
});

test("so does one whose worker does not answer its gateway", async () => {
  const { states } = await live();
  routes.GET = refusal(503, "worker-away");
  await clock.pass(2000);
  assert.deepEqual(states().slice(3), ["connecting"]);
});

test("a session whose worker ends goes on elsewhere at once; nobody else is told", async () => {
  const { session, states } = await live(), told = [];
  session.on("message", ({ type }) => told.push(type));
  newest().channel.tell({ type: "notice", code: "session-moved", message: "" });
  await clock.pass(0);
  assert.deepEqual(states().slice(3), ["connecting"]);
  await clock.pass(1500);
  assert.deepEqual([sent.at(-1), told], ["POST api/sessions?resume=s1", []]);
  newest().decode(1);
  await clock.pass(100);
  assert.deepEqual(states().slice(4), ["waiting", "live"]);
});

test("a session that is ended before its first picture is waited for: a server that ends all is not asked in a loop", async () => {
  routes.GET = refusal(404, "not-found");
  const { told } = started();
  await clock.pass(1500 + 2600);
  assert.deepEqual(told.at(-1), ["away", "The server has ended this session.", 1]);
});
