/** What the browser's camera is asked for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { install, page } from "./fake_dom.js";

page("");
const { openCamera } = await import("../../web_client/js/camera.js");

test("the camera is asked for the rate that the server names", async () => {
  const asked = [];
  const stream = { getVideoTracks: () => [] };
  const getUserMedia = async (wanted) => { asked.push(wanted); return stream; };
  install({ navigator: { mediaDevices: { getUserMedia } } });
  assert.equal(await openCamera(60), stream);
  await openCamera(30);
  assert.deepEqual(asked.map(({ video }) => video.frameRate), [{ ideal: 60, max: 60 }, { ideal: 30, max: 30 }]);
});
