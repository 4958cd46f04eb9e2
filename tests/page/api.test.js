/** Requests, their token, and what becomes of every way in which a server can fail to answer. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { install, page } from "./fake_dom.js";

page("", { hash: "#token=a%2Bb%C3%A9&job=7" });
const { ApiError, ask, received, request, said, why } = await import("../../web_client/js/api.js");
const { inFragment, openSocket, withFragment } = await import("../../web_client/js/token.js");
const i18n = await import("../../web_client/js/i18n.js");

/** The requests that were made, and how the next ones are answered. */
let sent, answer;

beforeEach(() => {
  i18n.setLanguage("en");
  sent = [];
  answer = () => new Response("{}");
  install({ fetch: async (path, options) => {
    sent.push({ path, ...options });
    return answer(options.signal);
  } });
});

const refused = (status, body, type = "application/json") => () => new Response(body, { status, headers: { "Content-Type": type } });

test("the token goes along in headers, subprotocols and fragments, and never in a query", async () => {
  await request("POST", "api/x", { body: "b", type: "text/plain" });
  const [{ path, method, body, headers, cache }] = sent;
  assert.deepEqual({ path, method, body, cache }, { path: "api/x", method: "POST", body: "b", cache: "no-store" });
  assert.deepEqual(headers, { Authorization: "Bearer a+bé", "Content-Type": "text/plain" });
  assert.equal(withFragment("view?ui=0"), "view?ui=0#token=a%2Bb%C3%A9");
  assert.equal(withFragment("studio.html", { job: "8" }), "studio.html#token=a%2Bb%C3%A9&job=8");
  assert.equal(inFragment("job"), "7");
  const opened = [];
  install({ WebSocket: class { constructor(...args) { opened.push(args); } } });
  openSocket("api/x");
  const word = Buffer.from("a+bé").toString("base64url");
  assert.deepEqual(opened, [["ws://127.0.0.1:8080/api/x", ["face3d", `face3d.token.${word}`]]]);
});

test("JSON goes out and comes in, and 204 is nothing", async () => {
  answer = () => new Response("{\"a\":1}");
  assert.deepEqual(await ask("PATCH", "api/x", { b: 2 }), { a: 1 });
  assert.equal(sent[0].body, "{\"b\":2}");
  assert.equal(sent[0].headers["Content-Type"], "application/json");
  answer = () => new Response(null, { status: 204 });
  assert.equal(await ask("DELETE", "api/x"), null);
  assert.equal(sent[1].body, undefined);
});

test("the server's refusals keep their code and words", async () => {
  answer = refused(404, "{\"error\":{\"code\":\"not-found\",\"message\":\"it is gone\"}}");
  await assert.rejects(ask("GET", "api/x"), { name: "Error", code: "not-found", message: "it is gone", status: 404 });
  answer = refused(409, "{\"ok\":false,\"reason\":\"hold still\",\"error\":{\"code\":\"moving\",\"message\":\"hold still\"}}");
  await assert.rejects(ask("POST", "api/x"), { code: "moving", message: "hold still", status: 409 });
});

test("refusals of others than our server are said by their number", async () => {
  for (const body of ["<h1>Bad gateway</h1>", "", "null", "[]", "{}", "{\"error\":null}", "{\"error\":{}}", "3", "\"x\""]) {
    answer = refused(502, body);
    await assert.rejects(request("GET", "api/x"), { code: "http-error", message: "The server answered with error 502.", status: 502 }, body);
  }
});

test("no answer is an ApiError, too", async () => {
  answer = () => { throw new TypeError("fetch failed"); };
  await assert.rejects(request("GET", "api/x"), { code: "server-away", message: "The server is not answering.", status: 0 });
  answer = () => { throw new DOMException("", "TimeoutError"); };
  await assert.rejects(request("GET", "api/x"), { code: "timeout", message: "The server took too long to answer.", status: 0 });
});

test("a body that breaks off or is no JSON is an ApiError, too", async () => {
  for (const fault of [new TypeError("network error"), new DOMException("", "TimeoutError"), new DOMException("", "AbortError")]) {
    answer = () => new Response(new ReadableStream({ pull: (stream) => stream.error(fault) }));
    const code = fault.name === "TimeoutError" ? "timeout" : "server-away";
    await assert.rejects(ask("GET", "api/x"), (error) => error instanceof ApiError && error.code === code);
    await assert.rejects(received(async () => (await request("GET", "api/x")).blob()), { code });
  }
  answer = () => new Response("<html>");
  await assert.rejects(ask("GET", "api/x"), { code: "server-away" });
});

test("a request may only take so long", async () => {
  let signal;
  answer = (given) => { signal = given; return new Response("{}"); };
  await request("GET", "api/x", { timeout: 60000 });
  assert.ok(signal instanceof AbortSignal && !signal.aborted);
});

test("what the server refuses is said in the page's language, as it is then", () => {
  const known = new ApiError("disk-full", "the disk is full"), unknown = new ApiError("brand-new", "do this");
  const own = new ApiError("timeout", i18n.phrase("error.timeout"));
  const words = [why(known), said(known), said(unknown), why(own), why({ code: "moving", message: "keep still" })];
  assert.deepEqual(words.map(String), [
    "the disk is full", "The disk is full", "Do this", "The server took too long to answer.", "keep still",
  ]);
  i18n.setLanguage("zh");
  assert.deepEqual(words.map(String), [
    "服务器的磁盘已满：请腾出空间", "服务器的磁盘已满：请腾出空间", "Do this", "服务器响应超时。", "请让头和脸保持不动一秒，再试一次",
  ]);
});
