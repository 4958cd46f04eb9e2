/** Keys for what one has no hand free for. They are listed by "?", and do nothing while something is typed. */
import { $, byId } from "./dom.js";
import { make } from "./elements.js";
import { phrase } from "./i18n.js";
import { keep, kept } from "./kept.js";

/**
 * @typedef {import("./types.js").PlainKey} PlainKey
 * @typedef {{key: string, name: PlainKey, act: () => void}} Hotkey
 * @typedef {Record<string, number>} Expression
 */

/** The keys that can carry an expression of one's own. */
export const SLOTS = ["4", "5", "6", "7", "8", "9"];
/** Of a face's coefficients, smaller ones are noise. */
const LEAST = 0.15;

export class Acting {
  /** @type {"track" | "rest" | "hold"} */
  mode = "track";
  /** Keys whose expressions are worn now. @type {Set<string>} */
  worn = new Set();
  #send;

  /** @param {(message: import("./types.js").ActMessage) => void} send */
  constructor(send) { this.#send = send; }

  /** @param {"rest" | "hold"} mode on, or off again */
  toggle(mode) {
    this.mode = this.mode === mode ? "track" : mode;
    this.tell();
  }

  /** @param {string} key of a slot: puts its expression on, or takes it off */
  wear(key) {
    if (!(kept("expressions") ?? {})[key]) return;
    if (!this.worn.delete(key)) this.worn.add(key);
    this.tell();
  }

  reset() {
    this.mode = "track";
    this.worn.clear();
    this.#mark();
  }

  /** Also after a new connection. */
  tell() {
    const own = kept("expressions") ?? {};
    /** @type {Expression} */
    const expression = {};
    for (const key of this.worn) {
      for (const [name, value] of Object.entries(own[key] ?? {})) expression[name] = Math.max(expression[name] ?? 0, value);
    }
    this.#send({ type: "act", mode: this.mode, expression });
    this.#mark();
  }

  /** Says on the stage that the face is not one's own. */
  #mark() { $("acting").hidden = this.mode === "track" && !this.worn.size; }
}

/** @param {string[]} names @param {number[]} values of a face @returns {Expression} what is worth keeping of it */
export function worthKeeping(names, values) {
  return Object.fromEntries(names.flatMap((name, i) => ((values[i] ?? 0) >= LEAST && !name.startsWith("eyeLook") ? [[name, Number(values[i]?.toFixed(2))]] : [])));
}

export class Hotkeys {
  #keys;
  #acting;
  #face;
  #dialog = byId("keys", HTMLDialogElement);
  #own = make("ul", { className: "own-keys" });

  /** @param {Hotkey[]} keys @param {Acting} acting @param {() => Expression} face what the face does now */
  constructor(keys, acting, face) {
    this.#keys = keys;
    this.#acting = acting;
    this.#face = face;
    const rows = [...keys, { key: "?", name: /** @type {PlainKey} */ ("keys.list") }];
    $("keys-body").append(
      make("dl", { className: "keys" }, ...rows.map(({ key, name }) => make("div", {}, make("dt", {}, make("kbd", {}, key.toUpperCase())), make("dd", {}, phrase(name))))),
      make("h3", {}, phrase("keys.own")), make("p", { className: "fine" }, phrase("keys.own_text")), this.#own);
    $("keys-close").addEventListener("click", () => this.#dialog.close());
    $("keys-open").addEventListener("click", () => this.#open());
    addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || typing(event.target)) return;
    if (event.key === "?") return this.#open();
    if (this.#dialog.open) return;
    const hotkey = this.#keys.find(({ key }) => key === event.key.toLowerCase());
    if (!hotkey && !SLOTS.includes(event.key)) return;
    event.preventDefault();
    if (hotkey) hotkey.act();
    else this.#acting.wear(event.key);
  }

  #open() {
    this.#draw();
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  #draw() {
    const own = kept("expressions") ?? {};
    this.#own.replaceChildren(...SLOTS.map((key) => make("li", {},
      make("kbd", {}, key),
      make("span", {}, own[key] ? Object.keys(own[key]).join(", ") || "–" : phrase("keys.empty")),
      make("button", { type: "button", className: "small", onclick: () => this.#save(key, this.#face()) }, phrase("keys.take")),
      make("button", { type: "button", className: "small", hidden: !own[key], ariaLabel: phrase("keys.forget"), onclick: () => this.#save(key, undefined) }, "✕"))));
  }

  /** @param {string} key @param {Expression | undefined} expression */
  #save(key, expression) {
    const own = { ...kept("expressions") };
    if (expression) own[key] = expression;
    else delete own[key];
    keep("expressions", own);
    this.#draw();
  }
}

/** @param {EventTarget | null} target whether keys are its own */
function typing(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "range", "button", "color", "file"].includes(target.type);
  return ["textarea", "select"].includes(target.localName) || target.isContentEditable;
}
