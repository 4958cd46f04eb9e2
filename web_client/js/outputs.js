/** The Outputs panel: which programs get the face, whether they do, and a way to add, pause and tune them. */
import { ApiError } from "./api.js";
import { ask, make, said } from "./elements.js";
import { tr } from "./i18n.js";
import { Tuning } from "./tuning.js";

const POLL_MS = 1000;

const STATES = { off: "Off", connecting: "Connecting", waiting: "Waiting for a face", sending: "Sending", failing: "Trying again" };

class Outputs {
  #root = document.getElementById("outputs");
  #list = make("ul", { className: "outputs" });
  #trouble = make("p", { className: "out-trouble", hidden: true });
  #empty = make("p", { className: "fine" }, tr("Send your face to other programs: add one below and start it there."));
  /** @type {Map<string, {item: HTMLElement, show: (output: object) => void}>} by id */
  #cards = new Map();
  #timer = 0;
  #kinds = {};
  #mappings = { saved: [], presets: {} };
  #tuning = new Tuning((name) => this.#saved(name));
  #form;

  constructor() {
    this.#trouble.setAttribute("role", "alert");
    this.#root.append(this.#list, this.#empty, this.#trouble);
    document.getElementById("panel-tabs").addEventListener("change", (event) => this.#open(event.target.value === "outputs"));
  }

  #open(open) {
    document.querySelector(".panel").dataset.tab = document.querySelector("#panel-tabs input:checked").value;
    clearTimeout(this.#timer);
    if (open) this.#poll();
    else this.#tuning.close();
  }

  async #poll() {
    await this.#try(async () => {
      if (!this.#form) await this.#prepare();
      this.#show((await ask("GET", "api/outputs")).outputs);
    });
    this.#timer = setTimeout(() => this.#poll(), document.hidden ? 5 * POLL_MS : POLL_MS);
  }

  async #prepare() {
    const [{ kinds }, mappings] = await Promise.all([ask("GET", "api/outputs"), ask("GET", "api/mappings")]);
    this.#kinds = kinds;
    this.#mappings = mappings;
    this.#form = this.#makeForm();
    this.#root.append(this.#form);
  }

  /** What goes wrong is said under the list until the next time that all goes well. */
  async #try(act) {
    try {
      await act();
      if (this.#trouble.dataset.by !== "user") this.#say("");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#say(said(error));
    }
  }

  #say(text, by = "") {
    this.#trouble.hidden = !text;
    this.#trouble.dataset.by = by;
    if (this.#trouble.textContent !== text) this.#trouble.textContent = text;
  }

  /** Something that the user did: its trouble stays until the next such thing. */
  async #act(act) {
    this.#say("");
    try {
      await act();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#say(said(error), "user");
    }
  }

  #show(outputs) {
    this.#empty.hidden = outputs.length > 0;
    const ids = new Set(outputs.map(({ id }) => id));
    for (const [id, { item }] of this.#cards) {
      if (!ids.has(id)) { item.remove(); this.#cards.delete(id); this.#tuning.close(id); }
    }
    for (const output of outputs) {
      if (!this.#cards.has(output.id)) this.#cards.set(output.id, this.#makeCard(output));
      this.#cards.get(output.id).show(output);
    }
  }

  #makeCard(output) {
    const { id } = output, path = `api/outputs/${id}`;
    const change = (what) => this.#act(async () => this.#cards.get(id)?.show(await ask("PATCH", path, what)));
    const on = make("input", { type: "checkbox", onchange: () => change({ enabled: on.checked }) });
    on.setAttribute("role", "switch");
    on.setAttribute("aria-label", tr("Send to {name}", { name: output.title }));
    const status = make("p", { className: "out-status" });
    const rate = make("input", { type: "number", min: 1, max: 120, step: 1, onchange: () => change({ rate: Number(rate.value) }) });
    const mapping = make("select", { onchange: () => change(choice(mapping.value)) });
    const tune = make("button", { type: "button", className: "small", onclick: () => this.#tuning.toggle(item, output.id) }, tr("Tune"));
    const remove = make("button", { type: "button", className: "small", title: tr("Remove"), onclick: () => this.#act(async () => {
      await ask("DELETE", path);
      this.#show((await ask("GET", "api/outputs")).outputs);
    }) }, "✕");
    remove.setAttribute("aria-label", tr("Remove {name}", { name: output.title }));
    const item = make("li", { dataset: { id } },
      make("div", { className: "out-head" },
        make("div", {}, make("b", {}, output.title), make("span", {}, `${output.host}:${output.port}`)),
        make("label", { className: "switch" }, on, make("i"))),
      status,
      make("div", { className: "out-row" },
        make("label", {}, make("span", {}, tr("Rate")), rate),
        make("label", { className: "wide" }, make("span", {}, tr("Mapping")), mapping), tune, remove));
    this.#list.append(item);
    const show = (now) => {
      item.dataset.state = now.state;
      if (document.activeElement !== on) on.checked = now.enabled;
      if (document.activeElement !== rate) rate.value = Math.round(now.rate);
      if (document.activeElement !== mapping) this.#fill(mapping, now);
      const error = now.enabled && now.error;
      const sent = now.packets ? ` · ${tr("{n} packets", { n: now.packets.toLocaleString() })}` : "";
      const fps = now.state === "sending" ? ` · ${now.fps.toFixed(0)} fps` : "";
      const unasked = now.receivers?.length === 0, asked = now.receivers?.length ? ` · ${now.receivers.join(", ")}` : "";
      const state = unasked ? tr("Nobody has asked for it yet") : tr(STATES[now.state]);
      status.textContent = error ? said(error) : state + fps + sent + asked;
      status.classList.toggle("warn", Boolean(error));
    };
    return { item, show };
  }

  /** The presets, where the format has names to choose, and the user's own mappings. */
  #fill(select, output) {
    const presets = output.names ? Object.entries(this.#mappings.presets).map(([name, { title }]) => [`p:${name}`, title]) : [];
    const options = [...(output.names ? [] : [["", tr("As it is")]]), ...presets, ...this.#mappings.saved.map((name) => [`m:${name}`, name])];
    const wanted = output.mapping ? `m:${output.mapping}` : output.names ? `p:${output.names}` : "";
    if (select.dataset.options !== JSON.stringify(options)) {
      select.dataset.options = JSON.stringify(options);
      select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
    }
    select.value = wanted;
  }

  async #saved(name) {
    this.#mappings = await ask("GET", "api/mappings");
    const id = this.#tuning.output;
    await this.#act(async () => this.#cards.get(id)?.show(await ask("PATCH", `api/outputs/${id}`, { mapping: name })));
  }

  #makeForm() {
    const kind = make("select", { name: "kind" }, ...Object.entries(this.#kinds).map(([value, { title }]) => make("option", { value }, title)));
    const host = make("input", { name: "host", value: "127.0.0.1", required: true, autocomplete: "off", spellcheck: false });
    const port = make("input", { name: "port", type: "number", min: 1024, max: 65535, required: true });
    const hint = make("p", { className: "fine", hidden: true });
    const standard = () => {
      port.value = this.#kinds[kind.value].port;
      hint.textContent = tr("With the address 0.0.0.0 it goes to every program in the local network that asks for it, as the phone app's does.");
      hint.hidden = kind.value !== "ifacialmocap";
    };
    kind.addEventListener("change", standard);
    standard();
    const form = make("form", { className: "out-form", onsubmit: (event) => {
      event.preventDefault();
      const plain = host.value.trim().replace(/^\[|\]$/g, "");
      const where = plain.includes(":") ? `[${plain.replace("%", "%25")}]` : plain;
      this.#act(async () => {
        await ask("POST", "api/outputs", { url: `${kind.value}://${where}:${port.value}` });
        this.#show((await ask("GET", "api/outputs")).outputs);
      });
    } },
    make("label", { className: "wide" }, make("span", {}, tr("Format")), kind),
    make("label", { className: "wide" }, make("span", {}, tr("Address")), host),
    make("label", {}, make("span", {}, tr("Port")), port),
    hint, make("button", { className: "quiet", type: "submit" }, tr("Add")));
    return form;
  }
}

/** What a PATCH says for a chosen option. */
function choice(value) {
  if (value.startsWith("p:")) return { names: value.slice(2), mapping: null };
  return { mapping: value ? value.slice(2) : null };
}

new Outputs();
