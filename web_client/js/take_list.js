/** What was recorded: played, renamed, trimmed, downloaded in every format that is quickly made, deleted with a way back. */
import { ask, received, request } from "./api.js";
import { attempt, make } from "./elements.js";
import { clock, save, size } from "./formatting.js";
import { Phrase, phrase, tr } from "./i18n.js";
import { Player } from "./player.js";

/**
 * @typedef {import("./types.js").PlainKey} PlainKey
 * @typedef {import("./types.js").Take} Take
 */

const CONVERT_MS = 120000;
/** For so long a deleted take can be had back: the server is asked to delete it only then. */
const UNDO_MS = 8000;

/** @type {[format: string, PlainKey][]} */
const FORMATS = [
  ["jsonl", "takes.jsonl"], ["csv", "takes.csv"], ["glb", "takes.glb"], ["npz", "takes.npz"], ["bvh", "takes.bvh"],
  ["vrma", "takes.vrma"], ["arkit.vrma", "takes.arkit_vrma"],
];

/** What there is of a take: its sound and render only where they were recorded. */
/** @param {Take} take @returns {[format: string, PlainKey][]} */
const formats = ({ sound, render }) => [
  ...(render ? [/** @type {[string, PlainKey]} */ (["mp4", sound ? "takes.mp4_sound" : "takes.mp4"])] : []),
  ...FORMATS,
  ...(sound ? [/** @type {[string, PlainKey]} */ (["wav", "takes.wav"])] : []),
];

export class TakeList {
  #notice;
  #list = make("ul", { className: "takes cards" });
  #player = new Player(() => this.#refresh());
  #trouble = make("p", { className: "out-trouble", hidden: true, role: "alert" });
  #empty = make("p", { className: "fine", hidden: true }, phrase("takes.empty"));
  /** @type {Map<string, ReturnType<typeof setTimeout>>} takes that are hidden until they are deleted */
  #leaving = new Map();
  element = make("div", {}, this.#trouble, this.#player.element, this.#empty, this.#list);

  /** @param {import("./status.js").Notice} notice */
  constructor(notice) {
    this.#notice = notice;
    addEventListener("pagehide", () => { for (const id of this.#leaving.keys()) this.#delete(id); });
  }

  open() {
    this.#refresh();
    this.#player.open();
  }

  close() { this.#player.close(); }

  async #refresh() {
    await attempt(this.#trouble, async () => {
      /** @type {{takes: Take[], folder: string}} */
      const { takes, folder } = await ask("GET", "api/takes");
      const shown = takes.filter(({ take }) => !this.#leaving.has(take));
      this.#list.replaceChildren(...shown.map((take) => this.#card(take)));
      this.#list.title = folder;
      this.#empty.hidden = shown.length > 0;
    });
  }

  /** @param {Take} take */
  #card(take) {
    const format = make("select", { ariaLabel: phrase("takes.format") },
      ...formats(take).map(([value, text]) => make("option", { value }, phrase(text))));
    const get = make("button", { type: "button", className: "small", disabled: take.recording }, phrase("takes.download"));
    get.onclick = () => attempt(this.#trouble, async () => {
      get.disabled = true;
      try {
        const response = await request("GET", `api/takes/${take.take}?format=${format.value}`, { timeout: CONVERT_MS });
        const blob = await received(() => response.blob());
        save(blob, response.headers.get("Content-Disposition"), `${take.take}.${format.value}`);
      } finally {
        get.disabled = false;
      }
    });
    const facts = new Phrase(() => [
      clock(take.seconds), size(take.bytes), take.sound && "♪",
      take.recording ? tr("takes.recording") : !take.complete && tr("takes.interrupted"),
    ].filter(Boolean).join(" · "));
    return make("li", { dataset: { id: take.take } },
      make("div", { className: "take-head" }, this.#name(take), make("span", {}, facts)),
      make("div", { className: "out-row take-files" }, this.#player.button(take), make("label", { className: "wide" }, format), get, this.#remove(take)));
  }

  /** The name is a field: what is typed there renames the take. @param {Take} take */
  #name(take) {
    const input = make("input", {
      value: take.name, maxLength: 80, disabled: take.recording, autocomplete: "off", spellcheck: false, className: "take-name",
      ariaLabel: phrase("takes.name"), title: phrase("takes.name"),
    });
    input.onchange = () => attempt(this.#trouble, async () => {
      if (!input.value.trim()) { input.value = take.name; return; }
      /** @type {Take} */
      const { name } = await ask("PATCH", `api/takes/${take.take}`, { name: input.value });
      [take.name, input.value] = [name, name];
    });
    input.onkeydown = (event) => { if (event.key === "Enter") input.blur(); };
    return input;
  }

  /** @param {Take} take */
  #remove(take) {
    return make("button", {
      type: "button", className: "small", disabled: take.recording, title: phrase("takes.delete"),
      ariaLabel: phrase("takes.delete_name", { name: take.name }), onclick: () => this.#leave(take),
    }, "✕");
  }

  /** @param {Take} take */
  #leave({ take, name }) {
    this.#leaving.set(take, setTimeout(() => this.#delete(take), UNDO_MS));
    this.#notice.show(phrase("takes.deleted", { name }), { undo: () => {
      clearTimeout(this.#leaving.get(take));
      this.#leaving.delete(take);
      this.#notice.hide();
      this.#refresh();
    }, stay: UNDO_MS });
    this.#refresh();
  }

  /** @param {string} take */
  #delete(take) {
    clearTimeout(this.#leaving.get(take));
    return attempt(this.#trouble, async () => {
      try {
        await request("DELETE", `api/takes/${take}`, { keepalive: true });
      } finally {
        this.#leaving.delete(take);
      }
    });
  }
}
