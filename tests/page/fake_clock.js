/** Timers that run when the test says so, and not before. */
import { install } from "./fake_dom.js";

/** Lets everything that waits for promises go on; real timers are not touched. */
export async function settle() {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

export class FakeClock {
  #now = 0;
  #next = 1;
  #timers = new Map();

  /** In the place of setTimeout, setInterval, performance.now and Math.random (0.5). */
  install() {
    const set = (every) => (act, ms = 0, ...values) => {
      this.#timers.set(this.#next, { act: () => act(...values), at: this.#now + ms, every: every && ms });
      return this.#next++;
    };
    const clear = (id) => this.#timers.delete(id);
    install({ setTimeout: set(false), setInterval: set(true), clearTimeout: clear, clearInterval: clear });
    install({ performance: { now: () => this.#now } });
    Math.random = () => 0.5;
    return this;
  }

  /** Lets time pass: every timer runs in its turn, and what it starts as well. @param {number} ms */
  async pass(ms) {
    const end = this.#now + ms;
    for (;;) {
      await settle();
      const [id, timer] = [...this.#timers].sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
      if (!timer || timer.at > end) break;
      this.#now = timer.at;
      if (timer.every) timer.at += timer.every;
      else this.#timers.delete(id);
      timer.act();
    }
    this.#now = end;
    await settle();
  }
}
