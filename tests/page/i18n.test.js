/** A change of language reaches all that is shown, wherever it came from, and only that. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { memory, page, parse } from "./fake_dom.js";

const CLIENT = new URL("../../web_client/", import.meta.url);
const INDEX = readFileSync(new URL("index.html", CLIENT), "utf8");
let loaded = 0;

/** A page and its own i18n module. @returns {Promise<[document: any, i18n: any]>} */
async function opened(html, browser) {
  const document = page(html, browser);
  return [document, await import(`../../web_client/js/i18n.js?page=${++loaded}`)];
}

const SHOWN = ["aria-label", "title", "alt"];
const all = (document) => document.querySelectorAll("").flatMap((element) => [
  element.textContent.trim().replace(/\s+/g, " "), ...SHOWN.map((name) => element.getAttribute(name)),
]);

test("the browser's language is the page's first one", async () => {
  for (const [language, wanted] of [["en-GB", "en"], ["zh-CN", "zh"], ["ZH-tw", "zh"], ["fr", "en"]]) {
    const [document, i18n] = await opened(INDEX, { language });
    assert.equal(i18n.language, wanted);
    assert.equal(document.documentElement.lang, wanted === "zh" ? "zh-CN" : "en");
  }
});

test("what was chosen goes before it, unless this page cannot speak it", async () => {
  for (const [kept, wanted] of [["zh", "zh"], ["en", "en"], ["fr", "en"], ["", "en"], ["__proto__", "en"]]) {
    const [, i18n] = await opened(INDEX, { storage: memory({ "face3d-language": kept }) });
    assert.equal(i18n.language, wanted, kept);
    assert.equal(i18n.tr("nav.live"), wanted === "zh" ? "实时" : "Live");
  }
});

test("a browser that refuses to remember does not hinder", async () => {
  const refuse = () => { throw new DOMException("", "SecurityError"); };
  const [, i18n] = await opened(INDEX, { storage: { getItem: refuse, setItem: refuse } });
  i18n.setLanguage("zh");
  assert.equal(i18n.language, "zh");
});

test("the page's own texts change, and change back to what they were", async () => {
  const [document, i18n] = await opened(INDEX);
  const before = all(document);
  i18n.setLanguage("zh");
  assert.equal(document.getElementById("card-title").textContent, "你的脸，带动三维头像");
  assert.equal(document.getElementById("mirror").getAttribute("title"), "像照镜子一样显示两个画面");
  assert.equal(document.querySelector("title").textContent, "Face3D 实时");
  const [button] = document.querySelectorAll("[data-language]");
  assert.equal(button.textContent, "English");
  button.click();
  assert.equal(i18n.language, "en");
  assert.deepEqual(all(document).map((text) => text?.replace("\u00a0", " ")), before.map((text) => text?.replace("\u00a0", " ")));
});

test("the choice is remembered, told, and the links between the pages keep the token", async () => {
  const storage = memory();
  const [document, i18n] = await opened(INDEX, { storage, search: "?token=s%26" });
  let told = 0;
  globalThis.addEventListener("languagechanged", () => told++);
  i18n.setLanguage("zh");
  assert.equal(storage.getItem("face3d-language"), "zh");
  assert.equal(told, 1);
  assert.deepEqual(document.querySelectorAll("a[data-page]").map((link) => link.search), ["?token=s%26", "?token=s%26"]);
});

test("values are put in, and values may be texts that change", async () => {
  const [, i18n] = await opened("");
  assert.equal(i18n.tr("session.trying_in", { seconds: 3 }), "Trying again in 3 s…");
  assert.equal(i18n.tr("tuning.saved", { name: "$& {name}" }), "Saved as $& {name}.");
  const measured = i18n.phrase("calibrate.measured", { name: i18n.phrase("calibrate.jaw") });
  assert.equal(String(measured), "Measured: Open mouth.");
  i18n.setLanguage("zh");
  assert.equal(String(measured), "已测量：张嘴。");
});

test("what a script wrote changes, until it writes something else", async () => {
  const [document, i18n] = await opened("<p id=\"a\">old</p><p id=\"b\"></p><input id=\"c\">");
  const [a, b, c] = ["a", "b", "c"].map((id) => document.getElementById(id));
  i18n.write(a, i18n.phrase("outputs.send_to", { name: "VMC" }));
  i18n.write(b, i18n.phrase("live.stop"));
  i18n.write(b, "Stop");
  i18n.writeAttribute(c, "placeholder", i18n.phrase("tuning.find"));
  i18n.writeAttribute(c, "title", "jawOpen");
  assert.deepEqual([a.textContent, b.textContent, c.getAttribute("placeholder")], ["Send to VMC", "Stop", "Find a channel"]);
  i18n.setLanguage("zh");
  assert.deepEqual([a.textContent, b.textContent], ["发送到 VMC", "Stop"]);
  assert.deepEqual([c.getAttribute("placeholder"), c.getAttribute("title")], ["查找通道", "jawOpen"]);
});

test("elements inside keep their place and what was done to them", async () => {
  const [document, i18n] = await opened("<label data-i18n=\"order.mesh\">\n Mesh <select id=\"mesh\"><option>x</option></select></label>");
  const label = document.querySelector("label"), select = document.getElementById("mesh");
  i18n.setLanguage("zh");
  assert.equal(document.getElementById("mesh"), select);
  assert.deepEqual(label.childNodes.map((node) => node.data ?? node.localName), ["\n 网格 ", "select"]);
});

test("the same text is not written again", async () => {
  const [document, i18n] = await opened("<p id=\"a\">Stop</p>");
  const a = document.getElementById("a"), [text] = a.childNodes;
  i18n.write(a, i18n.phrase("live.stop"));
  assert.equal(a.childNodes[0], text, "a screen reader would read it aloud again");
});

test("the fake reads pages as they are", () => {
  const root = parse("<p class=\"a b\">x<br>y <b title=\"a &amp; b\">z</b></p><!-- no -->");
  assert.equal(root.textContent, "xy z");
  assert.equal(root.querySelector("b[title]").getAttribute("title"), "a & b");
});
