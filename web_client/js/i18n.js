/**
 * The page's language. Texts have ids; `i18n/en.js` and `i18n/zh.js` hold what they read.
 *
 * `data-i18n="id"` names an element's own text, `data-i18n-title="id"` and the like an attribute. What scripts write by
 * `write` and `writeAttribute` is marked in the same way, so that a change of language reaches all that is shown and
 * interrupts nothing that runs.
 *
 * @typedef {import("./types.js").Key} Key
 * @typedef {import("./types.js").Language} Language
 * @typedef {import("./types.js").Wording} Wording
 */
import { EN } from "./i18n/en.js";
import { ZH } from "./i18n/zh.js";
import { withFragment } from "./token.js";

const STORE = "face3d-language";
const ATTRIBUTES = ["aria-label", "title", "alt", "placeholder"];

/** @type {Language} */
export let language = stored() ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");

/** @returns {Language | null} what was chosen; a private window may refuse to remember */
function stored() {
  try {
    const kept = localStorage.getItem(STORE);
    return kept === "en" || kept === "zh" ? kept : null;
  } catch {
    return null;
  }
}

/** A text that reads differently in another language: what it reads is asked for anew each time it is shown. */
export class Phrase {
  #read;

  /** @param {() => string} read in the page's language as it is then */
  constructor(read) { this.#read = read; }

  toString() { return this.#read(); }
}

/**
 * @template {Key} K
 * @param {K} key @param {import("./types.js").Values<K>} rest the values of its text
 * @returns {string} the text in the page's language as it is now
 */
export function tr(key, ...rest) {
  const values = /** @type {Record<string, string | number | Phrase>} */ (rest[0] ?? {});
  /** @type {string} */
  const text = (language === "zh" ? ZH : EN)[key];
  return text.replace(/\{(\w+)\}/g, (whole, /** @type {string} */ name) => String(values[name] ?? whole));
}

/**
 * @template {Key} K
 * @param {K} key @param {import("./types.js").Values<K>} rest the values of its text
 * @returns {Phrase}
 */
export function phrase(key, ...rest) {
  return new Phrase(() => tr(key, ...rest));
}

/** What scripts have written, by element and by attribute; "" is the text. @type {WeakMap<Element, Map<string, Phrase>>} */
const written = new WeakMap();

const mark = (/** @type {string} */ attribute) => (attribute ? `data-i18n-${attribute}` : "data-i18n");

/** @param {Element} element whose own text it becomes; elements inside it stay @param {Wording} text */
export function write(element, text) {
  remember(element, "", text);
  show(element, "", String(text));
}

/** @param {Element} element @param {string} attribute one of `ATTRIBUTES` @param {Wording} text */
export function writeAttribute(element, attribute, text) {
  remember(element, attribute, text);
  show(element, attribute, String(text));
}

/** @param {Element} element @param {string} attribute @param {Wording} text */
function remember(element, attribute, text) {
  const known = written.get(element) ?? new Map();
  if (text instanceof Phrase) {
    written.set(element, known.set(attribute, text));
    element.setAttribute(mark(attribute), "");
  } else {
    known.delete(attribute);
    element.removeAttribute(mark(attribute));
  }
}

/** @param {Element} element @param {string} attribute @param {string} text */
function show(element, attribute, text) {
  if (attribute) {
    if (element.getAttribute(attribute) !== text) element.setAttribute(attribute, text);
  } else if (element.childElementCount === 0) {
    if (element.textContent !== text) element.textContent = text; // what is the same is not read aloud again
  } else {
    const nodes = /** @type {Text[]} */ ([...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE));
    const own = nodes.find((node) => node.data.trim());
    if (own) own.data = own.data.replace(/\S(.*\S)?/s, () => text);
    else element.append(text);
  }
}

/** Puts everything that is marked under `root` into the page's language. @param {ParentNode} root */
function localize(root) {
  for (const attribute of ["", ...ATTRIBUTES]) {
    for (const element of root.querySelectorAll(`[${mark(attribute)}]`)) {
      const key = /** @type {import("./types.js").PlainKey} */ (element.getAttribute(mark(attribute)));
      const text = written.get(element)?.get(attribute) ?? tr(key);
      show(element, attribute, String(text));
    }
  }
}

function showLanguage() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  localize(document);
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-language]"))) {
    button.textContent = language === "zh" ? "English" : "中文";
    button.lang = language === "zh" ? "en" : "zh-CN";
    button.setAttribute("aria-label", language === "zh" ? "Switch to English" : "切换到中文");
  }
}

/** @param {Language} chosen from now on, also in the pages that are opened later */
export function setLanguage(chosen) {
  language = chosen;
  try {
    localStorage.setItem(STORE, chosen);
  } catch { /* it is not remembered then */ }
  showLanguage();
  dispatchEvent(new Event("languagechanged"));
}

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => setLanguage(language === "zh" ? "en" : "zh"));
}
// Links between the pages keep the token.
for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll("a[data-page]"))) {
  link.search = location.search;
  link.hash = withFragment("");
}
showLanguage();
