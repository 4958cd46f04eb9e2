/** Hair and glasses of the own head: their styles by name, a row of controls for each, and what the live page keeps of them. */
import { $ } from "./dom.js";
import { Emitter } from "./emitter.js";
import { make } from "./elements.js";
import { phrase } from "./i18n.js";
import { keep, kept } from "./kept.js";

/** @typedef {import("./types.js").Style} Style */
/** @typedef {"hair" | "glasses"} Kind */

/** What the server's styles are called, `face3d_live/hairstyle.py` and `face3d_live/eyewear.py`: the kind and the style. */
const CALLED = /** @type {const} */ ({
  hair: [
    "hair.bald", "hair.receding", "hair.buzz", "hair.short", "hair.swept_back", "hair.side_parting", "hair.fringe", "hair.curls", "hair.afro",
    "hair.bob", "hair.medium", "hair.long", "hair.ponytail", "hair.braid",
  ],
  glasses: [
    "glasses.none", "glasses.round", "glasses.oval", "glasses.rectangle", "glasses.square", "glasses.aviator", "glasses.sunglasses",
  ],
});
const LABEL = /** @type {const} */ ({ hair: "hair.style", glasses: "glasses.style" });
const COLOUR = /** @type {const} */ ({ hair: "edit.hair", glasses: "glasses.colour" });
/** What the picker shows where nothing tells. */
const UNKNOWN = { hair: "#3a2c22", glasses: "#121110" };
/** The style that has no colour. */
const BARE = { hair: "bald", glasses: "none" };

/** @param {Kind} kind @returns {string[]} the server's names */
export const stylesOf = (kind) => CALLED[kind].map((key) => key.slice(kind.length + 1));

/** A style, a colour, and the way back to what is seen. Tells of every change by `change`. @extends {Emitter<{change: Style}>} */
export class StyleRow extends Emitter {
  #kind;
  #style;
  #colour;
  #back;
  /** @type {string | null} */
  #picked = null;
  /** @type {string | null} */
  #seen = null;

  /** @param {Kind} kind @param {import("./i18n.js").Phrase} name @param {import("./i18n.js").Phrase} back what the button says */
  constructor(kind, name, back) {
    super();
    this.#kind = kind;
    const options = CALLED[kind].map((key) => make("option", { value: key.slice(kind.length + 1) }, phrase(key)));
    this.#style = make("select", { id: `${kind}-style`, autocomplete: "off", ariaLabel: phrase(LABEL[kind]), onchange: () => this.#changed() },
      make("option", { value: "" }, phrase("hair.as_seen")), ...options);
    this.#colour = make("input", { type: "color", id: `${kind}-colour`, value: UNKNOWN[kind], ariaLabel: phrase(COLOUR[kind]), oninput: () => this.#pick() });
    this.#back = make("button", { type: "button", className: "quiet small", id: `${kind}-back`, onclick: () => this.#asSeen() }, back);
    this.element = make("div", { className: "style-row" }, make("b", {}, name), this.#style, this.#colour, this.#back);
    this.show({ style: null, colour: null });
  }

  /** @returns {Style} */
  get value() { return { style: this.#style.value || null, colour: this.#picked }; }

  /** @param {Partial<Style>} value shown from now on, where it is one @param {string | null} [seen] the colour of the photo */
  show({ style = null, colour = null }, seen = this.#seen) {
    this.#seen = seen;
    this.#style.value = stylesOf(this.#kind).some((name) => name === style) ? String(style) : "";
    this.#picked = isColour(colour) ? colour : null;
    this.#update();
  }

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
    this.#update();
    this.emit("change", this.value);
  }

  #update() {
    const { style, colour } = this.value;
    this.#colour.value = colour ?? (isColour(this.#seen) ? this.#seen : UNKNOWN[this.#kind]);
    this.#colour.disabled = style === BARE[this.#kind];
    this.#back.disabled = !style && !colour;
  }
}

/** The own head's hair and glasses on the live page, kept. Tells of every change by `change`. @extends {Emitter<{change: Kind}>} */
export class StyleChoice extends Emitter {
  #rows = {
    hair: new StyleRow("hair", phrase("hair.own"), phrase("hair.as_seen")),
    glasses: new StyleRow("glasses", phrase("glasses.own"), phrase("hair.as_seen")),
  };

  constructor() {
    super();
    for (const kind of /** @type {Kind[]} */ (["hair", "glasses"])) {
      const row = this.#rows[kind];
      row.show(kept(kind) ?? {});
      row.on("change", (value) => {
        keep(kind, value.style || value.colour ? value : undefined);
        this.emit("change", kind);
      });
      $("avatar-file").append(row.element);
    }
  }

  /** @param {Kind} kind @returns {Style} */
  value(kind) { return this.#rows[kind].value; }
}

/** @param {unknown} value @returns {value is string} */
function isColour(value) { return typeof value === "string" && /^#[0-9a-f]{6}$/i.test(value); }
