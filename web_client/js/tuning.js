/** The sliders of one output: gain and offset of every channel, with what is sent drawn while they move. */
import { ApiError } from "./api.js";
import { ask, make, said } from "./elements.js";
import { tr } from "./i18n.js";

const LOOK_MS = 120;
const PUSH_MS = 80;
/** By kind of channel: [least gain, most gain, offset either way]. */
const COEFFICIENT = { gain: [0, 3], offset: 0.5, step: 0.01 };
const ANGLE = { gain: [-2, 3], offset: 45, step: 1 };

export class Tuning {
  #box = null;
  #onSaved;
  #timer = 0;
  #push = 0;
  #profile = { version: 1, channels: {} };
  #rows = new Map();
  #names = [];
  /** @type {string | null} the id of the output that is tuned */
  output = null;

  /** @param {(name: string) => Promise<void>} onSaved called when a mapping was saved under a name */
  constructor(onSaved) { this.#onSaved = onSaved; }

  /** Opens under an output's card, or closes. @param {HTMLElement} card @param {string} id */
  async toggle(card, id) {
    const again = this.output === id;
    this.close();
    if (again) return;
    this.output = id;
    const [state, { channels }] = await Promise.all([ask("GET", `api/outputs/${id}`), ask("GET", "api/mappings")]);
    if (this.output !== id) return;
    this.#profile = { channels: {}, ...state.profile };
    this.#names = channels;
    this.#box = this.#make(state.mapping ?? "");
    card.append(this.#box);
    this.#look();
  }

  /** @param {string} [id] only when this is the one */
  close(id) {
    if (id && id !== this.output) return;
    clearTimeout(this.#timer);
    this.#box?.remove();
    this.#box = this.output = null;
    this.#rows.clear();
  }

  #make(name) {
    const note = make("p", { className: "fine", role: "status" });
    const mirror = make("input", { type: "checkbox", checked: Boolean(this.#profile.mirror), onchange: () => {
      this.#profile.mirror = mirror.checked;
      this.#changed();
    } });
    const link = make("input", { type: "checkbox", checked: this.#profile.link?.includes("eyeBlink"), onchange: () => {
      this.#profile.link = (this.#profile.link ?? []).filter((pair) => pair !== "eyeBlink").concat(link.checked ? ["eyeBlink"] : []);
      this.#changed();
    } });
    const filter = make("input", { type: "search", placeholder: tr("Find a channel"), oninput: () => {
      for (const [channel, { row }] of this.#rows) row.hidden = !channel.toLowerCase().includes(filter.value.trim().toLowerCase());
    } });
    filter.setAttribute("aria-label", tr("Find a channel"));
    const save = make("form", { className: "out-save", onsubmit: (event) => {
      event.preventDefault();
      this.#save(new FormData(save).get("name").trim(), note);
    } },
    make("input", { name: "name", value: name, required: true, maxLength: 40, placeholder: tr("Name of this mapping"), autocomplete: "off" }),
    make("button", { className: "small", type: "submit" }, tr("Save")));
    return make("div", { className: "tuning" },
      make("div", { className: "out-row" },
        make("label", { className: "check" }, mirror, tr("Mirror")),
        make("label", { className: "check" }, link, tr("Both eyes blink together"))),
      filter,
      make("div", { className: "tune-legend", ariaHidden: "true" }, make("span", {}, tr("Gain")), make("span", {}, tr("Offset"))),
      make("div", { className: "tune-rows" }, ...this.#names.map((channel) => this.#row(channel))),
      save, note);
  }

  #row(channel) {
    const kind = channel.startsWith("head") ? ANGLE : COEFFICIENT;
    const fill = make("i"), value = make("output"), how = make("em");
    const gain = slider(tr("Gain of {name}", { name: channel }), kind.gain[0], kind.gain[1], 0.05, 1);
    const offset = slider(tr("Offset of {name}", { name: channel }), -kind.offset, kind.offset, kind.step, 0);
    const changes = this.#profile.channels[channel] ?? {};
    gain.value = changes.gain ?? 1;
    offset.value = changes.offset ?? 0;
    const row = make("div", { className: "tune", dataset: { channel } },
      make("div", { className: "tune-name" }, make("span", {}, channel, how), make("div", { className: "meter" }, fill), value),
      make("div", { className: "tune-pair" }, gain, offset));
    const show = () => {
      const times = Number(gain.value), plus = Number(offset.value);
      row.classList.toggle("changed", times !== 1 || plus !== 0);
      how.textContent = (times !== 1 ? ` × ${times}` : "") + (plus ? ` ${plus < 0 ? "−" : "+"} ${Math.abs(plus)}` : "");
    };
    for (const input of [gain, offset]) {
      input.addEventListener("input", () => {
        this.#profile.channels[channel] = { ...this.#profile.channels[channel], gain: Number(gain.value), offset: Number(offset.value) };
        show();
        this.#changed();
      });
      input.addEventListener("dblclick", () => { input.value = input.dataset.rest; input.dispatchEvent(new Event("input")); });
    }
    show();
    this.#rows.set(channel, { row, fill, value });
    return row;
  }

  /** Sends the newest profile, not every step of a slider. */
  #changed() {
    if (this.#push) return;
    const id = this.output;
    this.#push = setTimeout(async () => {
      this.#push = 0;
      try {
        if (id === this.output) await ask("PATCH", `api/outputs/${id}`, { profile: this.#profile });
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        this.#box?.querySelector("[role=status]").replaceChildren(said(error));
      }
    }, PUSH_MS);
  }

  async #look() {
    const id = this.output;
    try {
      const { values } = await ask("GET", `api/outputs/${id}`);
      if (id !== this.output) return;
      this.#names.forEach((channel, i) => {
        const sent = values.expression?.[i];
        const { fill, value } = this.#rows.get(channel);
        fill.style.transform = `scaleX(${(sent ?? 0).toFixed(3)})`;
        value.textContent = sent === undefined ? "" : sent.toFixed(2);
      });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error; // the list says so already
    }
    if (id === this.output) this.#timer = setTimeout(() => this.#look(), LOOK_MS);
  }

  async #save(name, note) {
    try {
      await ask("PUT", `api/mappings/${encodeURIComponent(name)}`, this.#profile);
      await this.#onSaved(name);
      note.textContent = tr("Saved as {name}.", { name });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      note.textContent = said(error);
    }
  }
}

function slider(label, min, max, step, rest) {
  const made = make("input", { type: "range", min, max, step, dataset: { rest } });
  made.setAttribute("aria-label", label);
  return made;
}
