/** The address of the avatar alone: what may stand in it, and that what may not is said. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { complaint, readOptions, viewPath } from "../../web_client/js/view_options.js";

test("without options it is transparent, whole, and says what is the matter", () => {
  assert.deepEqual(readOptions(""), { background: "transparent", image: false, quiet: false, session: "", mirror: false, cover: false, wrong: [] });
});

test("what the card writes, the page reads", () => {
  for (const background of ["transparent", "00ff00", "ff00ff", "studio", "image"]) {
    for (const mirror of [false, true]) {
      const read = readOptions(viewPath({ background, mirror }).replace(/^view/, ""));
      assert.deepEqual([read.mirror, read.quiet, read.wrong], [mirror, true, []]);
      assert.ok(read.background.includes({ studio: "gradient", image: "transparent" }[background] ?? background));
      assert.equal(read.image, background === "image");
    }
  }
});

test("wrong options and values are named, and as if they were left out", () => {
  const { wrong, background, mirror } = readOptions("?bg=grean&mirror=yes&size=512&ui=0");
  assert.deepEqual([wrong, background, mirror], [["bg=grean", "mirror=yes", "size=512"], "transparent", false]);
});

test("the address of a picture is refused, and the way to a picture is said", () => {
  for (const bg of ["https://elsewhere.example/room.jpg", "//x/y", "/sample/room.png", "javascript:1", "room.jpg"]) {
    const { wrong, background, image } = readOptions(`?bg=${encodeURIComponent(bg)}`);
    assert.deepEqual([wrong, background, image], [[`bg=${bg}`], "transparent", false]);
    assert.match(complaint(wrong), /address is not taken.*bg=image/);
  }
  assert.doesNotMatch(complaint(["mirror=yes"]), /address/);
  assert.equal(complaint([]), "");
});
