/** The texts: the same in both languages, all of them used, and the pages' HTML reads as the English ones. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { EN } from "../../web_client/js/i18n/en.js";
import { ZH } from "../../web_client/js/i18n/zh.js";
import { ZH_SERVER } from "../../web_client/js/i18n/zh_server.js";
import { parse } from "./fake_dom.js";

const CLIENT = new URL("../../web_client/", import.meta.url);
const PAGES = ["index.html", "studio.html"];
const ATTRIBUTES = ["aria-label", "title", "alt", "placeholder"];

const read = (path) => readFileSync(new URL(path, CLIENT), "utf8");
const placeholders = (text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
const squeezed = (text) => text.trim().replace(/[^\S\u00a0]+/g, " ");

/** Every script but the catalogues, by its path. */
const scripts = ["js/", "js/studio/"].flatMap((folder) => readdirSync(new URL(folder, CLIENT))
  .filter((name) => name.endsWith(".js")).map((name) => [folder + name, read(folder + name)]));

/** [page, element, attribute or "", key] of all that is marked in the pages. */
const marked = PAGES.flatMap((name) => ["", ...ATTRIBUTES].flatMap((attribute) => {
  const mark = attribute ? `data-i18n-${attribute}` : "data-i18n";
  return parse(read(name)).querySelectorAll(`[${mark}]`).map((element) => [name, element, attribute, element.getAttribute(mark)]);
}));

const ownText = (element) => squeezed(element.childNodes.filter((node) => node.nodeType === 3).map((node) => node.data).join(" "));

test("both languages have the same keys", () => {
  assert.ok(Object.keys(EN).length > 300);
  assert.deepEqual(Object.keys(ZH), Object.keys(EN));
});

test("both languages have the same values in the same texts", () => {
  for (const key of Object.keys(EN)) assert.deepEqual(placeholders(ZH[key]), placeholders(EN[key]), key);
});

test("keys are ids, and no text is empty", () => {
  for (const [key, text] of [...Object.entries(EN), ...Object.entries(ZH)]) {
    assert.match(key, /^[a-z]+\.[a-z0-9_]+$/);
    assert.ok(text.trim(), key);
  }
});

test("Chinese texts are Chinese, but for names", () => {
  const names = new Set(["takes.jsonl", "takes.csv", "takes.npz"]);
  for (const [key, text] of Object.entries(ZH)) if (!names.has(key)) assert.match(text, /[\u4e00-\u9fff]/, key);
  for (const [key, text] of Object.entries(EN)) assert.doesNotMatch(text, /[\u4e00-\u9fff]/, key);
});

test("every refusal, notice and output's trouble of docs/api.md is said in Chinese, too", () => {
  const docs = readFileSync(new URL("../docs/api.md", CLIENT), "utf8");
  const parts = [...docs.matchAll(/^\| [45]\d\d[^|]*\|.*$|^\| `\{"type":"notice".*$|\{"code","message"\}`: (?:`[a-z-]+`[,.]\s+)+/gm)];
  const codes = new Set(parts.flatMap(([part]) => [...part.matchAll(/`([a-z]+(?:-[a-z]+)*)`/g)].map(([, code]) => code)));
  assert.ok(["token", "disk-full", "camera-frozen", "not-listening", "port-taken"].every((code) => codes.has(code)));
  // What only a program that calls wrongly gets to see, and VTube Studio's own words.
  const others = new Set(["bad-request", "bad-control", "wrong-method", "vts"]);
  // Of photos the server itself says it in both languages.
  const advice = readFileSync(new URL("../face3d_live/reconstruct/advice.py", CLIENT), "utf8");
  for (const [, code] of advice.matchAll(/^ {4}"([a-z-]+)": Advice\(/gm)) others.add(code);
  assert.deepEqual([...codes].filter((code) => !(code in ZH_SERVER) && !others.has(code)), []);
  for (const [code, text] of Object.entries(ZH_SERVER)) assert.match(text, /[\u4e00-\u9fff]/, code);
});

test("the pages read as the English texts", () => {
  assert.ok(marked.length > 100);
  for (const [page, element, attribute, key] of marked) {
    const text = attribute ? squeezed(element.getAttribute(attribute)) : ownText(element);
    assert.equal(text, EN[key], `${page}: ${key}`);
  }
});

test("everything that the pages say is marked", () => {
  const kept = /^(Face3D|–|L|R|\?|中文|512|1024|2048|4096)?$/;
  for (const name of PAGES) {
    for (const element of parse(read(name)).querySelectorAll("")) {
      if (["script", "noscript"].includes(element.localName) || element.parentElement.localName === "noscript") continue;
      if (!element.getAttribute("data-i18n")) assert.match(ownText(element), kept, `${name}: <${element.localName}>`);
      for (const attribute of ATTRIBUTES) {
        if (element.getAttribute(attribute)) assert.ok(element.getAttribute(`data-i18n-${attribute}`), `${name}: ${attribute} of <${element.localName}>`);
      }
    }
  }
});

test("every key that a script asks for is there", () => {
  const asked = scripts.flatMap(([path, text]) => [...text.matchAll(/\b(?:tr|phrase)\(\s*"([^"]+)"/g)].map(([, key]) => [path, key]));
  assert.ok(asked.length > 100);
  for (const [path, key] of asked) assert.ok(key in EN, `${path}: ${key}`);
});

test("no key is unused", () => {
  const used = new Set([
    ...marked.map(([, , , key]) => key),
    ...scripts.flatMap(([, text]) => [...text.matchAll(/"([a-z]+\.[a-z0-9_]+)"/g)].map(([, key]) => key)),
  ]);
  assert.deepEqual(Object.keys(EN).filter((key) => !used.has(key)), []);
});
