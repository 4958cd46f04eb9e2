/** The sliders of an output: opened, moved and closed faster than the server answers. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { FakeClock, settle } from "./fake_clock.js";
import { install, page } from "./fake_dom.js";

const document = page("<li id=\"card\"></li>");
const { Tuning } = await import("../../web_client/js/tuning.js");
const { mapped } = await import("../../web_client/js/curve.js");
const { ApiError } = await import("../../web_client/js/api.js");

const STATE = { mapping: null, profile: { version: 1, channels: { jawOpen: { gain: 2 } } }, values: { input: null, expression: null, outputs: null } };
let clock, card, sent, state, refused, channels;

beforeEach(() => {
  clock = new FakeClock().install();
  card = document.getElementById("card");
  card.replaceChildren();
  [sent, state, refused, channels] = [[], structuredClone(STATE), false, ["jawOpen", "headYaw"]];
  install({ fetch: async (path, { method, body }) => {
    sent.push([method, path, body && JSON.parse(body)]);
    if (refused) return new Response("{\"error\":{\"code\":\"not-found\",\"message\":\"gone\"}}", { status: 404 });
    return new Response(JSON.stringify(path === "api/mappings" ? { saved: [], presets: {}, channels } : state));
  } });
});

const patches = () => sent.filter(([method]) => method === "PATCH");
const slider = (knob = "gain") => card.querySelectorAll(`[data-channel=jawOpen]`)[0].querySelectorAll(`[data-knob=${knob}]`)[0];
const shown = () => card.querySelectorAll("summary").map((row) => row.querySelector("output").textContent);
const move = (to) => {
  slider().value = to;
  slider().dispatchEvent(new Event("input"));
};

test("an output that has sent nothing yet can be tuned", async () => {
  await new Tuning(async () => {}).toggle(card, "a");
  assert.equal(slider().value, "2");
  await clock.pass(0);
  assert.deepEqual(shown(), ["", ""]);
  state = { ...STATE, values: { input: [0.125], expression: [0.25], outputs: {} } };
  await clock.pass(120);
  assert.deepEqual(shown(), ["0.25", ""]);
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
  assert.deepEqual(patches(), [["PATCH", "api/outputs/a", { profile: { version: 1, channels: { jawOpen: { gain: 1.25 } } } }]]);
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

test("channels have the page's names, sides change together, and each can be reset", async () => {
  channels = ["mouthSmileLeft", "mouthSmileRight", "headYaw"];
  await new Tuning(async () => {}).toggle(card, "a");
  assert.deepEqual(card.querySelectorAll("summary").map((row) => row.querySelector("span").textContent),
    ["Mouth: Smile, Left", "Mouth: Smile, Right", "Head: turn"]);
  const left = card.querySelector("[data-channel=mouthSmileLeft]"), right = card.querySelector("[data-channel=mouthSmileRight]");
  const curve = left.querySelector("[data-knob=curve]");
  curve.value = "2";
  curve.dispatchEvent(new Event("input"));
  assert.equal(right.querySelector("[data-knob=curve]").value, "2");
  await clock.pass(80);
  const { mouthSmileLeft, mouthSmileRight } = patches().at(-1)[2].profile.channels;
  assert.deepEqual([mouthSmileLeft, mouthSmileRight], [{ curve: 2 }, { curve: 2 }]);
  left.querySelector("button").click();
  await clock.pass(80);
  assert.deepEqual(patches().at(-1)[2].profile.channels.mouthSmileRight, {});
});

test("the curve is what the server does", () => {
  assert.equal(mapped(0.5, {}), 0.5);
  assert.equal(mapped(0.5, { gain: 3 }), 1);
  assert.equal(mapped(0.1, { dead_zone: 0.2 }), 0);
  assert.ok(Math.abs(mapped(0.6, { dead_zone: 0.2, gain: 1.5, offset: 0.05, curve: 2, max: 0.6 }) - 0.6) < 1e-9);
  assert.equal(mapped(0, { min: 0.2 }), 0.2);
});
