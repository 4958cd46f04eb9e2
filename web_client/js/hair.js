/** Hair styles by name, a list to choose one from, and the live page's controls of the own head's hair. */
import { $ } from "./dom.js";
import { Emitter } from "./emitter.js";
import { make } from "./elements.js";
import { phrase } from "./i18n.js";
import { keep, kept } from "./kept.js";

/** @typedef {import("./types.js").Hair} Hair */

/** What the server's styles are called, `face3d_live/hairstyle.py`: "hair." and the style. */
const CALLED = /** @type {const} */ ([
  "hair.bald", "hair.receding", "hair.buzz", "hair.short", "hair.swept_back", "hair.side_parting", "hair.fringe", "hair.curls", "hair.afro",
  "hair.bob", "hair.medium", "hair.long", "hair.ponytail", "hair.braid",
]);
export const STYLES = CALLED.map((key) => key.slice("hair.".length));

/** @param {string} id @param {() => void} onchange @returns {HTMLSelectElement} whose value is a style, or "": as it is seen */
export function styleList(id, onchange) {
  return make("select", { id, autocomplete: "off", ariaLabel: phrase("hair.style"), onchange },
    make("option", { value: "" }, phrase("hair.as_seen")),
    ...CALLED.map((key, i) => make("option", { value: STYLES[i] ?? "" }, phrase(key))));
}

/** The own head's hair on the live page: tells of every change by `change`, keeps it. @extends {Emitter<{change: Hair}>} */
export class HairChoice extends Emitter {
  #style = styleList("hair-style", () => this.#changed());
  #colour = make("input", { type: "color", id: "hair-colour", value: "#3a2c22", ariaLabel: phrase("edit.hair"), oninput: () => this.#pick() });
  #back = make("button", { type: "button", className: "quiet small", id: "hair-seen", onclick: () => this.#asSeen() }, phrase("hair.as_seen"));
  /** @type {string | null} */
  #picked = null;

  constructor() {
    super();
    const { style = null, colour = null } = kept("hair") ?? {};
    if (STYLES.some((name) => name === style)) this.#style.value = String(style);
    if (/^#[0-9a-f]{6}$/i.test(String(colour))) this.#colour.value = this.#picked = String(colour);
    $("avatar-file").append(make("p", { className: "hair-row" }, make("b", {}, phrase("hair.own")), this.#style, this.#colour, this.#back));
    this.#show();
  }

  /** @returns {Hair} */
  get value() { return { style: this.#style.value || null, colour: this.#picked }; }

  #pick() {
    this.#picked = this.#colour.value;
    this.#changed();
  }

  #asSeen() {
    this.#style.value = "";
    this.#picked = null;
    this.#changed();
  }

  #changed() {
    const { value } = this;
    keep("hair", value.style || value.colour ? value : undefined);
    this.#show();
    this.emit("change", value);
  }

  #show() { this.#back.disabled = !this.#style.value && !this.#picked; }
}
