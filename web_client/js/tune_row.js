/** One channel of a tuned output: its name, what is sent, and, opened, its curve and sliders. */
import { coefficients, GROUPS, SIDES } from "./bars.js";
import { Curve } from "./curve.js";
import { make } from "./elements.js";
import { Phrase, phrase, tr } from "./i18n.js";

/**
 * @typedef {import("./curve.js").Changes} Changes
 * @typedef {import("./types.js").PlainKey} PlainKey
 * @typedef {{key: keyof Changes, name: PlainKey, least: number, most: number, step: number, rest: number}} Knob rest:
 *   where it changes nothing
 */

/** @type {Knob[]} */
const COEFFICIENT = [
  { key: "gain", name: "tuning.gain", least: 0, most: 3, step: 0.05, rest: 1 },
  { key: "offset", name: "tuning.offset", least: -0.5, most: 0.5, step: 0.01, rest: 0 },
  { key: "dead_zone", name: "tuning.dead_zone", least: 0, most: 0.5, step: 0.01, rest: 0 },
  { key: "curve", name: "tuning.curve", least: 0.2, most: 4, step: 0.05, rest: 1 },
  { key: "min", name: "tuning.min", least: 0, most: 1, step: 0.01, rest: 0 },
  { key: "max", name: "tuning.max", least: 0, most: 1, step: 0.01, rest: 1 },
];
/** Of the head's angles, in degrees. @type {Knob[]} */
const ANGLE = [
  { key: "gain", name: "tuning.gain", least: -2, most: 3, step: 0.05, rest: 1 },
  { key: "offset", name: "tuning.offset", least: -45, most: 45, step: 1, rest: 0 },
];
/** @type {Record<string, PlainKey>} */
const ANGLES = { headYaw: "tuning.yaw", headPitch: "tuning.pitch", headRoll: "tuning.roll" };

/** @type {Map<string, Phrase>} */
const NAMES = new Map(GROUPS.flatMap(([group, rows]) => rows.flatMap(([label, pattern]) => coefficients(pattern).map((name, i) => {
  const side = SIDES[i], paired = pattern.endsWith("*") && side;
  const text = () => `${tr(group)}: ${tr(label)}${paired ? `, ${tr(side === "Left" ? "expression.left" : "expression.right")}` : ""}`;
  return /** @type {[string, Phrase]} */ ([name, new Phrase(text)]);
}))));

/** @param {string} channel @returns {import("./types.js").Wording} as the page calls it; its own name where it has none */
export const friendly = (channel) => NAMES.get(channel) ?? (ANGLES[channel] ? phrase(ANGLES[channel]) : channel);

/** @param {string} channel @returns {string | null} the one of the other side */
export function otherSide(channel) {
  const [, stem, side] = channel.match(/^(\w+)(Left|Right)$/) ?? [];
  return stem && !/^(jaw|mouth)$/.test(stem) ? stem + (side === "Left" ? "Right" : "Left") : null;
}

export class TuneRow {
  #knobs;
  #changes;
  #onChange;
  #curve;
  /** @type {Map<string, {input: HTMLInputElement, value: HTMLOutputElement}>} */
  #sliders = new Map();
  #fill = make("i");
  #value = make("output");
  element;

  /** @param {string} channel @param {Changes} changes of the profile @param {(changes: Changes) => void} onChange by the user */
  constructor(channel, changes, onChange) {
    this.channel = channel;
    this.#changes = changes;
    this.#onChange = onChange;
    this.#knobs = ANGLES[channel] ? ANGLE : COEFFICIENT;
    this.#curve = ANGLES[channel] ? null : new Curve();
    const head = make("summary", { className: "tune-name", title: channel },
      make("span", {}, friendly(channel)), make("div", { className: "meter" }, this.#fill), this.#value);
    const reset = make("button", { type: "button", className: "small", onclick: () => this.#edit({}) }, phrase("tuning.reset"));
    const side = make("div", { className: "tune-side" }, ...(this.#curve ? [this.#curve.element] : []), reset);
    this.element = make("details", { className: "tune", dataset: { channel } }, head,
      make("div", { className: "tune-body" }, make("div", {}, ...this.#knobs.map((knob) => this.#slider(knob))), side));
    this.#draw();
  }

  /** @param {Changes} changes that come from elsewhere: the other side, a preset */
  set changes(changes) {
    this.#changes = changes;
    this.#draw();
  }

  /** @param {number | undefined} came the face's coefficient @param {number | undefined} sent */
  show(came, sent) {
    this.#fill.style.transform = `scaleX(${(sent ?? 0).toFixed(3)})`;
    this.#value.textContent = sent === undefined ? "" : sent.toFixed(2);
    if (came !== undefined && sent !== undefined) this.#curve?.point(came, sent);
  }

  /** @param {Knob} knob */
  #slider({ key, name, least, most, step, rest }) {
    const input = make("input", { type: "range", min: String(least), max: String(most), step: String(step), dataset: { knob: key } });
    const moved = () => {
      const changes = { ...this.#changes, [key]: Number(input.value) };
      if (changes[key] === rest) delete changes[key];
      this.#edit(changes);
    };
    input.addEventListener("input", moved);
    input.addEventListener("dblclick", () => { input.value = String(rest); moved(); });
    const value = make("output");
    this.#sliders.set(key, { input, value });
    return make("label", {}, make("span", {}, phrase(name)), input, value);
  }

  /** @param {Changes} changes */
  #edit(changes) {
    this.#changes = changes;
    this.#draw();
    this.#onChange(changes);
  }

  #draw() {
    for (const { key, rest } of this.#knobs) {
      const slider = this.#sliders.get(key), now = this.#changes[key] ?? rest;
      if (!slider) continue;
      if (Number(slider.input.value) !== now || !slider.value.textContent) slider.input.value = String(now);
      slider.value.textContent = String(now);
    }
    this.#curve?.draw(this.#changes);
    this.element.classList.toggle("changed", this.#knobs.some(({ key, rest }) => (this.#changes[key] ?? rest) !== rest));
  }
}
