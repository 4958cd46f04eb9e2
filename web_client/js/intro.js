/** Before the start: the project's own head moves as in the sample, and the bars with it. Nothing of the user is needed. */
import { byId } from "./dom.js";
import { make } from "./elements.js";

/**
 * @typedef {{fps: number, names: string[], values: number[][]}} Movements in percent, frame by frame
 * @typedef {import("./bars.js").Bars} Bars
 */

const CLIPS = { "sample/intro.webm": "video/webm; codecs=vp9", "sample/intro.mp4": 'video/mp4; codecs="avc1.64001E"' };

export class Intro {
  #bars;
  #video = byId("intro", HTMLVideoElement);
  /** @type {Movements | null} */
  #movements = null;
  #shown = -1;
  #running = false;

  /** @param {Bars} bars */
  constructor(bars) { this.#bars = bars; }

  /** Shows it; to who asked for less motion, its first picture. */
  start() {
    if (this.#running) return;
    this.#running = true;
    if (!this.#video.childElementCount) {
      this.#video.append(...Object.entries(CLIPS).map(([src, type]) => make("source", { src, type })));
      this.#load();
    }
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    this.#video.play().catch(() => {}); // without a clip that it can play the stage stays plain
    requestAnimationFrame(() => this.#step());
  }

  stop() {
    this.#running = false;
    this.#video.pause();
  }

  async #load() {
    const answer = await fetch("sample/intro.json").catch(() => null);
    if (!answer?.ok) return;
    this.#movements = await answer.json();
    if (this.#movements && this.#running) this.#bars.setNames(this.#movements.names);
  }

  #step() {
    if (!this.#running) return;
    if (this.#movements) {
      const { fps, values, names } = this.#movements;
      const at = Math.floor(this.#video.currentTime * fps) % values.length;
      if (at !== this.#shown) {
        this.#bars.setNames(names);
        this.#bars.show((values[at] ?? []).map((percent) => percent / 100));
      }
      this.#shown = at;
    }
    requestAnimationFrame(() => this.#step());
  }
}
