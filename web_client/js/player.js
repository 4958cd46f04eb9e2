/** Plays takes: the avatar acts, and the outputs get the take instead of the camera's face. One block in the Takes tab. */
import { socketUrl } from "./api.js";
import { ask, attempt, make } from "./elements.js";
import { tr } from "./i18n.js";
import { Painter, watch } from "./painter.js";

const POLL_MS = 400;
const SPEEDS = [0.25, 0.5, 1, 1.5, 2];

export class Player {
  /** @type {{take: string, name: string, seconds: number} | null} what the block is about */
  #take = null;
  /** What the server says that it plays. @type {object | null} */
  #playing = null;
  #timer = 0;
  #turn = Promise.resolve();
  /** @type {WebSocket | null} */
  #socket = null;
  #canvas = make("canvas", { width: 512, height: 512 });
  #painter = new Painter(this.#canvas);
  #name = make("b");
  #clock = make("span");
  #bar = make("i");
  #trouble = make("p", { className: "out-trouble", hidden: true });
  #toggle = make("button", { type: "button", className: "small", onclick: () => this.#act(() => (this.#playing ? this.#stop() : this.#start())) });
  #speed = make("select", { onchange: () => this.#again() }, ...SPEEDS.map((speed) => make("option", { value: speed, selected: speed === 1 }, `${speed}×`)));
  #loop = make("input", { type: "checkbox", onchange: () => this.#again() });
  #from = this.#seconds();
  #to = this.#seconds();
  #hint = make("p", { className: "fine" });
  /** To stand above the list. */
  element = make("section", { className: "player", hidden: true });

  constructor() {
    this.#trouble.setAttribute("role", "alert");
    this.#canvas.setAttribute("role", "img");
    const close = make("button", { type: "button", className: "small", onclick: () => this.#act(() => this.#close()) }, "✕");
    const label = (name, input, className = "") => make("label", { className }, make("span", { dataset: { name } }), input);
    this.element.append(
      make("div", { className: "take-head" }, this.#name, this.#clock),
      this.#canvas,
      make("div", { className: "player-bar" }, this.#bar),
      make("div", { className: "out-row" }, this.#toggle, label("Speed", this.#speed, "wide"),
        label("From, s", this.#from), label("To, s", this.#to), close),
      make("label", { className: "check" }, this.#loop, make("span", { dataset: { name: "Loop" } })),
      this.#trouble, this.#hint);
    close.dataset.title = "Stop and close";
    this.#translate();
    addEventListener("languagechanged", () => this.#translate());
    addEventListener("pagehide", () => this.close());
  }

  /** @param {{take: string, name: string, seconds: number, recording: boolean}} take @returns {HTMLElement} for its card */
  button(take) {
    const button = make("button", { type: "button", className: "small", disabled: take.recording, onclick: () => this.#open(take) }, "▶");
    button.title = tr("Play");
    button.setAttribute("aria-label", tr("Play {name}", { name: take.name }));
    return button;
  }

  /** The tab is to be seen: shows what is played, by whomever. */
  async open() {
    clearTimeout(this.#timer);
    await this.#poll();
  }

  /** The tab is to be seen no more; what plays goes on. */
  close() {
    clearTimeout(this.#timer);
    this.#look(null);
  }

  #open(take) {
    this.#use(take);
    [this.#speed.value, this.#loop.checked, this.#from.value, this.#to.value] = ["1", false, "", ""];
    this.element.scrollIntoView({ block: "nearest" });
    return this.#act(() => this.#start());
  }

  #use(take) {
    this.#take = take;
    this.#name.textContent = take.name;
    this.#canvas.setAttribute("aria-label", tr("The avatar plays {name}", { name: take.name }));
    this.#from.max = this.#to.max = take.seconds.toFixed(1);
    this.#to.placeholder = take.seconds.toFixed(1);
    this.#from.placeholder = "0";
    for (const input of [this.#speed, this.#loop, this.#from, this.#to]) input.disabled = !take.take;
    this.element.hidden = false;
  }

  async #start() {
    const wish = { loop: this.#loop.checked, speed: Number(this.#speed.value), start: Number(this.#from.value) };
    if (this.#to.value) wish.end = Number(this.#to.value);
    this.#show(await ask("POST", `api/takes/${this.#take.take}/play`, wish));
    this.#poll();
  }

  async #stop() {
    await ask("DELETE", "api/playing");
    this.#show(null);
  }

  async #close() {
    if (this.#playing) await this.#stop();
    this.element.hidden = true;
    this.#take = null;
  }

  /** Another speed or part: at once when it plays, as it does after a start that is still under way, else next time. */
  #again() {
    this.#act(async () => this.#playing && this.#start());
  }

  async #poll() {
    clearTimeout(this.#timer);
    const { playing } = await ask("GET", "api/playing").catch(() => ({ playing: this.#playing }));
    this.#show(playing);
    if (playing) this.#timer = setTimeout(() => this.#poll(), POLL_MS);
  }

  #show(playing) {
    this.#playing = playing;
    if (playing && playing.take !== this.#take?.take) {
      this.#use({ take: playing.take, name: playing.name, seconds: playing.start + playing.seconds });
      [this.#speed.value, this.#loop.checked] = [String(playing.speed), playing.loop];
    }
    this.#toggle.textContent = playing ? tr("Stop") : tr("Play");
    this.#toggle.disabled = !playing && !this.#take?.take;
    this.element.dataset.playing = String(Boolean(playing));
    const share = playing ? Math.min(1, (playing.position - playing.start) / Math.max(playing.seconds, 1e-6)) : 0;
    this.#bar.style.transform = `scaleX(${share})`;
    this.#clock.textContent = playing ? `${tenths(playing.position)} / ${tenths(playing.start + playing.seconds)}` : "";
    this.#look(playing?.session ?? null);
  }

  /** Shows a session's avatar, or nobody's. */
  #look(session) {
    if (this.#socket?.session === session) return;
    this.#socket?.close();
    this.#socket = null;
    if (!session) return this.#painter.clear();
    this.#socket = watch(socketUrl(`api/sessions/${session}/view`), this.#painter);
    this.#socket.session = session;
  }

  /** One thing after the other, as the server would not know which of two wishes was the last. */
  #act(act) {
    this.#turn = this.#turn.then(() => attempt(this.#trouble, act));
    return this.#turn;
  }

  #seconds() {
    return make("input", { type: "number", min: 0, step: 0.1, inputMode: "decimal", onchange: () => this.#again() });
  }

  #translate() {
    for (const label of this.element.querySelectorAll("[data-name]")) label.textContent = tr(label.dataset.name);
    for (const button of this.element.querySelectorAll("[data-title]")) {
      button.title = tr(button.dataset.title);
      button.setAttribute("aria-label", button.title);
    }
    this.#hint.textContent = tr("While it plays, the outputs get the take instead of the camera's face.");
    this.#show(this.#playing);
  }
}

const tenths = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;
