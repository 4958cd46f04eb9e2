/** The stages of a reconstruction and their seconds. */
import { tr } from "../i18n.js";

const STAGES = ["face", "geometry", "texture", "files"];
/** Stages of the server that count as one of these. */
const PART_OF = { detail: "texture" };

const $ = (id) => document.getElementById(id);

export class Progress {
  #state = null;
  #since = 0;
  #timer = 0;

  /** @param {object} state of a job; null: hidden */
  show(state) {
    if (state?.stage !== this.#state?.stage) this.#since = performance.now();
    this.#state = state;
    $("stages").hidden = !state;
    clearInterval(this.#timer);
    if (state && state.state !== "done" && !state.error) this.#timer = setInterval(() => this.write(), 100);
    this.write();
  }

  /** In the page's language, as it is now. */
  write() {
    if (!this.#state) return;
    const { stage, state, error, seconds } = this.#state;
    const present = state === "running" && !error ? (PART_OF[stage] ?? stage) : "";
    for (const name of STAGES) {
      const row = $("stages").querySelector(`[data-stage=${name}]`);
      const parts = Object.keys(seconds).filter((part) => (PART_OF[part] ?? part) === name);
      const running = name === present, over = !running && (state === "done" || parts.length > 0);
      row.className = running ? "running" : over ? "over" : "";
      row.toggleAttribute("aria-current", running);
      const spent = parts.reduce((sum, part) => sum + seconds[part], running ? (performance.now() - this.#since) / 1000 : 0);
      row.querySelector("b").textContent = running || over ? tr("{seconds} s", { seconds: spent.toFixed(1) }) : "";
    }
  }
}
