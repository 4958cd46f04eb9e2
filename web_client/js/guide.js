/** The guided calibration: offered once after the first start of a camera, then one step after the other. */
import { $, button } from "./dom.js";
import { phrase, write } from "./i18n.js";
import { keep, kept } from "./kept.js";

/** @typedef {import("./calibrate.js").Step} Step */

export class Guide {
  #steps;
  #measure;
  #skip;
  #start;
  #box = $("guide");
  #text = $("guide-text");
  #running = false;
  #ended = false;

  /**
   * @param {Step[]} steps @param {(step: Step) => Promise<boolean>} measure tells whether it was measured
   * @param {() => void} skip ends the measuring of a step without a result @param {() => void} start what was offered
   */
  constructor(steps, measure, skip, start) {
    this.#steps = steps;
    this.#measure = measure;
    this.#skip = skip;
    this.#start = start;
    button("guide-skip").addEventListener("click", () => this.#skip());
    button("guide-end").addEventListener("click", () => this.#end());
    button("guide-start").addEventListener("click", () => this.#start());
  }

  /** Says what it is, unless it was said before. */
  offer() {
    if (this.#running || kept("guided")) return;
    write(this.#text, phrase("guide.offer"));
    write(button("guide-end"), phrase("guide.later"));
    this.#box.hidden = false;
  }

  /** @returns {Promise<number>} how many steps were measured */
  async run() {
    keep("guided", true);
    this.#running = true;
    this.#ended = false;
    let measured = 0;
    this.#box.dataset.running = "true";
    this.#box.hidden = false;
    write(button("guide-end"), phrase("guide.end"));
    for (const [at, step] of this.#steps.entries()) {
      write(this.#text, phrase("guide.step", { n: at + 1, all: this.#steps.length, name: phrase(step.name) }));
      if (await this.#measure(step)) measured++;
      if (this.#ended) break;
    }
    this.#hide();
    return measured;
  }

  #end() {
    keep("guided", true);
    if (!this.#running) return this.#hide();
    this.#ended = true;
    this.#skip();
  }

  #hide() {
    this.#running = false;
    this.#box.dataset.running = "false";
    this.#box.hidden = true;
  }
}
