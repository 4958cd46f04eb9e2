/** A session that goes on with another worker of a cluster, and one that does not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { clock, live, newest, refusal, routes, sent, started } from "./session_support.js";

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
