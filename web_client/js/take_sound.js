/** The sound of the take that plays, in step with what the server says of it. */
import { fetchable, release } from "./api.js";
import { make } from "./elements.js";

/** Seconds of difference that nobody hears as such. */
const TOLERANCE_S = 0.2;

export class TakeSound {
  #audio = make("audio", { preload: "auto" });
  #take = "";
  /** @type {string | null} */
  #url = null;

  /** Shows nothing. */
  get element() { return this.#audio; }

  /** @param {import("./types.js").Playing | null} playing @param {boolean} recorded whether it has a sound */
  follow(playing, recorded) {
    if (!playing || !recorded) return this.#stop();
    if (this.#take !== playing.take) return void this.#load(playing);
    this.#audio.playbackRate = playing.speed;
    if (Math.abs(this.#audio.currentTime - playing.position) > TOLERANCE_S * Math.max(1, playing.speed)) this.#audio.currentTime = playing.position;
    if (this.#audio.paused && this.#audio.src) this.#audio.play().catch(() => {}); // before any click it may not
  }

  /** @param {import("./types.js").Playing} playing */
  async #load({ take }) {
    this.#stop();
    this.#take = take;
    const url = await fetchable(`api/takes/${take}?format=wav`).catch(() => null);
    if (this.#take !== take) return release(url);
    this.#url = url;
    if (url) this.#audio.src = url;
  }

  #stop() {
    this.#take = "";
    this.#audio.pause();
    this.#audio.removeAttribute("src");
    release(this.#url);
    this.#url = null;
  }
}
