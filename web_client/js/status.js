/** What the page reports: the readings at the top, the notice over the stage. */
import { STRINGS } from "./strings.js";

const TOAST_MS = 4500;
const LINK_MS = 20000;

export class Notice {
  #box = document.getElementById("notice");
  #text = document.getElementById("notice-text");
  #detail = document.getElementById("notice-detail");
  #retry = document.getElementById("retry");
  #link = document.getElementById("to-studio"); // the live page's
  #timer = 0;

  /**
   * @param {string} text
   * @param {{busy?: boolean, warn?: boolean, retry?: boolean, detail?: string, link?: string}} look busy: a spinner, and it stays
   *   until the next notice; retry: the button; detail: shown after the text, but not read aloud at every change;
   *   link: where the head can be opened in the studio
   */
  show(text, { busy = false, warn = false, retry = false, detail = "", link = "" } = {}) {
    clearTimeout(this.#timer);
    this.#box.hidden = false;
    this.#box.classList.toggle("busy", busy);
    this.#box.classList.toggle("warn", warn);
    this.#retry.hidden = !retry;
    if (this.#link) Object.assign(this.#link, { hidden: !link, href: link });
    if (this.#text.textContent !== text) this.#text.textContent = text;
    this.#detail.textContent = detail;
    if (!busy) this.#timer = setTimeout(() => this.hide(), link ? LINK_MS : TOAST_MS);
  }

  hide() {
    clearTimeout(this.#timer);
    this.#box.hidden = true;
    this.#text.textContent = "";
  }
}

export class Readings {
  #root = document.getElementById("readings");
  #previous = null;
  #rtt = null;

  /** @param {boolean | null} seen null: not known */
  face(seen) {
    const item = this.#item("face");
    item.classList.toggle("seen", seen === true);
    item.classList.toggle("unseen", seen === false);
    this.#write(item, seen === null ? STRINGS.faceUnknown : seen ? STRINGS.faceSeen : STRINGS.faceUnseen);
  }

  /** @param {string} name such as "cpu" @param {string} [precision] such as "bf16" */
  device(name, precision = "") {
    this.#write(this.#item("device"), `${name} ${precision}`.trim().toUpperCase().slice(0, 24));
  }

  /** @param {number} rtt ms from a ping to the encoding of the frame that answers it, and back */
  pong(rtt) { this.#rtt = this.#rtt === null ? rtt : 0.6 * this.#rtt + 0.4 * rtt; }

  /** Frames per second and delay over the time since the last call. @param {RTCPeerConnection} connection */
  async measure(connection) {
    const now = [...(await connection.getStats()).values()].find((r) => r.type === "inbound-rtp" && r.kind === "video");
    const was = this.#previous;
    this.#previous = now;
    if (!now || !was || now.id !== was.id || now.timestamp <= was.timestamp) return;
    const frames = now.framesDecoded - was.framesDecoded;
    this.#number("fps", frames / ((now.timestamp - was.timestamp) / 1000), "fps");
    if (frames <= 0) return;
    const emitted = Math.max(1, now.jitterBufferEmittedCount - was.jitterBufferEmittedCount);
    const buffer = (now.jitterBufferDelay - was.jitterBufferDelay) / emitted;
    const decode = (now.totalDecodeTime - was.totalDecodeTime) / frames;
    if (this.#rtt !== null) this.#number("delay", this.#rtt + 1000 * (buffer + decode), "ms");
  }

  clear() {
    this.#previous = this.#rtt = null;
    this.face(null);
    for (const name of ["fps", "delay"]) this.#write(this.#item(name), "–");
  }

  #item(name) { return this.#root.querySelector(`[data-reading="${name}"]`); }

  #write(item, text) {
    const target = item.querySelector("dd");
    if (target.textContent !== text) target.textContent = text;
  }

  #number(name, value, unit) {
    const bold = document.createElement("b");
    bold.textContent = Math.round(value);
    this.#item(name).querySelector("dd").replaceChildren(bold, ` ${unit}`);
  }
}
