/** A slider for each of the 52 coefficients, in the groups of the live page's bars. */
import { coefficients, GROUPS, SIDES } from "../bars.js";
import { Emitter } from "../emitter.js";
import { make } from "../elements.js";
import { Phrase, phrase, tr } from "../i18n.js";

/**
 * @typedef {import("../types.js").PlainKey} PlainKey
 * @typedef {Record<string, number>} Expression coefficients by name
 */

/** Their left and right are opposite movements. */
const APART = ["jaw", "mouth", "eyeLookIn", "eyeLookOut"];

/** Tells of every change by `change`. @extends {Emitter<{change: undefined}>} */
export class Sliders extends Emitter {
  /** @type {Map<string, HTMLInputElement>} by coefficient */
  #inputs = new Map();
  /** @type {Expression} */
  #photo = {};

  /** @param {HTMLElement} root filled with the sliders @param {HTMLInputElement} together moves both sides at once */
  constructor(root, together) {
    super();
    for (const [title, rows] of GROUPS) root.append(this.#group(title, rows));
    root.addEventListener("input", ({ target }) => {
      if (together.checked && target instanceof HTMLInputElement) this.#follow(target);
      this.#changed();
    });
    root.addEventListener("dblclick", ({ target }) => {
      if (target instanceof HTMLInputElement) this.set({ ...this.values, [target.name]: this.#photo[target.name] ?? 0 });
    });
  }

  /** @returns {Expression} */
  get values() { return Object.fromEntries([...this.#inputs].map(([name, input]) => [name, Number(input.value)])); }

  /** @param {Expression} expression of the photo @param {Expression} [shown] what the sliders start from */
  start(expression, shown = expression) {
    this.#photo = expression;
    this.set(shown);
  }

  asPhoto() { this.set(this.#photo); }

  neutral() { this.set({}); }

  /** @param {Expression} values missing ones are zero */
  set(values) {
    for (const [name, input] of this.#inputs) input.value = String(values[name] ?? 0);
    this.#changed();
  }

  #changed() {
    for (const input of this.#inputs.values()) input.style.setProperty("--share", `${100 * Number(input.value)}%`);
    this.emit("change", undefined);
  }

  /** The other side does the same, where that is one movement. @param {HTMLInputElement} moved */
  #follow(moved) {
    const side = SIDES.find((end) => moved.name.endsWith(end));
    if (!side) return;
    const stem = moved.name.slice(0, -side.length);
    const other = this.#inputs.get(stem + (side === "Left" ? "Right" : "Left"));
    if (other && !APART.includes(stem)) other.value = moved.value;
  }

  /** @param {PlainKey} title @param {[PlainKey, string][]} rows */
  #group(title, rows) {
    return make("fieldset", { className: "group" }, make("legend", {}, phrase(title)), ...rows.map(([label, pattern]) => {
      const pair = make("div", { className: "pair" }, ...coefficients(pattern).map((name) => this.#slider(name, words(title, label, name, pattern))));
      return make("div", { className: "coef" }, make("span", {}, phrase(label)), pair);
    }));
  }

  /** @param {string} name @param {Phrase} label */
  #slider(name, label) {
    const input = make("input", { type: "range", name, min: "0", max: "1", step: "0.01", value: "0", title: name, ariaLabel: label });
    this.#inputs.set(name, input);
    return input;
  }
}

/** What a slider is called, for those who do not see where it stands: group, movement, side. */
/** @param {PlainKey} title @param {PlainKey} label @param {string} name of the coefficient @param {string} pattern of its row */
function words(title, label, name, pattern) {
  /** @type {PlainKey[]} */
  const keys = [title, label];
  if (pattern.endsWith("*")) keys.push(name.endsWith("Left") ? "expression.left" : "expression.right");
  return new Phrase(() => keys.map((key) => tr(key)).join(", "));
}
