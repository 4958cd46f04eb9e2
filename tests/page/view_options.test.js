/** The address of the avatar alone: what may stand in it, and that what may not is said. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readOptions, viewPath } from "../../web_client/js/view_options.js";

test("without options it is transparent, whole, and says what is the matter", () => {
  assert.deepEqual(readOptions(""), { background: "transparent", quiet: false, session: "", mirror: false, cover: false, wrong: [] });
});

test("what the card writes, the page reads", () => {
  for (const background of ["transparent", "00ff00", "ff00ff", "studio"]) {
    for (const mirror of [false, true]) {
      const read = readOptions(viewPath({ background, mirror }).replace(/^view/, ""));
      assert.deepEqual([read.mirror, read.quiet, read.wrong], [mirror, true, []]);
      assert.ok(read.background.includes({ studio: "gradient" }[background] ?? background));
    }
  }
});

test("wrong options and values are named, and as if they were left out", () => {
  const { wrong, background, mirror } = readOptions("?bg=grean&mirror=yes&size=512&ui=0");
  assert.deepEqual([wrong, background, mirror], [["bg=grean", "mirror=yes", "size=512"], "transparent", false]);
});
