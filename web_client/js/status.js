/** What the page reports: the readings at the top, the notice over the stage. */
import { $, button, within } from "./dom.js";
import { make } from "./elements.js";
import { phrase, write } from "./i18n.js";
import { avatarStats } from "./stats.js";

/** @typedef {import("./types.js").Wording} Wording */

const TOAST_MS = 4500;
const LINK_MS = 20000;

export class Notice {
  #box = $("notice");
  #text = $("notice-text");
  #detail = $("notice-detail");
  #retry = button("retry");
  #undo = /** @type {HTMLButtonElement | null} */ (document.getElementById("undo")); // the live page's
  #link = /** @type {HTMLAnchorElement | null} */ (document.getElementById("to-studio")); // the live page's
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {Wording} text
   * @param {{busy?: boolean, warn?: boolean, retry?: boolean, detail?: Wording, link?: string, undo?: (() => void) | null, stay?: number}} look busy: a spinner, and it stays
   *   until the next notice; retry: the button; detail: shown after the text, but not read aloud at every change;
   *   link: where the head can be opened in the studio; undo: takes back what was done; stay: how long, ms
   */
  show(text, { busy = false, warn = false, retry = false, detail = "", link = "", undo = null, stay = 0 } = {}) {
    clearTimeout(this.#timer);
    this.#box.hidden = false;
    this.#box.classList.toggle("busy", busy);
    this.#box.classList.toggle("warn", warn);
    this.#retry.hidden = !retry;
    if (this.#undo) Object.assign(this.#undo, { hidden: !undo, onclick: undo });
    if (this.#link) Object.assign(this.#link, { hidden: !link, href: link });
    write(this.#text, text);
    write(this.#detail, detail);
    if (!busy) this.#timer = setTimeout(() => this.hide(), stay || (link ? LINK_MS : TOAST_MS));
  }

  hide() {
    clearTimeout(this.#timer);
    this.#box.hidden = true;
    write(this.#text, "");
  }
}

/** @type {Record<string, import("./types.js").PlainKey>} by the server's name */
const HINTS = {
  dark: "hint.dark", bright: "hint.bright", far: "hint.far", "side-light": "hint.side_light", blurred: "hint.blurred",
  "look-once": "hint.look_once", "slow-camera": "hint.slow_camera",
};

export class Readings {
  #root = $("readings");
  #hint = $("quality");
  /** @type {RTCInboundRtpStreamStats | null} */
  #previous = null;
  /** @type {number | null} */
  #rtt = null;

  /** @param {boolean | null} seen null: not known */
  face(seen) {
    const item = this.#item("face");
    item.classList.toggle("seen", seen === true);
    item.classList.toggle("unseen", seen === false);
    this.#write("face", seen === null ? "–" : phrase(seen ? "reading.face" : "reading.no_face"));
  }

  /** What keeps the picture from being better: the weightiest is said. @param {string[]} hints of the server */
  quality(hints) {
    const known = hints.map((hint) => HINTS[hint]).find(Boolean);
    this.#item("face").dataset.quality = known ? "poor" : "good";
    this.#hint.hidden = !known;
    write(this.#hint, known ? phrase(known) : "");
  }

  /** @param {string} name such as "cpu" @param {string} [precision] such as "bf16" */
  device(name, precision = "") {
    this.#write("device", `${name} ${precision}`.trim().toUpperCase().slice(0, 24));
  }

  /** @param {number} rtt ms from a ping to the encoding of the frame that answers it, and back */
  pong(rtt) { this.#rtt = this.#rtt === null ? rtt : 0.6 * this.#rtt + 0.4 * rtt; }

  /** Frames per second and delay over the time since the last call. @param {RTCPeerConnection} connection */
  async measure(connection) {
    const now = await avatarStats(connection);
    const was = this.#previous;
    this.#previous = now;
    if (!now || !was || now.id !== was.id || now.timestamp <= was.timestamp) return;
    const frames = since(was.framesDecoded, now.framesDecoded);
    this.#number("fps", frames / ((now.timestamp - was.timestamp) / 1000), "fps");
    if (frames <= 0 || this.#rtt === null) return;
    // Not every browser counts all of these: what it does not count is left out of the delay.
    const emitted = Math.max(1, since(was.jitterBufferEmittedCount, now.jitterBufferEmittedCount));
    const buffer = since(was.jitterBufferDelay, now.jitterBufferDelay) / emitted;
    const decode = since(was.totalDecodeTime, now.totalDecodeTime) / frames;
    this.#number("delay", this.#rtt + 1000 * (buffer + decode), "ms");
  }

  clear() {
    this.#previous = this.#rtt = null;
    this.face(null);
    this.quality([]);
    for (const name of ["fps", "delay"]) this.#value(name).replaceChildren("–");
  }

  /** @param {string} name */
  #item(name) { return within(this.#root, `[data-reading="${name}"]`, HTMLElement); }

  /** @param {string} name */
  #value(name) { return within(this.#item(name), "dd", HTMLElement); }

  /** @param {string} name @param {Wording} text */
  #write(name, text) { write(this.#value(name), text); }

  /** @param {string} name @param {number} value @param {string} unit */
  #number(name, value, unit) {
    this.#value(name).replaceChildren(make("b", {}, String(Math.round(value))), ` ${unit}`);
  }
}

/** What a counter has gained. @param {number | undefined} was @param {number | undefined} now */
const since = (was = 0, now = was) => now - was;
