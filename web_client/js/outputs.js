/** The Outputs panel: which programs get the face, whether they do, and a way to add, pause and tune them. */
import { ApiError, ask, said } from "./api.js";
import { $, chosen } from "./dom.js";
import { make } from "./elements.js";
import { Phrase, phrase, tr, write } from "./i18n.js";
import { ObsCard } from "./obs.js";
import { Tuning } from "./tuning.js";

/**
 * @typedef {import("./types.js").Output} Output
 * @typedef {import("./types.js").OutputKind} OutputKind
 * @typedef {import("./types.js").PlainKey} PlainKey
 * @typedef {import("./types.js").Wording} Wording
 */

const POLL_MS = 1000;

/** @type {Record<Output["state"], PlainKey>} */
const STATES = {
  off: "outputs.off", connecting: "outputs.connecting", waiting: "outputs.waiting", sending: "outputs.sending", failing: "outputs.failing",
};

export class Outputs {
  #root = $("outputs");
  #list = make("ul", { className: "cards" });
  #trouble = make("p", { className: "out-trouble", hidden: true, role: "alert" });
  #empty = make("p", { className: "fine" }, phrase("outputs.empty"));
  /** @type {Map<string, {item: HTMLElement, show: (output: Output) => void}>} by id */
  #cards = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {Record<string, OutputKind>} */
  #kinds = {};
  /** @type {import("./types.js").Mappings} */
  #mappings = { saved: [], presets: {}, channels: [] };
  #tuning = new Tuning((name) => this.#saved(name));
  #form = make("div");
  #opened = false;
  #prepared = false;
  /** Whether an output has to name its session, as in a cluster. */
  #bound = false;
  /** @type {import("./session.js").Session | null} that is live now, or null */
  session = null;

  constructor() {
    this.#root.append(this.#list, this.#empty, this.#trouble, this.#form, new ObsCard().element);
    $("panel-tabs").addEventListener("change", (event) => this.#open(chosen(event)));
  }

  /** @param {string} tab */
  #open(tab) {
    clearTimeout(this.#timer);
    this.#opened = tab === "outputs";
    if (this.#opened) this.#poll();
    else this.#tuning.close();
  }

  async #poll() {
    await this.#try(async () => {
      if (!this.#prepared) await this.#prepare();
      await this.#refresh();
    });
    clearTimeout(this.#timer);
    if (this.#opened) this.#timer = setTimeout(() => this.#poll(), document.hidden ? 5 * POLL_MS : POLL_MS);
  }

  async #prepare() {
    const [{ kinds, needs_session: bound }, mappings] = await Promise.all([ask("GET", "api/outputs"), ask("GET", "api/mappings")]);
    if (this.#prepared) return;
    this.#prepared = true;
    this.#kinds = kinds;
    this.#bound = Boolean(bound);
    this.#mappings = mappings;
    this.#form.append(this.#makeForm());
  }

  async #refresh() { this.#show((await ask("GET", "api/outputs")).outputs); }

  /** What goes wrong is said under the list until the next time that all goes well. @param {() => Promise<void>} act */
  async #try(act) {
    try {
      await act();
      if (this.#trouble.dataset.by !== "user") this.#say("");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#say(said(error));
    }
  }

  /** @param {Wording} text @param {string} by whose doing it was */
  #say(text, by = "") {
    this.#trouble.hidden = !text;
    this.#trouble.dataset.by = by;
    write(this.#trouble, text);
  }

  /** Something that the user did: its trouble stays until the next such thing. @param {() => Promise<void>} act */
  async #act(act) {
    this.#say("");
    try {
      await act();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#say(said(error), "user");
    }
  }

  /** @param {Output[]} outputs all there are */
  #show(outputs) {
    this.#empty.hidden = outputs.length > 0;
    const ids = new Set(outputs.map(({ id }) => id));
    for (const [id, { item }] of this.#cards) {
      if (!ids.has(id)) { item.remove(); this.#cards.delete(id); this.#tuning.close(id); }
    }
    for (const output of outputs) {
      const card = this.#cards.get(output.id) ?? this.#makeCard(output);
      this.#cards.set(output.id, card);
      card.show(output);
    }
  }

  /** @param {string} id @param {Partial<Output>} what shall be different */
  #change(id, what) {
    return this.#act(async () => this.#cards.get(id)?.show(await ask("PATCH", `api/outputs/${id}`, what)));
  }

  /** @param {Output} output */
  #makeCard({ id, title, host, port }) {
    const item = make("li", { dataset: { id } });
    const on = make("input", {
      type: "checkbox", role: "switch", ariaLabel: phrase("outputs.send_to", { name: title }),
      onchange: () => this.#change(id, { enabled: on.checked }),
    });
    const status = make("p", { className: "out-status" });
    const rate = make("input", {
      type: "number", min: "1", max: "120", step: "1", onchange: () => this.#change(id, { rate: Number(rate.value) }),
    });
    const mapping = make("select", { onchange: () => this.#change(id, choice(mapping.value)) });
    const tune = make("button", {
      type: "button", className: "small", onclick: () => this.#act(() => this.#tuning.toggle(item, id)),
    }, phrase("outputs.tune"));
    const remove = make("button", {
      type: "button", className: "small", title: phrase("outputs.remove"), ariaLabel: phrase("outputs.remove_name", { name: title }),
      onclick: () => this.#act(async () => { await ask("DELETE", `api/outputs/${id}`); await this.#refresh(); }),
    }, "✕");
    item.append(
      make("div", { className: "out-head" },
        make("div", {}, make("b", {}, title), make("span", {}, `${host}:${port}`)),
        make("label", { className: "switch" }, on, make("i"))),
      status,
      make("div", { className: "out-row" },
        make("label", {}, make("span", {}, phrase("outputs.rate")), rate),
        make("label", { className: "wide" }, make("span", {}, phrase("outputs.mapping")), mapping), tune, remove));
    this.#list.append(item);
    /** @param {Output} now */
    const show = (now) => {
      const failed = now.enabled && Boolean(now.error);
      item.dataset.state = now.state;
      if (document.activeElement !== on) on.checked = now.enabled;
      if (document.activeElement !== rate) rate.value = String(Math.round(now.rate));
      if (document.activeElement !== mapping) this.#fill(mapping, now);
      write(status, standing(now));
      status.classList.toggle("warn", failed);
    };
    return { item, show };
  }

  /** The presets, where the format has names to choose, and the user's own mappings. */
  /** @param {HTMLSelectElement} select @param {Output} output */
  #fill(select, output) {
    /** @type {[value: string, text: Wording][]} */
    const options = output.names
      ? Object.entries(this.#mappings.presets).map(([name, { title }]) => [`p:${name}`, title])
      : [["", phrase("outputs.unmapped")]];
    for (const name of this.#mappings.saved) options.push([`m:${name}`, name]);
    const offered = JSON.stringify(options.map(([value]) => value));
    if (select.dataset.options !== offered) {
      select.dataset.options = offered;
      select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
    }
    select.value = output.mapping ? `m:${output.mapping}` : output.names ? `p:${output.names}` : "";
  }

  /** @param {string} name of the mapping that was saved: the output that is tuned has it from now on */
  async #saved(name) {
    this.#mappings = await ask("GET", "api/mappings");
    if (this.#tuning.output) await this.#change(this.#tuning.output, { mapping: name });
  }

  #makeForm() {
    const kind = make("select", { name: "kind" }, ...Object.entries(this.#kinds).map(([value, { title }]) => make("option", { value }, title)));
    const host = make("input", { name: "host", value: "127.0.0.1", required: true, autocomplete: "off", spellcheck: false });
    const port = make("input", { name: "port", type: "number", min: "1024", max: "65535", required: true });
    const hint = make("p", { className: "fine", hidden: true }, phrase("outputs.anyone"));
    const standard = () => {
      port.value = String(this.#kinds[kind.value]?.port ?? "");
      hint.hidden = kind.value !== "ifacialmocap";
    };
    kind.addEventListener("change", standard);
    standard();
    return make("form", { className: "out-form", onsubmit: (event) => {
      event.preventDefault();
      this.#act(async () => {
        const session = this.#bound && this.session?.url ? `?session=${this.session.url.split("/").at(-1)}` : "";
        await ask("POST", "api/outputs", { url: `${kind.value}://${address(host.value)}:${port.value}${session}` });
        await this.#refresh();
      });
    } },
    make("label", { className: "wide" }, make("span", {}, phrase("outputs.format")), kind),
    make("label", { className: "wide" }, make("span", {}, phrase("outputs.address")), host),
    make("label", {}, make("span", {}, phrase("outputs.port")), port),
    hint, make("button", { className: "quiet", type: "submit" }, phrase("outputs.add")));
  }
}

/** Whether an output works, and what it does. @param {Output} output @returns {Wording} */
function standing({ enabled, error, state, fps, packets, receivers }) {
  if (enabled && error) return said(error);
  return new Phrase(() => [
    receivers?.length === 0 ? tr("outputs.unasked") : tr(STATES[state]),
    state === "sending" && `${fps.toFixed(0)} fps`,
    packets > 0 && tr("outputs.packets", { n: packets.toLocaleString() }),
    receivers?.join(", "),
  ].filter(Boolean).join(" · "));
}

/** @param {string} host as it was typed; an IPv6 address gets its brackets */
function address(host) {
  const plain = host.trim().replace(/^\[|\]$/g, "");
  return plain.includes(":") ? `[${plain.replace("%", "%25")}]` : plain;
}

/** What a PATCH says for a chosen option. @param {string} value @returns {Partial<Output>} */
function choice(value) {
  if (value.startsWith("p:")) return { names: value.slice(2), mapping: null };
  return { mapping: value ? value.slice(2) : null };
}
