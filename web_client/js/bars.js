/** Live bars of the 52 coefficients: the subject's left and right side by side. */
import { tr } from "./i18n.js";

/** [title, [label, names...]]: a pair has a left and a right name, the rest one. */
export const GROUPS = [
  ["Eyes", [["Blink", "eyeBlink*"], ["Squint", "eyeSquint*"], ["Wide", "eyeWide*"], ["Look up", "eyeLookUp*"],
    ["Look down", "eyeLookDown*"], ["Look in", "eyeLookIn*"], ["Look out", "eyeLookOut*"]]],
  ["Brows", [["Inner up", "browInnerUp"], ["Outer up", "browOuterUp*"], ["Down", "browDown*"]]],
  ["Jaw", [["Open", "jawOpen"], ["Forward", "jawForward"], ["Sideways", "jaw*"]]],
  ["Mouth", [["Smile", "mouthSmile*"], ["Frown", "mouthFrown*"], ["Dimple", "mouthDimple*"], ["Stretch", "mouthStretch*"],
    ["Press", "mouthPress*"], ["Upper up", "mouthUpperUp*"], ["Lower down", "mouthLowerDown*"], ["Sideways", "mouth*"],
    ["Close", "mouthClose"], ["Pucker", "mouthPucker"], ["Funnel", "mouthFunnel"], ["Roll upper", "mouthRollUpper"],
    ["Roll lower", "mouthRollLower"], ["Shrug upper", "mouthShrugUpper"], ["Shrug lower", "mouthShrugLower"]]],
  ["Cheeks, nose, tongue", [["Cheek puff", "cheekPuff"], ["Cheek squint", "cheekSquint*"], ["Nose sneer", "noseSneer*"],
    ["Tongue out", "tongueOut"]]],
];

export class Bars {
  /** @type {Map<string, {meter: HTMLElement, fill: HTMLElement, value: number}>} by coefficient name */
  #bars = new Map();
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

  #group(title, rows) {
    const group = element("section", "group");
    group.append(element("h3", "", tr(title)));
    for (const [label, pattern] of rows) {
      const names = pattern.endsWith("*") ? ["Left", "Right"].map((side) => pattern.slice(0, -1) + side) : [pattern];
      const row = element("div", "coef"), pair = element("div", "pair");
      pair.append(...names.map((name) => this.#meter(name)));
      row.append(element("span", "", tr(label)), pair);
      group.append(row);
    }
    return group;
  }

  #meter(name) {
    const meter = element("div", "meter"), fill = element("i");
    meter.dataset.name = meter.title = name;
    const aria = { role: "meter", "aria-label": name, "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": "0" };
    for (const [key, value] of Object.entries(aria)) meter.setAttribute(key, value);
    meter.append(fill);
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

function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}
