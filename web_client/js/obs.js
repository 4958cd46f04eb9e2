/** The card for OBS and other streaming programs: the address of the avatar alone, with its background chosen here. */
import { covering, storeBackdrop, storedBackdrop } from "./backdrop.js";
import { make } from "./elements.js";
import { phrase, write } from "./i18n.js";
import { keep, kept } from "./kept.js";
import { withFragment } from "./token.js";
import { viewPath } from "./view_options.js";

/** @typedef {import("./types.js").PlainKey} PlainKey */

/** @type {[value: string, name: PlainKey][]} */
const BACKGROUNDS = [["transparent", "obs.transparent"], ["00ff00", "obs.green"], ["ff00ff", "obs.magenta"], ["studio", "obs.studio"],
  ["image", "obs.image"]];
const SIZES = ["512", "720", "1080"];
const SAID_MS = 2500;

/** The three steps as small drawings: rectangles and lines in a square of 24. @type {[paths: string, name: PlainKey][]} */
const STEPS = [
  ["M4 4h16v12H4zM12 7v6M9 10h6", "obs.step_source"], ["M3 9h18v6H3zM6 12h7", "obs.step_address"], ["M5 5h14v14H5zM9 12h6M12 9v6", "obs.step_size"],
];

export class ObsCard {
  #address = make("input", { readOnly: true, ariaLabel: phrase("obs.address"), onfocus: () => this.#address.select() });
  #copy = make("button", { type: "button", className: "small", onclick: () => this.#copied() }, phrase("obs.copy"));
  #mirror = make("input", { type: "checkbox", checked: kept("viewMirror") === true, autocomplete: "off", onchange: () => {
    keep("viewMirror", this.#mirror.checked);
    this.#show();
  } });
  #size = make("select", { onchange: () => this.#show() }, ...SIZES.map((side) => make("option", { value: side }, `${side} × ${side}`)));
  #step = make("p", { className: "fine" });
  #swatches = BACKGROUNDS.map(([value, name]) => make("button", {
    type: "button", className: "swatch", title: phrase(name), ariaLabel: phrase(name), dataset: { background: value }, onclick: () => this.#choose(value),
  }));
  #file = make("input", { type: "file", accept: "image/*", hidden: true, onchange: () => this.#kept() });
  #note = make("p", { className: "fine", role: "status", hidden: true });
  /** @type {string | null} address of the picture that this browser keeps */
  #picture = null;
  #open = make("a", { target: "_blank" }, phrase("obs.open"));
  element = make("section", { className: "box obs" },
    make("h3", {}, phrase("obs.title")),
    make("ol", { className: "obs-steps" }, ...STEPS.map(([paths, name]) => make("li", {}, drawing(paths), make("span", {}, phrase(name))))),
    make("div", { className: "swatches", role: "group", ariaLabel: phrase("obs.background") }, ...this.#swatches),
    make("div", { className: "out-row" }, make("label", { className: "wide" }, make("span", {}, phrase("obs.size")), this.#size),
      make("label", { className: "check wide" }, this.#mirror, make("span", {}, phrase("tuning.mirror")))),
    make("div", { className: "out-row" }, make("div", { className: "wide" }, this.#address), this.#copy),
    this.#file, this.#note, this.#step, this.#open);

  constructor() {
    this.#show();
    storedBackdrop().then((picture) => picture && this.#paint(picture));
  }

  /** @param {string} value of the background; the picture is asked for where there is none, and at the second click */
  #choose(value) {
    if (value === "image" && (!this.#picture || kept("viewBackground") === "image")) return this.#file.click();
    keep("viewBackground", value);
    this.#show();
  }

  async #kept() {
    const [file] = this.#file.files ?? [];
    const picture = file ? await storeBackdrop(file) : null;
    this.#file.value = "";
    if (!file) return;
    if (picture) {
      this.#paint(picture);
      keep("viewBackground", "image");
    }
    this.#show();
    if (!picture) this.#say("obs.no_image");
  }

  /** On its swatch. @param {Blob} picture */
  #paint(picture) {
    if (this.#picture) URL.revokeObjectURL(this.#picture);
    this.#picture = URL.createObjectURL(picture);
    const swatch = this.#swatches.find(({ dataset }) => dataset.background === "image");
    if (swatch) swatch.style.background = covering(this.#picture);
  }

  /** @param {PlainKey} key */
  #say(key) {
    write(this.#note, phrase(key));
    this.#note.hidden = false;
  }

  #show() {
    const background = BACKGROUNDS.find(([value]) => value === kept("viewBackground"))?.[0] ?? "transparent";
    for (const swatch of this.#swatches) swatch.setAttribute("aria-pressed", String(swatch.dataset.background === background));
    this.#address.value = this.#open.href = new URL(withFragment(viewPath({ background, mirror: this.#mirror.checked })), location.href).href;
    this.#note.hidden = true;
    if (background === "image") this.#say("obs.image_note");
    write(this.#step, phrase("obs.enter", { side: this.#size.value }));
  }

  async #copied() {
    try {
      await navigator.clipboard.writeText(this.#address.value);
      write(this.#copy, phrase("obs.copied"));
    } catch {
      this.#address.select(); // a page over plain http may not: Ctrl+C does
    }
    setTimeout(() => write(this.#copy, phrase("obs.copy")), SAID_MS);
  }
}

/** @param {string} paths */
function drawing(paths) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", paths);
  svg.append(path);
  return svg;
}
