/** A slider for each of the 52 coefficients, in the groups of the live page's bars. */
import { GROUPS } from "../bars.js";
import { tr } from "../i18n.js";

/** Their left and right are opposite movements. */
const APART = ["jaw", "mouth", "eyeLookIn", "eyeLookOut"];
const SIDES = ["Left", "Right"];

/** Tells of every change by `change`. */
export class Sliders extends EventTarget {
  /** @type {Map<string, HTMLInputElement>} by coefficient */
  #inputs = new Map();
  /** What each is called, for those who do not see where it stands: group, movement, side. */
  #words = new Map();
  #photo = {};

  /** @param {HTMLElement} root filled with the sliders @param {HTMLInputElement} together moves both sides at once */
  constructor(root, together) {
    super();
    for (const [title, rows] of GROUPS) root.append(this.#group(title, rows));
    this.name();
    root.addEventListener("input", ({ target }) => {
      if (together.checked) this.#follow(target);
      this.#changed();
    });
    root.addEventListener("dblclick", ({ target }) => target.name && this.set({ ...this.values, [target.name]: this.#photo[target.name] }));
  }

  /** @returns {Record<string, number>} */
  get values() { return Object.fromEntries([...this.#inputs].map(([name, input]) => [name, Number(input.value)])); }

  /** @param {Record<string, number>} expression of the photo, which the sliders start from */
  start(expression) {
    this.#photo = expression;
    this.set(expression);
  }

  /** Names them in the page's language. */
  name() {
    for (const [input, words] of this.#words) input.setAttribute("aria-label", words.map((word) => tr(word)).join(", "));
  }

  asPhoto() { this.set(this.#photo); }

  neutral() { this.set({}); }

  /** @param {Record<string, number>} values missing ones are zero */
  set(values) {
    for (const [name, input] of this.#inputs) input.value = values[name] ?? 0;
    this.#changed();
  }

  #changed() {
    for (const input of this.#inputs.values()) input.style.setProperty("--share", `${100 * input.value}%`);
    this.dispatchEvent(new Event("change"));
  }

  #follow(input) {
    const [, stem, side] = input.name.match(/^(.*?)(Left|Right)$/) ?? [];
    if (!stem || APART.includes(stem)) return;
    this.#inputs.get(stem + SIDES[1 - SIDES.indexOf(side)]).value = input.value;
  }

  #group(title, rows) {
    const group = element("fieldset", "group");
    group.append(element("legend", "", tr(title)));
    for (const [label, pattern] of rows) {
      const names = pattern.endsWith("*") ? SIDES.map((side) => pattern.slice(0, -1) + side) : [pattern];
      const row = element("div", "coef"), pair = element("div", "pair");
      pair.append(...names.map((name, i) => this.#slider(name, [title, label, ...(names.length > 1 ? [SIDES[i]] : [])])));
      row.append(element("span", "", tr(label)), pair);
      group.append(row);
    }
    return group;
  }

  #slider(name, words) {
    const input = element("input");
    Object.assign(input, { type: "range", name, min: 0, max: 1, step: 0.01, value: 0, title: name });
    this.#inputs.set(name, input);
    this.#words.set(input, words);
    return input;
  }
}

function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}
