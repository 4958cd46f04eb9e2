/**
 * The page's language. English sentences are their own keys: they stand in the pages and scripts, and `i18n_zh.js` has
 * each of them in Chinese. A language is changed in place, so that nothing that runs is interrupted.
 */
import { ZH } from "./i18n_zh.js";

const STORE = "face3d-language";
const ATTRIBUTES = ["aria-label", "title", "alt"];
const ENGLISH = new Map(Object.entries(ZH).map(([english, chinese]) => [chinese, english]));

/** "en" or "zh". */
export let language = stored() ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");

/** A private window may refuse to remember. */
function stored() {
  try {
    return localStorage.getItem(STORE);
  } catch {
    return null;
  }
}

const squeezed = (text) => text.trim().replace(/\s+/g, " ");

/**
 * @param {string} text English (or what `tr` made of it in another language); {name} stands for a value
 * @param {Record<string, string | number>} [values]
 */
export function tr(text, values = {}) {
  const key = squeezed(text);
  const english = ENGLISH.get(key) ?? key;
  const found = language === "zh" ? (ZH[english] ?? english) : english;
  return found.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Strings, arrays and objects of them, as they read at the moment they are asked for; functions are left alone. */
export function translated(strings) {
  return new Proxy(strings, {
    get(target, key) {
      const value = target[key];
      if (typeof value === "string") return tr(value);
      if (Array.isArray(value)) return value.map((text) => tr(text));
      return typeof value === "object" && value !== null ? translated(value) : value;
    },
  });
}

/** Puts everything that is shown under `root` into the page's language. */
export function localize(root = document.body) {
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode, text = squeezed(node.data);
    if (text && !node.parentElement.closest("[data-language], script, style")) replace(text, (made) => {
      node.data = node.data.match(/^\s*/)[0] + made + node.data.match(/\s*$/)[0];
    });
  }
  for (const name of ATTRIBUTES) {
    for (const element of root.querySelectorAll(`[${name}]`)) {
      replace(squeezed(element.getAttribute(name)), (made) => element.setAttribute(name, made));
    }
  }
}

function replace(text, put) {
  const made = tr(text);
  if (made !== text) put(made);
}

function show() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = tr(document.title);
  localize();
  for (const button of document.querySelectorAll("[data-language]")) {
    button.textContent = language === "zh" ? "English" : "中文";
    button.lang = language === "zh" ? "en" : "zh-CN";
    button.setAttribute("aria-label", language === "zh" ? "Switch to English" : "切换到中文");
  }
}

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => {
    language = language === "zh" ? "en" : "zh";
    try {
      localStorage.setItem(STORE, language);
    } catch { /* it is not remembered then */ }
    show();
    dispatchEvent(new Event("languagechanged"));
  });
}
// Links between the pages keep the token.
for (const link of document.querySelectorAll("a[data-page]")) link.search = location.search;
show();
