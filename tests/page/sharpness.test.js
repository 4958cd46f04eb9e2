/** A blurred face is told from a sharp one by its own pixels. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sharpness } from "../../web_client/js/studio/sharpness.js";

const picture = (at) => Float32Array.from({ length: 64 * 64 }, (_, i) => at(i % 64, Math.floor(i / 64)));

test("stripes are sharp, a slope is not, a plain face is no number out of bounds", () => {
  assert.ok(sharpness(picture((x) => (x % 4 < 2 ? 60 : 180))) > 0.5);
  assert.ok(sharpness(picture((x, y) => 60 + 60 * Math.sin(x / 12) + 40 * Math.sin(y / 15))) < 0.01);
  assert.equal(sharpness(picture(() => 100)), 0);
});
