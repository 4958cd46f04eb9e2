/** The readings at the top: what the browser counts, and what it does not. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { page } from "./fake_dom.js";

const items = ["face", "fps", "delay", "device"].map((name) => `<div data-reading="${name}"><dt></dt><dd>–</dd></div>`);
const document = page(`<dl id="readings">${items.join("")}</dl><p id="quality"></p>`);
const { Readings } = await import("../../web_client/js/status.js");
const { setLanguage } = await import("../../web_client/js/i18n.js");

let readings;
const shown = (name) => document.querySelector(`[data-reading=${name}]`).querySelector("dd").textContent;
const connection = (stats) => ({ getStats: async () => new Map([["a", { type: "inbound-rtp", kind: "audio" }], ["v", stats]]) });
const video = (timestamp, counts) => connection({ type: "inbound-rtp", kind: "video", id: "v", timestamp, ...counts });

beforeEach(() => {
  setLanguage("en");
  readings = new Readings();
  readings.clear();
});

test("frames per second and the delay over the last second", async () => {
  readings.pong(50);
  await readings.measure(video(1000, { framesDecoded: 10, jitterBufferDelay: 1, jitterBufferEmittedCount: 10, totalDecodeTime: 0.1 }));
  await readings.measure(video(2000, { framesDecoded: 40, jitterBufferDelay: 1.6, jitterBufferEmittedCount: 40, totalDecodeTime: 0.4 }));
  assert.equal(shown("fps"), "30 fps");
  assert.equal(shown("delay"), "80 ms"); // 50 there and back, 20 in the buffer, 10 decoding
  readings.clear();
  assert.deepEqual([shown("fps"), shown("delay")], ["–", "–"]);
});

test("what a browser does not count is not shown as NaN", async () => {
  readings.pong(50);
  await readings.measure(video(1000, { framesDecoded: 10 }));
  await readings.measure(video(2000, { framesDecoded: 40 }));
  assert.deepEqual([shown("fps"), shown("delay")], ["30 fps", "50 ms"]);
  readings.clear();
  await readings.measure(video(3000, {}));
  await readings.measure(video(4000, {}));
  assert.deepEqual([shown("fps"), shown("delay")], ["0 fps", "–"]);
});

test("another connection begins anew", async () => {
  await readings.measure(video(1000, { framesDecoded: 900 }));
  await readings.measure(connection({ type: "inbound-rtp", kind: "video", id: "other", timestamp: 2000, framesDecoded: 3 }));
  await readings.measure({ getStats: async () => new Map() });
  assert.equal(shown("fps"), "–");
});

test("the face, in the page's language", () => {
  readings.face(false);
  assert.equal(shown("face"), "No face");
  setLanguage("zh");
  assert.equal(shown("face"), "无人脸");
  readings.face(true);
  assert.equal(shown("face"), "人脸");
  readings.face(null);
  assert.equal(shown("face"), "–");
});

test("the device", () => {
  readings.device("cpu", "int8");
  assert.equal(shown("device"), "CPU INT8");
});

test("the weightiest hint is said beside an amber face, and goes with the fault", () => {
  const hint = document.getElementById("quality"), face = document.querySelector("[data-reading=face]");
  readings.quality(["a-new-one", "side-light", "blurred"]);
  assert.match(hint.textContent, /light comes from one side/);
  assert.deepEqual([hint.hidden, face.dataset.quality], [false, "poor"]);
  readings.quality([]);
  assert.deepEqual([hint.hidden, face.dataset.quality], [true, "good"]);
});
