/** Recording: the button, and the Takes tab with what was recorded, in every format that is quickly made. */
import { ApiError, ask, received, request, why } from "./api.js";
import { $, button, within } from "./dom.js";
import { attempt, make } from "./elements.js";
import { Extras } from "./extras.js";
import { Phrase, phrase, tr, write, writeAttribute } from "./i18n.js";
import { Player } from "./player.js";

/**
 * @typedef {import("./types.js").PlainKey} PlainKey
 * @typedef {import("./types.js").RecordingState} State
 * @typedef {import("./types.js").Take} Take
 */

const POLL_MS = 1000;
const CONVERT_MS = 120000;
const SURE_MS = 3000;
const DEAF_S = 3; // sound that is so far behind does not come

/** @type {[format: string, PlainKey][]} */
const FORMATS = [
  ["jsonl", "takes.jsonl"], ["csv", "takes.csv"], ["glb", "takes.glb"], ["npz", "takes.npz"], ["bvh", "takes.bvh"],
  ["vrma", "takes.vrma"], ["arkit.vrma", "takes.arkit_vrma"],
];

/** What there is of a take: its sound and render only where they were recorded. */
/** @param {Take} take @returns {[format: string, PlainKey][]} */
const formats = ({ sound, render }) => [
  ...FORMATS,
  ...(render ? [/** @type {[string, PlainKey]} */ (["mp4", sound ? "takes.mp4_sound" : "takes.mp4"])] : []),
  ...(sound ? [/** @type {[string, PlainKey]} */ (["wav", "takes.wav"])] : []),
];

export class Recording {
  #notice;
  /** @type {import("./session.js").Session | null} */
  #session = null;
  /** @type {{began: number, url: string} | null} */
  #running = null;
  #lost = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #button = button("record");
  #state = make("p", { className: "fine" });
  #list = make("ul", { className: "takes cards" });
  #player = new Player();
  #extras = new Extras(() => this.#show());
  #trouble = make("p", { className: "out-trouble", hidden: true, role: "alert" });

  /** @param {import("./status.js").Notice} notice */
  constructor(notice) {
    this.#notice = notice;
    $("takes").append(this.#extras.element, this.#state, this.#trouble, this.#player.element, this.#list);
    this.#button.addEventListener("click", () => this.#toggle());
    $("panel-tabs").addEventListener("change", () => {
      if (!this.#tab.checked) return this.#player.close();
      this.#refresh();
      this.#player.open();
    });
    this.#show();
  }

  /** @param {import("./session.js").Session | null} session that is live now, or null */
  set session(session) {
    this.#session = this.#extras.session = session;
    if (this.#running && this.#running.url !== session?.url) {
      this.#ended();
      this.#open();
      this.#lost = true;
    }
    if (session && this.#lost) {
      this.#lost = false;
      this.#notice.show(phrase("record.lost"), { warn: true });
    }
    this.#show();
  }

  get #tab() { return within($("panel-tabs"), "input[value=takes]", HTMLInputElement); }

  async #toggle() {
    const url = this.#session?.url;
    if (!url) return;
    this.#button.disabled = true;
    try {
      if (this.#running) await this.#stop(url);
      else await this.#start(url);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#notice.show(phrase("record.failed", { why: why(error) }), { warn: true });
      if (error.code === "not-recording") this.#ended();
    }
    this.#show();
  }

  /** @param {string} url of the session */
  async #start(url) {
    await ask("POST", `${url}/recording`, { action: "start", ...this.#extras.wanted });
    this.#running = { began: performance.now(), url };
    this.#timer = setInterval(() => this.#poll(url), POLL_MS);
  }

  /** @param {string} url of the session */
  async #stop(url) {
    /** @type {State} */
    const done = await ask("POST", `${url}/recording`, { action: "stop" });
    this.#ended();
    const lost = done.render?.left_out ?? 0;
    this.#notice.show(new Phrase(() => [
      tr("record.done", { time: clock(done.seconds) }), lost && tr("record.left_out", { n: lost }),
    ].filter(Boolean).join(" ")));
    this.#open();
  }

  #ended() {
    clearInterval(this.#timer);
    this.#running = null;
    this.#show();
  }

  /** The server knows best what has been written, and whether the disk still takes it. @param {string} url of the session */
  async #poll(url) {
    this.#show();
    /** @type {State | null} */
    const now = await ask("GET", `${url}/recording`).catch(() => null);
    if (!now || this.#running?.url !== url) return;
    const { error } = now;
    if (!now.recording) {
      this.#ended();
      if (error) this.#notice.show(phrase("record.ended", { why: why(error) }), { warn: true });
      return;
    }
    const bytes = now.bytes + (now.sound?.bytes ?? 0) + (now.render?.bytes ?? 0);
    const deaf = now.sound && now.seconds - now.sound.seconds > DEAF_S;
    write(this.#state, new Phrase(() => [
      tr("record.running", { time: clock(now.seconds), size: size(bytes) }), deaf && tr("record.no_sound"),
    ].filter(Boolean).join(" · ")));
  }

  #show() {
    const { sound, render } = this.#extras.wanted, more = sound || render, running = this.#running;
    this.#button.disabled = !this.#session;
    this.#extras.recording = Boolean(running);
    this.#button.setAttribute("aria-pressed", String(Boolean(running)));
    const seconds = running ? (performance.now() - running.began) / 1000 : 0;
    write(within(this.#button, "span", HTMLElement), running ? clock(seconds) : phrase("record.start"));
    writeAttribute(this.#button, "title", phrase(running ? "record.stop" : more ? "record.more_title" : "record.only_title"));
    if (!running) write(this.#state, phrase(more ? "record.more_text" : "record.only_text"));
  }

  #open() {
    this.#tab.checked = true;
    this.#tab.dispatchEvent(new Event("change", { bubbles: true }));
  }

  async #refresh() {
    await attempt(this.#trouble, async () => {
      /** @type {{takes: Take[], folder: string}} */
      const { takes, folder } = await ask("GET", "api/takes");
      this.#list.replaceChildren(...takes.map((take) => this.#card(take)));
      this.#list.title = folder;
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
      make("div", { className: "take-head" }, make("b", {}, take.name), make("span", {}, facts)),
      make("div", { className: "out-row" }, this.#player.button(take), make("label", { className: "wide" }, format), get, this.#remove(take)));
  }

  /** The first click asks, the second one within three seconds deletes. @param {Take} take */
  #remove(take) {
    const remove = make("button", {
      type: "button", className: "small", disabled: take.recording, title: phrase("takes.delete"),
      ariaLabel: phrase("takes.delete_name", { name: take.name }),
    }, "✕");
    remove.onclick = () => {
      if (remove.dataset.sure) return attempt(this.#trouble, async () => { await ask("DELETE", `api/takes/${take.take}`); await this.#refresh(); });
      remove.dataset.sure = "yes";
      write(remove, phrase("takes.sure"));
      setTimeout(() => { delete remove.dataset.sure; write(remove, "✕"); }, SURE_MS);
    };
    return remove;
  }
}

/** @param {Blob} blob @param {string | null} disposition of the response @param {string} fallback */
export function save(blob, disposition, fallback) {
  const link = make("a", { download: disposition?.match(/filename="([^"]+)"/)?.[1] ?? fallback, href: URL.createObjectURL(blob) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 30000);
}

/** @param {number} seconds */
const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
/** @param {number} bytes */
const size = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
