/** What of the finished head can be changed beside its expression: hair, shape, light, and the pose that the files have. */
import { Emitter } from "../emitter.js";
import { make } from "../elements.js";
import { phrase } from "../i18n.js";
import { StyleRow } from "../styling.js";

/**
 * @typedef {{hair: string | null, hair_style: string | null, glasses: string | null, glasses_colour: string | null, shape: number[], light: number}} Edit
 * hair: "#rrggbb", "none", or null: as in the photo; so is null elsewhere
 * @typedef {Edit & {expression: Record<string, number>, pose: [yaw: number, pitch: number] | null}} WholeEdit
 */

const SHAPES = 8;

/** Tells of every change by `change`. @extends {Emitter<{change: undefined}>} */
export class Edits extends Emitter {
  #hair = new StyleRow("hair", phrase("studio.hair"), phrase("edit.as_photo"));
  #glasses = new StyleRow("glasses", phrase("studio.glasses"), phrase("edit.as_photo"));
  #pose = make("input", { type: "checkbox", id: "pose", autocomplete: "off" });
  #light = this.#slider("light", 0.2, 2, 1);
  #shape = Array.from({ length: SHAPES }, (_, i) => this.#slider(`shape${i + 1}`, -3, 3, 0));

  /** @param {HTMLElement} root filled with the controls */
  constructor(root) {
    super();
    const rows = this.#shape.map((input, i) => {
      const name = phrase("edit.component", { number: i + 1 });
      return make("label", { className: "edit-row" }, make("span", {}, name), input);
    });
    for (const row of [this.#hair, this.#glasses]) row.on("change", () => this.emit("change", undefined));
    root.append(
      this.#hair.element, this.#glasses.element,
      make("details", { className: "more" }, make("summary", {}, phrase("edit.more")),
        make("label", { className: "edit-row" }, make("span", {}, phrase("edit.light")), this.#light), ...rows,
        make("label", { className: "switch" }, this.#pose, make("span", {}, phrase("edit.pose"))),
        make("p", { className: "hint" }, phrase("edit.files"))));
  }

  /** @returns {Edit} */
  get values() {
    const shape = this.#shape.map((input) => Number(input.value));
    const { style: hair_style, colour: hair } = this.#hair.value, { style: glasses, colour: glasses_colour } = this.#glasses.value;
    return { hair, hair_style, glasses, glasses_colour, shape: shape.some(Boolean) ? shape : [], light: Number(this.#light.value) };
  }

  /** Whether the files are to have the pose of the view. @returns {boolean} */
  get posed() { return this.#pose.checked; }

  /** A head comes. @param {string | null} hair of its photo @param {Partial<WholeEdit>} [edited] what was changed of it before */
  start(hair, edited = {}) {
    this.#pose.checked = Boolean(edited.pose);
    this.#light.value = String(edited.light ?? 1);
    for (const [i, input] of this.#shape.entries()) input.value = String(edited.shape?.[i] ?? 0);
    const bald = edited.hair === "none" ? "bald" : null;
    this.#hair.show({ style: edited.hair_style ?? bald, colour: edited.hair ?? null }, hair);
    this.#glasses.show({ style: edited.glasses ?? null, colour: edited.glasses_colour ?? null });
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
