/** A server that takes every offer, and sessions with it: what the tests of the page's sessions share. */
import assert from "node:assert/strict";
import { beforeEach } from "node:test";
import { FakeClock } from "./fake_clock.js";
import { install, page } from "./fake_dom.js";
import { FakeConnection, installRtc } from "./fake_rtc.js";

page();
export const { Session } = await import("../../web_client/js/session.js");

export const VIEW = { mode: "avatar", yaw: 0, pitch: 0, zoom: 1 };
export let clock, sent, routes;
let sessions;

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

export const refusal = (status, code, message = "why") => () => new Response(JSON.stringify({ error: { code, message } }), { status });
export const newest = () => FakeConnection.made.at(-1);
export const count = (request) => sent.filter((each) => each === request).length;

/** A session that runs, with what it tells. */
export function started() {
  const session = new Session({}, { kind: "video" }), told = [];
  session.on("state", ({ state, reason, seconds }) => told.push([state, ...(reason === undefined ? [] : [String(reason)]), ...(seconds ? [seconds] : [])]));
  session.setView(VIEW);
  const over = session.run();
  return { session, told, over, states: () => told.map(([state]) => state) };
}

/** One whose pictures come. */
export async function live() {
  const started_ = started();
  await clock.pass(1500);
  newest().decode(1);
  await clock.pass(100);
  assert.deepEqual(started_.states(), ["connecting", "waiting", "live"]);
  return started_;
}
