/** How the avatar is drawn, and whether all is mirrored: the buttons, and what was chosen at the last visit. */
import { $, chosen } from "./dom.js";
import { keep, kept } from "./kept.js";

export class Views {
  #stage;

  /** @param {import("./stage.js").Stage} stage */
  constructor(stage) {
    this.#stage = stage;
    $("mirror").addEventListener("click", () => this.mirror());
    $("views").addEventListener("change", (event) => this.#setMode(chosen(event)));
  }

  restore() {
    this.mirror(kept("mirror") !== false);
    this.choose(String(kept("view")));
  }

  /** @param {string} mode as when its button is pressed; one that there is not: the avatar */
  choose(mode) {
    const inputs = [...$("views").querySelectorAll("input")];
    const input = inputs.find(({ value }) => value === mode) ?? inputs[0];
    if (!input) return;
    input.checked = true;
    this.#setMode(input.value);
  }

  /** @param {boolean} on by default the other way round */
  mirror(on = !this.#stage.mirrored) {
    document.body.classList.toggle("mirrored", on);
    $("mirror").setAttribute("aria-pressed", String(on));
    this.#stage.mirrored = on;
    keep("mirror", on);
  }

  /** @param {string} mode */
  #setMode(mode) {
    document.body.dataset.view = mode;
    this.#stage.setMode(mode);
    keep("view", mode);
  }
}
