/** The tuning of one output: curves of every channel, with what is sent drawn while they change, presets, and saving. */
import { ApiError, ask, said } from "./api.js";
import { make } from "./elements.js";
import { phrase, write } from "./i18n.js";
import { friendly, otherSide, TuneRow } from "./tune_row.js";

/**
 * @typedef {import("./types.js").MappingProfile} Profile
 * @typedef {import("./types.js").OutputWithValues} OutputWithValues
 */

const LOOK_MS = 120;
const PUSH_MS = 80;
const LINKED = "eyeBlink";
/** @type {[import("./types.js").PlainKey, (channel: string) => import("./curve.js").Changes][]} what is offered to begin with */
const PRESETS = [
  ["tuning.preset_plain", () => ({})],
  ["tuning.preset_lively", (channel) => (/^(mouth|brow|jawOpen|cheek)/.test(channel) ? { gain: 1.5, dead_zone: 0.03 } : {})],
  ["tuning.preset_calm", (channel) => (channel.startsWith("head") ? { gain: 0.6 } : { gain: 0.8, dead_zone: 0.08 })],
  ["tuning.preset_lids", (channel) => (channel.startsWith("eyeBlink") ? { gain: 1.3, dead_zone: 0.12, curve: 1.4 } : {})],
];

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
  /** @type {Map<string, TuneRow>} by channel */
  #rows = new Map();
  /** @type {string[]} */
  #names = [];
  #together = make("input", { type: "checkbox", checked: true, autocomplete: "off" });
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
      const wanted = filter.value.trim().toLowerCase();
      for (const [channel, { element }] of this.#rows) element.hidden = !`${channel} ${friendly(channel)}`.toLowerCase().includes(wanted);
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
        make("label", { className: "check" }, mirror, make("span", {}, phrase("tuning.mirror"))),
        make("label", { className: "check" }, link, make("span", {}, phrase("tuning.blink")))),
      make("div", { className: "out-row" }, make("label", { className: "check" }, this.#together, make("span", {}, phrase("tuning.together")))),
      make("div", { className: "buttons" }, ...PRESETS.map(([text, changes]) => make("button", {
        type: "button", className: "small", onclick: () => this.#preset(changes) }, phrase(text)))),
      filter,
      make("div", { className: "tune-rows" }, ...this.#names.map((channel) => this.#row(channel))),
      save, this.#note);
  }

  /** @param {string} channel @returns {HTMLElement} */
  #row(channel) {
    const row = new TuneRow(channel, this.#profile.channels[channel] ?? {}, (changes) => {
      this.#set(channel, changes);
      const other = this.#together.checked && otherSide(channel);
      if (other && this.#rows.has(other)) this.#set(other, changes, true);
      this.#changed();
    });
    this.#rows.set(channel, row);
    return row.element;
  }

  /** @param {string} channel @param {import("./curve.js").Changes} changes @param {boolean} [drawn] also in its row */
  #set(channel, changes, drawn = false) {
    const { rename, drop } = /** @type {{rename?: string, drop?: boolean}} */ (this.#profile.channels[channel] ?? {});
    this.#profile.channels[channel] = { ...changes, ...(rename && { rename }), ...(drop && { drop }) };
    const row = this.#rows.get(channel);
    if (drawn && row) row.changes = changes;
  }

  /** @param {(channel: string) => import("./curve.js").Changes} changes of every channel */
  #preset(changes) {
    for (const channel of this.#names) this.#set(channel, changes(channel), true);
    this.#changed();
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
        this.#rows.get(channel)?.show(values.input?.[i], values.expression?.[i]);
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
