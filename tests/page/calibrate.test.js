/** The guided calibration: five steps in their order, each of which can be left out, and a way to end. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { readFileSync } from "node:fs";
import { FakeClock } from "./fake_clock.js";
import { install, page } from "./fake_dom.js";

const html = readFileSync(new URL("../../web_client/index.html", import.meta.url), "utf8");
const document = page(html);
class Silence {
  createOscillator() { return { frequency: {}, connect: () => ({ connect() {} }), start() {}, stop() {} }; }
  createGain() { return { gain: { setValueAtTime() {}, exponentialRampToValueAtTime() {} } }; }
}
install({ AudioContext: Silence });
const { Calibration } = await import("../../web_client/js/calibrate.js");

const STEP_MS = 3 * 900 + 1900;
const said = [];
const notice = { show: (text) => said.push(String(text)), hide() {} };
const byId = (id) => document.getElementById(id);
const calibration = new Calibration(notice);
let clock, steps, refused;

beforeEach(() => {
  clock = new FakeClock().install();
  [steps, refused] = [[], null];
  said.length = 0;
  calibration.session = null;
  install({ fetch: async (path, { method, body }) => {
    if (method === "POST") {
      steps.push(JSON.parse(body).step);
      if (steps.at(-1) === refused) return new Response("{\"error\":{\"code\":\"not-held\",\"message\":\"too weak\"}}", { status: 409 });
    }
    return new Response("{\"face3d_calibration\":1,\"person\":\"\",\"expression\":{}}");
  } });
  byId("guide").hidden = true;
});

test("it is offered at the first start, and then measures all five", async () => {
  calibration.session = { url: "api/sessions/a" };
  assert.equal(byId("guide").hidden, false);
  byId("guide-start").click();
  await clock.pass(5 * STEP_MS + 100);
  assert.deepEqual(steps, ["neutral", "jaw", "smile", "brows", "blink"]);
  assert.equal(byId("guide").hidden, true);
  assert.equal(said.at(-1), "Calibrated: 5 of 5 movements measured.");
});

test("who has a calibration, or put it off, is not asked again", () => {
  calibration.session = { url: "api/sessions/b" };
  assert.equal(byId("guide").hidden, true);
});

test("a step can be left out, a refused one does not stop the others, and it can be ended", async () => {
  calibration.session = { url: "api/sessions/c" };
  refused = "smile";
  const guided = calibration.guide();
  await clock.pass(1000);
  assert.equal(byId("guide-text").textContent, "1 of 5: Neutral");
  byId("guide-skip").click();
  await clock.pass(2 * STEP_MS);
  assert.deepEqual(steps, ["jaw", "smile"]);
  byId("guide-end").click();
  await clock.pass(0);
  await guided;
  assert.deepEqual([steps, said.at(-1)], [["jaw", "smile"], "Calibrated: 1 of 5 movements measured."]);
});

test("a lost session ends it", async () => {
  calibration.session = { url: "api/sessions/d" };
  const guided = calibration.guide();
  await clock.pass(1000);
  calibration.session = null;
  await clock.pass(5 * STEP_MS);
  await guided;
  assert.deepEqual([steps, byId("guide").hidden], [[], true]);
});
