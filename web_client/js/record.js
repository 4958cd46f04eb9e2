/** Recording: the button, and the Takes tab with what is recorded besides and what was recorded. */
import { ApiError, ask, why } from "./api.js";
import { $, button, within } from "./dom.js";
import { make } from "./elements.js";
import { Extras } from "./extras.js";
import { clock, size } from "./formatting.js";
import { Phrase, phrase, tr, write, writeAttribute } from "./i18n.js";
import { TakeList } from "./take_list.js";

/**
 * @typedef {import("./types.js").RecordingState} State
 */

const POLL_MS = 1000;
const DEAF_S = 3; // sound that is so far behind does not come

export class Recording {
  #notice;
  /** @type {import("./session.js").Session | null} */
  #session = null;
  /** @type {{began: number, url: string} | null} */
  #running = null;
  #lost = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #bytes = 0;
  #button = button("record");
  #badge = $("recording");
  #state = make("p", { className: "fine" });
  #list;
  #extras = new Extras(() => this.#show());

  /** @param {import("./status.js").Notice} notice */
  constructor(notice) {
    this.#notice = notice;
    this.#list = new TakeList(notice);
    $("takes").append(this.#extras.element, this.#state, this.#list.element);
    this.#button.addEventListener("click", () => this.toggle());
    $("panel-tabs").addEventListener("change", () => {
      if (this.#tab.checked) this.#list.open();
      else this.#list.close();
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

  /** Starts, or stops. */
  async toggle() {
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
    this.#bytes = 0;
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
    const bytes = this.#bytes = now.bytes + (now.sound?.bytes ?? 0) + (now.render?.bytes ?? 0);
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
    write(within(this.#button, "span", HTMLElement), phrase(running ? "record.stop_short" : "record.start"));
    this.#badge.hidden = !running;
    this.#badge.textContent = [clock(seconds), this.#bytes && size(this.#bytes)].filter(Boolean).join(" · ");
    writeAttribute(this.#button, "title", phrase(running ? "record.stop" : more ? "record.more_title" : "record.only_title"));
    if (!running) write(this.#state, phrase(more ? "record.more_text" : "record.only_text"));
  }

  #open() {
    this.#tab.checked = true;
    this.#tab.dispatchEvent(new Event("change", { bubbles: true }));
  }
}
