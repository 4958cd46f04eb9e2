/** Live bars of the 52 coefficients: the subject's left and right side by side. */
import { make } from "./elements.js";
import { phrase } from "./i18n.js";

/**
 * [title, rows], a row being [label, pattern]: "eyeBlink*" stands for the left and the right one, the rest for themselves.
 *
 * @typedef {import("./types.js").PlainKey} PlainKey
 * @type {[PlainKey, [PlainKey, string][]][]}
 */
export const GROUPS = [
  ["expression.eyes", [
    ["expression.blink", "eyeBlink*"], ["expression.squint", "eyeSquint*"], ["expression.wide", "eyeWide*"],
    ["expression.look_up", "eyeLookUp*"], ["expression.look_down", "eyeLookDown*"],
    ["expression.look_in", "eyeLookIn*"], ["expression.look_out", "eyeLookOut*"],
  ]],
  ["expression.brows", [
    ["expression.inner_up", "browInnerUp"], ["expression.outer_up", "browOuterUp*"], ["expression.down", "browDown*"],
  ]],
  ["expression.jaw", [
    ["expression.open", "jawOpen"], ["expression.forward", "jawForward"], ["expression.sideways", "jaw*"],
  ]],
  ["expression.mouth", [
    ["expression.smile", "mouthSmile*"], ["expression.frown", "mouthFrown*"], ["expression.dimple", "mouthDimple*"],
    ["expression.stretch", "mouthStretch*"], ["expression.press", "mouthPress*"],
    ["expression.upper_up", "mouthUpperUp*"], ["expression.lower_down", "mouthLowerDown*"],
    ["expression.sideways", "mouth*"], ["expression.close", "mouthClose"], ["expression.pucker", "mouthPucker"],
    ["expression.funnel", "mouthFunnel"], ["expression.roll_upper", "mouthRollUpper"],
    ["expression.roll_lower", "mouthRollLower"], ["expression.shrug_upper", "mouthShrugUpper"],
    ["expression.shrug_lower", "mouthShrugLower"],
  ]],
  ["expression.cheeks", [
    ["expression.cheek_puff", "cheekPuff"], ["expression.cheek_squint", "cheekSquint*"],
    ["expression.nose_sneer", "noseSneer*"], ["expression.tongue_out", "tongueOut"],
  ]],
];

export const SIDES = /** @type {const} */ (["Left", "Right"]);

/** @type {Record<"Left" | "Right", {short: PlainKey, title: PlainKey}>} */
const LABELS = { Left: { short: "side.left", title: "live.your_left" }, Right: { short: "side.right", title: "live.your_right" } };

/** @param {string} pattern of a row @returns {string[]} the coefficients it stands for */
export const coefficients = (pattern) => (pattern.endsWith("*") ? SIDES.map((side) => pattern.slice(0, -1) + side) : [pattern]);

export class Bars {
  /** @type {Map<string, {meter: HTMLElement, fill: HTMLElement, value: number}>} by coefficient name */
  #bars = new Map();
  /** @type {string[]} */
  #names = [];

  /** @param {HTMLElement} root filled with the bars, all at zero */
  constructor(root) {
    for (const [title, rows] of GROUPS) root.append(this.#group(title, rows));
    setInterval(() => this.#speak(), 1000);
  }

  /** @param {string[]} names the order of the values, from the server's hello */
  setNames(names) { this.#names = names; }

  /** @param {number[]} values 0..1, in the order of the names */
  show(values) {
    this.#names.forEach((name, i) => {
      const bar = this.#bars.get(name);
      const value = Math.min(1, Math.max(0, values[i] || 0));
      if (!bar || Math.abs(value - bar.value) < 0.004) return;
      bar.value = value;
      bar.fill.style.transform = `scaleX(${value.toFixed(3)})`;
    });
  }

  clear() { this.show(this.#names.map(() => 0)); }

  /** @param {PlainKey} title @param {[PlainKey, string][]} rows */
  #group(title, rows) {
    const sides = make("div", { className: "sides", ariaHidden: "true" }, ...SIDES.map((side) => make("span", { title: phrase(LABELS[side].title) }, phrase(LABELS[side].short))));
    const head = make("div", { className: "group-head" }, make("h3", {}, phrase(title)), sides);
    return make("section", { className: "group" }, head, ...rows.map(([label, pattern]) => {
      const pair = make("div", { className: "pair" }, ...coefficients(pattern).map((name) => this.#meter(name)));
      return make("div", { className: "coef" }, make("span", {}, phrase(label)), pair);
    }));
  }

  /** @param {string} name */
  #meter(name) {
    const fill = make("i");
    const meter = make("div", { className: "meter", title: name, ariaLabel: name, role: "meter", dataset: { name } }, fill);
    for (const [key, value] of Object.entries({ min: 0, max: 100, now: 0 })) meter.setAttribute(`aria-value${key}`, String(value));
    this.#bars.set(name, { meter, fill, value: 0 });
    return meter;
  }

  /** Assistive technology reads attributes; once a second is enough, and costs little. */
  #speak() {
    for (const { meter, value } of this.#bars.values()) {
      const percent = String(Math.round(100 * value));
      if (meter.getAttribute("aria-valuenow") !== percent) meter.setAttribute("aria-valuenow", percent);
    }
  }
}
