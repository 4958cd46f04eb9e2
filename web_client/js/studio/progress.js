/** The stages of a reconstruction and their seconds. */
import { $, within } from "../dom.js";
import { phrase, write } from "../i18n.js";

/** @typedef {import("../types.js").Job} Job */

const TICK_MS = 100;
const STAGES = ["face", "geometry", "texture", "files"];
/** Stages of the server that count as one of these. @type {Record<string, string>} */
const PART_OF = { detail: "texture" };

export class Progress {
  /** @type {Job | null} */
  #job = null;
  #since = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /** @param {Job | null} job null: hidden */
  show(job) {
    if (job?.stage !== this.#job?.stage) this.#since = performance.now();
    this.#job = job;
    $("stages").hidden = !job;
    clearInterval(this.#timer);
    if (!job) return;
    this.#write(job);
    if (job.state !== "done" && !job.error) this.#timer = setInterval(() => this.#write(job), TICK_MS);
  }

  /** @param {Job} job */
  #write({ stage, state, error, seconds }) {
    const present = state === "running" && !error ? (PART_OF[stage] ?? stage) : "";
    for (const name of STAGES) {
      const row = within($("stages"), `[data-stage=${name}]`, HTMLElement);
      const parts = Object.entries(seconds).filter(([part]) => (PART_OF[part] ?? part) === name);
      const running = name === present, over = !running && (state === "done" || parts.length > 0);
      row.className = running ? "running" : over ? "over" : "";
      row.toggleAttribute("aria-current", running);
      const spent = parts.reduce((sum, [, took]) => sum + took, running ? (performance.now() - this.#since) / 1000 : 0);
      write(within(row, "b", HTMLElement), running || over ? phrase("progress.seconds", { seconds: spent.toFixed(1) }) : "");
    }
  }
}
