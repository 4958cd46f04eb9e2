/** Where a click in the own camera's picture lies in the camera's whole picture. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { placeOf } from "../../web_client/js/follow.js";

const box = { left: 100, top: 50, width: 160, height: 120 };

test("the middle is the middle, mirrored or not", () => {
  for (const mirrored of [false, true]) assert.deepEqual(placeOf(box, { videoWidth: 640, videoHeight: 480 }, { clientX: 180, clientY: 110 }, mirrored), [0.5, 0.5]);
});

test("a mirrored picture is clicked where it is seen", () => {
  const video = { videoWidth: 640, videoHeight: 480 }, click = { clientX: 140, clientY: 80 };
  assert.deepEqual(placeOf(box, video, click, false), [0.25, 0.25]);
  assert.deepEqual(placeOf(box, video, click, true), [0.75, 0.25]);
});

test("of a wider picture the sides are not seen", () => {
  const [x, y] = placeOf(box, { videoWidth: 1280, videoHeight: 720 }, { clientX: 100, clientY: 50 }, false);
  assert.ok(Math.abs(x - 0.125) < 1e-9 && y === 0);
});
