/** What of the finished head can be changed beside its expression: hair, shape, light, and the pose that the files have. */
import { Emitter } from "../emitter.js";
import { make } from "../elements.js";
import { styleList } from "../hair.js";
import { phrase } from "../i18n.js";

/**
 * @typedef {{hair: string | null, hair_style: string | null, shape: number[], light: number}} Edit hair: "#rrggbb", "none", or null: as in the photo; so is hair_style null
 * @typedef {Edit & {expression: Record<string, number>, pose: [yaw: number, pitch: number] | null}} WholeEdit
 */

const SHAPES = 8;
/** What the picker shows where the photo does not tell. */
const UNKNOWN = "#3a2c22";

/** Tells of every change by `change`. @extends {Emitter<{change: undefined}>} */
export class Edits extends Emitter {
  #colour = make("input", { type: "color", id: "hair", value: UNKNOWN, ariaLabel: phrase("edit.hair"), oninput: () => this.#chosen() });
  #style = styleList("hair-style", () => this.#styled());
  #back = make("button", { type: "button", className: "quiet small", id: "hair-back", onclick: () => this.#asPhoto() }, phrase("edit.as_photo"));
  #pose = make("input", { type: "checkbox", id: "pose", autocomplete: "off" });
  #light = this.#slider("light", 0.2, 2, 1);
  #shape = Array.from({ length: SHAPES }, (_, i) => this.#slider(`shape${i + 1}`, -3, 3, 0));
  /** @type {string | null} what the photo shows */
  #photo = null;
  /** @type {string | null} */
  #hair = null;

  /** @param {HTMLElement} root filled with the controls */
  constructor(root) {
    super();
    const rows = this.#shape.map((input, i) => {
      const name = phrase("edit.component", { number: i + 1 });
      return make("label", { className: "edit-row" }, make("span", {}, name), input);
    });
    root.append(
      make("div", { className: "edit-row hair" }, make("span", {}, phrase("edit.hair")), this.#colour,
        this.#style, this.#back),
      make("details", { className: "more" }, make("summary", {}, phrase("edit.more")),
        make("label", { className: "edit-row" }, make("span", {}, phrase("edit.light")), this.#light), ...rows,
        make("label", { className: "switch" }, this.#pose, make("span", {}, phrase("edit.pose"))),
        make("p", { className: "hint" }, phrase("edit.files"))));
  }

  /** @returns {Edit} */
  get values() {
    const shape = this.#shape.map((input) => Number(input.value));
    return { hair: this.#hair, hair_style: this.#style.value || null, shape: shape.some(Boolean) ? shape : [], light: Number(this.#light.value) };
  }

  /** Whether the files are to have the pose of the view. @returns {boolean} */
  get posed() { return this.#pose.checked; }

  /** A head comes. @param {string | null} hair of its photo @param {Partial<WholeEdit>} [edited] what was changed of it before */
  start(hair, edited = {}) {
    this.#photo = hair;
    this.#pose.checked = Boolean(edited.pose);
    this.#light.value = String(edited.light ?? 1);
    for (const [i, input] of this.#shape.entries()) input.value = String(edited.shape?.[i] ?? 0);
    this.#style.value = edited.hair_style ?? (edited.hair === "none" ? "bald" : "");
    this.#show(edited.hair === "none" ? null : edited.hair ?? null);
  }

  #asPhoto() {
    this.#style.value = "";
    this.#show(null);
    this.emit("change", undefined);
  }

  #chosen() {
    this.#show(this.#colour.value);
    this.emit("change", undefined);
  }

  #styled() {
    this.#show(this.#hair);
    this.emit("change", undefined);
  }

  /** @param {string | null} hair */
  #show(hair) {
    this.#hair = hair;
    const seen = hair ?? this.#photo;
    if (seen?.startsWith("#")) this.#colour.value = seen;
    this.#colour.disabled = this.#style.value === "bald";
    this.#back.disabled = hair === null && !this.#style.value;
    for (const input of [this.#light, ...this.#shape]) filled(input);
  }

  /** @param {string} name @param {number} min @param {number} max @param {number} value */
  #slider(name, min, max, value) {
    const input = make("input", { type: "range", name, min: String(min), max: String(max), step: "0.05", value: String(value), autocomplete: "off" });
    input.addEventListener("input", () => {
      filled(input);
      this.emit("change", undefined);
    });
    input.addEventListener("dblclick", () => {
      input.value = String(value);
      filled(input);
      this.emit("change", undefined);
    });
    return input;
  }
}

/** @param {HTMLInputElement} input whose track shows its value */
function filled(input) {
  const min = Number(input.min), max = Number(input.max);
  input.style.setProperty("--share", `${(100 * (Number(input.value) - min)) / (max - min)}%`);
}
