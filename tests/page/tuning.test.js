/** The sliders of an output: opened, moved and closed faster than the server answers. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { FakeClock, settle } from "./fake_clock.js";
import { install, page } from "./fake_dom.js";

const document = page("<li id=\"card\"></li>");
const { Tuning } = await import("../../web_client/js/tuning.js");
const { ApiError } = await import("../../web_client/js/api.js");

const STATE = { mapping: null, profile: { version: 1, channels: { jawOpen: { gain: 2 } } }, values: { expression: null, outputs: null } };
let clock, card, sent, state, refused;

beforeEach(() => {
  clock = new FakeClock().install();
  card = document.getElementById("card");
  card.replaceChildren();
  [sent, state, refused] = [[], STATE, false];
  install({ fetch: async (path, { method, body }) => {
    sent.push([method, path, body && JSON.parse(body)]);
    if (refused) return new Response("{\"error\":{\"code\":\"not-found\",\"message\":\"gone\"}}", { status: 404 });
    return new Response(JSON.stringify(path === "api/mappings" ? { saved: [], presets: {}, channels: ["jawOpen", "headYaw"] } : state));
  } });
});

const patches = () => sent.filter(([method]) => method === "PATCH");
const slider = () => card.querySelectorAll("input").filter((input) => input.type === "range")[0];
const move = (to) => {
  slider().value = to;
  slider().dispatchEvent(new Event("input"));
};

test("an output that has sent nothing yet can be tuned", async () => {
  await new Tuning(async () => {}).toggle(card, "a");
  assert.equal(slider().value, "2");
  await clock.pass(0);
  assert.deepEqual(card.querySelectorAll("output").map((output) => output.textContent), ["", ""]);
  state = { ...STATE, values: { expression: [0.25], outputs: {} } };
  await clock.pass(120);
  assert.deepEqual(card.querySelectorAll("output").map((output) => output.textContent), ["0.25", ""]);
});

test("three quick clicks open one box, which asks once at a time", async () => {
  const tuning = new Tuning(async () => {});
  await Promise.all([tuning.toggle(card, "a"), tuning.toggle(card, "a"), tuning.toggle(card, "a")]);
  assert.equal(card.children.length, 1);
  await clock.pass(0);
  sent = [];
  await clock.pass(120);
  assert.equal(sent.length, 1);
  tuning.close();
  sent = [];
  await clock.pass(1000);
  assert.deepEqual([card.children.length, sent], [0, []]);
});

test("the newest position is sent, once, and also when the box is closed at once", async () => {
  const tuning = new Tuning(async () => {});
  await tuning.toggle(card, "a");
  move("1.5");
  move("1.25");
  tuning.close();
  await clock.pass(80);
  assert.deepEqual(patches(), [["PATCH", "api/outputs/a", { profile: { version: 1, channels: { jawOpen: { gain: 1.25, offset: 0 } } } }]]);
});

test("an output that is gone is said to be, and can be asked for again", async () => {
  const tuning = new Tuning(async () => {});
  refused = true;
  await assert.rejects(tuning.toggle(card, "a"), ApiError);
  assert.equal(tuning.output, null);
  refused = false;
  await tuning.toggle(card, "a");
  assert.equal(card.children.length, 1);
  await settle();
});
