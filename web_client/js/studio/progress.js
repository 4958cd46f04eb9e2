/** The stages of a reconstruction and their seconds. */
import { tr } from "../i18n.js";

const STAGES = ["face", "geometry", "texture", "files"];

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
    for (const name of STAGES) {
      const row = $("stages").querySelector(`[data-stage=${name}]`);
      const running = stage === name && state === "running" && !error;
      const over = state === "done" || (name in seconds && !running);
      row.className = running ? "running" : over ? "over" : "";
      row.toggleAttribute("aria-current", running);
      const spent = (seconds[name] ?? 0) + (running ? (performance.now() - this.#since) / 1000 : 0);
      const text = over || running ? tr("{seconds} s", { seconds: spent.toFixed(1) }) : "";
      row.querySelector("b").textContent = text;
    }
  }
}
