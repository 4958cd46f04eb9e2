/** The sliders of one output: gain and offset of every channel, with what is sent drawn while they move. */
import { ApiError, ask, said } from "./api.js";
import { make } from "./elements.js";
import { phrase, write } from "./i18n.js";

/**
 * @typedef {import("./types.js").MappingProfile} Profile
 * @typedef {import("./types.js").OutputWithValues} OutputWithValues
 */

const LOOK_MS = 120;
const PUSH_MS = 80;
/** By kind of channel: least and most gain, offset either way and its step. */
const COEFFICIENT = { least: 0, most: 3, offset: 0.5, step: 0.01 };
const ANGLE = { least: -2, most: 3, offset: 45, step: 1 };
const LINKED = "eyeBlink";

export class Tuning {
  /** @type {HTMLElement | null} */
  #box = null;
  #onSaved;
  /** Counts what was opened and closed, so that an answer for what is closed changes nothing. */
  #turn = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} the next look at what is sent */
  #timer;
  #pushing = false;
  /** @type {Profile} */
  #profile = { version: 1, channels: {} };
  /** @type {Map<string, {row: HTMLElement, fill: HTMLElement, value: HTMLElement}>} by channel */
  #rows = new Map();
  /** @type {string[]} */
  #names = [];
  #note = make("p", { className: "fine", role: "status" });
  /** @type {string | null} the id of the output that is tuned */
  output = null;

  /** @param {(name: string) => Promise<void>} onSaved called when a mapping was saved under a name */
  constructor(onSaved) { this.#onSaved = onSaved; }

  /** Opens under an output's card, or closes. @param {HTMLElement} card @param {string} id @throws {ApiError} */
  async toggle(card, id) {
    const again = this.output === id;
    this.close();
    if (again) return;
    this.output = id;
    const turn = this.#turn;
    try {
      /** @type {[OutputWithValues, import("./types.js").Mappings]} */
      const [state, { channels }] = await Promise.all([ask("GET", `api/outputs/${id}`), ask("GET", "api/mappings")]);
      if (turn !== this.#turn) return;
      this.#profile = { ...state.profile, channels: state.profile.channels ?? {} };
      this.#names = channels;
      write(this.#note, "");
      this.#box = this.#make(state.mapping ?? "");
      card.append(this.#box);
    } catch (error) {
      if (turn === this.#turn) this.close();
      throw error;
    }
    this.#look(id, turn);
  }

  /** @param {string} [id] only when this is the one */
  close(id) {
    if (id && id !== this.output) return;
    this.#turn++;
    clearTimeout(this.#timer);
    this.#box?.remove();
    this.#box = this.output = null;
    this.#rows.clear();
  }

  /** @param {string} name of the mapping */
  #make(name) {
    const mirror = make("input", { type: "checkbox", checked: Boolean(this.#profile.mirror), onchange: () => {
      this.#profile.mirror = mirror.checked;
      this.#changed();
    } });
    const link = make("input", { type: "checkbox", checked: Boolean(this.#profile.link?.includes(LINKED)), onchange: () => {
      this.#profile.link = (this.#profile.link ?? []).filter((pair) => pair !== LINKED).concat(link.checked ? [LINKED] : []);
      this.#changed();
    } });
    const filter = make("input", { type: "search", placeholder: phrase("tuning.find"), ariaLabel: phrase("tuning.find"), oninput: () => {
      for (const [channel, { row }] of this.#rows) row.hidden = !channel.toLowerCase().includes(filter.value.trim().toLowerCase());
    } });
    const title = make("input", {
      name: "name", value: name, required: true, maxLength: 40, placeholder: phrase("tuning.name"), autocomplete: "off",
    });
    const save = make("form", { className: "out-save", onsubmit: (event) => {
      event.preventDefault();
      this.#save(title.value.trim());
    } }, title, make("button", { className: "small", type: "submit" }, phrase("tuning.save")));
    return make("div", { className: "tuning" },
      make("div", { className: "out-row" },
        make("label", { className: "check" }, mirror, phrase("tuning.mirror")),
        make("label", { className: "check" }, link, phrase("tuning.blink"))),
      filter,
      make("div", { className: "tune-legend", ariaHidden: "true" },
        make("span", {}, phrase("tuning.gain")), make("span", {}, phrase("tuning.offset"))),
      make("div", { className: "tune-rows" }, ...this.#names.map((channel) => this.#row(channel))),
      save, this.#note);
  }

  /** @param {string} channel */
  #row(channel) {
    const kind = channel.startsWith("head") ? ANGLE : COEFFICIENT;
    const fill = make("i"), value = make("output"), how = make("em");
    const { gain: times = 1, offset: plus = 0 } = this.#profile.channels[channel] ?? {};
    const gain = slider(phrase("tuning.gain_of", { name: channel }), kind.least, kind.most, 0.05, 1, times);
    const offset = slider(phrase("tuning.offset_of", { name: channel }), -kind.offset, kind.offset, kind.step, 0, plus);
    const row = make("div", { className: "tune", dataset: { channel } },
      make("div", { className: "tune-name" }, make("span", {}, channel, how), make("div", { className: "meter" }, fill), value),
      make("div", { className: "tune-pair" }, gain, offset));
    const show = () => {
      const by = Number(gain.value), add = Number(offset.value);
      row.classList.toggle("changed", by !== 1 || add !== 0);
      how.textContent = (by !== 1 ? ` × ${by}` : "") + (add ? ` ${add < 0 ? "−" : "+"} ${Math.abs(add)}` : "");
    };
    for (const input of [gain, offset]) {
      input.addEventListener("input", () => {
        this.#profile.channels[channel] = { ...this.#profile.channels[channel], gain: Number(gain.value), offset: Number(offset.value) };
        show();
        this.#changed();
      });
      input.addEventListener("dblclick", () => { input.value = input.dataset.rest ?? ""; input.dispatchEvent(new Event("input")); });
    }
    show();
    this.#rows.set(channel, { row, fill, value });
    return row;
  }

  /** Sends the newest profile, not every step of a slider. */
  #changed() {
    if (this.#pushing) return;
    this.#pushing = true;
    const id = this.output, profile = this.#profile;
    setTimeout(async () => {
      this.#pushing = false;
      try {
        await ask("PATCH", `api/outputs/${id}`, { profile }); // also when it was closed meanwhile
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (id === this.output) write(this.#note, said(error));
      }
    }, PUSH_MS);
  }

  /** @param {string} id of the output that is tuned @param {number} turn */
  async #look(id, turn) {
    try {
      /** @type {OutputWithValues} */
      const { values } = await ask("GET", `api/outputs/${id}`);
      if (turn !== this.#turn) return;
      this.#names.forEach((channel, i) => {
        const sent = values.expression?.[i], row = this.#rows.get(channel);
        if (!row) return;
        row.fill.style.transform = `scaleX(${(sent ?? 0).toFixed(3)})`;
        row.value.textContent = sent === undefined ? "" : sent.toFixed(2);
      });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error; // the list says so already
    }
    if (turn === this.#turn) this.#timer = setTimeout(() => this.#look(id, turn), LOOK_MS);
  }

  /** @param {string} name */
  async #save(name) {
    try {
      await ask("PUT", `api/mappings/${encodeURIComponent(name)}`, this.#profile);
      await this.#onSaved(name);
      write(this.#note, phrase("tuning.saved", { name }));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      write(this.#note, said(error));
    }
  }
}

/**
 * @param {import("./types.js").Wording} label @param {number} min @param {number} max @param {number} step
 * @param {number} rest where it changes nothing @param {number} value
 */
function slider(label, min, max, step, rest, value) {
  const made = make("input", {
    type: "range", min: String(min), max: String(max), step: String(step), ariaLabel: label, dataset: { rest: String(rest) },
  });
  made.value = String(value); // after its limits
  return made;
}
