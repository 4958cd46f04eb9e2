/** Plays takes: the avatar acts, and the outputs get the take instead of the camera's face. One block in the Takes tab. */
import { ask } from "./api.js";
import { attempt, make } from "./elements.js";
import { phrase, tr, write, writeAttribute } from "./i18n.js";
import { Painter, watch } from "./painter.js";
import { TakeSound } from "./take_sound.js";

/**
 * @typedef {import("./types.js").Playing} Playing
 * @typedef {import("./types.js").PlainKey} PlainKey
 * @typedef {Pick<import("./types.js").Take, "take" | "name" | "seconds"> & {sound?: boolean}} Take
 */

const POLL_MS = 400;
const SPEEDS = [0.25, 0.5, 1, 1.5, 2];

export class Player {
  /** @type {Take | null} what the block is about */
  #take = null;
  /** @type {Playing | null} what the server says that it plays */
  #playing = null;
  /** Whether the tab is to be seen. */
  #visible = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {Promise<void>} */
  #turn = Promise.resolve();
  /** @type {{session: string, socket: WebSocket} | null} whose avatar is shown */
  #shown = null;
  #canvas = make("canvas", { width: 512, height: 512, role: "img" });
  #painter = new Painter(this.#canvas);
  #name = make("b");
  #clock = make("span");
  #bar = make("input", {
    type: "range", className: "player-bar", min: "0", max: "1", step: "0.01", value: "0", ariaLabel: phrase("player.position"),
    onpointerdown: () => { this.#dragged = true; }, onchange: () => this.#seek(),
  });
  #dragged = false;
  #sound = new TakeSound();
  #trim = make("button", { type: "button", className: "small", onclick: () => this.#act(() => this.#save()) }, phrase("player.trim"));
  #trouble = make("p", { className: "out-trouble", hidden: true, role: "alert" });
  #toggle = make("button", { type: "button", className: "small", onclick: () => this.#act(() => (this.#playing ? this.#stop() : this.#start())) });
  #speed = make("select", { onchange: () => this.#again() },
    ...SPEEDS.map((speed) => make("option", { value: String(speed), selected: speed === 1 }, `${speed}×`)));
  #loop = make("input", { type: "checkbox", onchange: () => this.#again() });
  #from = this.#seconds();
  #to = this.#seconds();
  #close = make("button", {
    type: "button", className: "small", title: phrase("player.close"), ariaLabel: phrase("player.close"), onclick: () => this.#act(() => this.#leave()),
  }, "✕");
  /** To stand above the list. */
  element = make("section", { className: "player box", hidden: true },
    make("div", { className: "take-head" }, this.#name, this.#clock),
    this.#canvas,
    this.#bar,
    make("div", { className: "out-row" }, this.#toggle, labelled("player.speed", this.#speed, "wide"),
      labelled("player.from", this.#from), labelled("player.to", this.#to), this.#close),
    make("div", { className: "out-row player-more" },
      make("label", { className: "check wide" }, this.#loop, make("span", {}, phrase("player.loop"))), this.#trim),
    this.#trouble, make("p", { className: "fine" }, phrase("player.hint")), this.#sound.element);

  #onNew;

  /** @param {() => void} onNew called when there is a new take */
  constructor(onNew) {
    this.#onNew = onNew;
    this.#show(null);
    addEventListener("pagehide", () => this.close());
  }

  /** @param {import("./types.js").Take} take @returns {HTMLElement} for its card */
  button(take) {
    return make("button", {
      type: "button", className: "small", disabled: take.recording, title: phrase("player.play"),
      ariaLabel: phrase("player.play_name", { name: take.name }), onclick: () => this.#open(take),
    }, "▶");
  }

  /** The tab is to be seen: shows what is played, by whomever. */
  async open() {
    this.#visible = true;
    await this.#poll();
  }

  /** The tab is to be seen no more; what plays goes on. */
  close() {
    this.#visible = false;
    clearTimeout(this.#timer);
    this.#look(null);
  }

  /** @param {Take} take */
  #open(take) {
    this.#use(take);
    [this.#speed.value, this.#loop.checked, this.#from.value, this.#to.value] = ["1", false, "", ""];
    this.element.scrollIntoView({ block: "nearest" });
    return this.#act(() => this.#start());
  }

  /** @param {Take} take */
  #use(take) {
    this.#take = take;
    this.#name.textContent = take.name;
    writeAttribute(this.#canvas, "aria-label", phrase("player.plays", { name: take.name }));
    this.#from.max = this.#to.max = take.seconds.toFixed(1);
    this.#to.placeholder = take.seconds.toFixed(1);
    this.#from.placeholder = "0";
    for (const input of [this.#speed, this.#loop, this.#from, this.#to, this.#trim]) input.disabled = !take.take;
    this.element.hidden = false;
  }

  /** What is between From and To, seconds. */
  get #part() { return { start: Number(this.#from.value), ...(this.#to.value && { end: Number(this.#to.value) }) }; }

  /** @param {number} [at] seconds into the take */
  async #start(at) {
    if (!this.#take) return;
    const wish = { loop: this.#loop.checked, speed: Number(this.#speed.value), ...this.#part, ...(at !== undefined && { at }) };
    this.#show(await ask("POST", `api/takes/${this.#take.take}/play`, wish));
    this.#poll();
  }

  /** The position was dragged: on from there, also when it stood still. */
  #seek() {
    this.#dragged = false;
    const at = Number(this.#bar.value);
    this.#act(() => this.#start(at));
  }

  /** The part as a take of its own. */
  async #save() {
    if (!this.#take) return;
    await ask("POST", `api/takes/${this.#take.take}/trim`, { name: tr("player.trimmed", { name: this.#take.name }), ...this.#part });
    this.#onNew();
  }

  async #stop() {
    await ask("DELETE", "api/playing");
    this.#show(null);
  }

  async #leave() {
    if (this.#playing) await this.#stop();
    this.element.hidden = true;
    this.#take = null;
  }

  /** Another speed or part: at once when it plays, as it does after a start that is still under way, else next time. */
  #again() {
    this.#act(async () => { if (this.#playing) await this.#start(); });
  }

  async #poll() {
    clearTimeout(this.#timer);
    /** @type {{playing: Playing | null}} */
    const { playing } = await ask("GET", "api/playing").catch(() => ({ playing: this.#playing }));
    if (!this.#visible) return;
    this.#show(playing);
    clearTimeout(this.#timer);
    if (playing) this.#timer = setTimeout(() => this.#poll(), POLL_MS);
  }

  /** @param {Playing | null} playing */
  #show(playing) {
    this.#playing = playing;
    if (playing && playing.take !== this.#take?.take) {
      this.#use({ take: playing.take, name: playing.name, seconds: playing.start + playing.seconds });
      [this.#speed.value, this.#loop.checked] = [String(playing.speed), playing.loop];
    }
    write(this.#toggle, phrase(playing ? "player.stop" : "player.play"));
    this.#toggle.disabled = !playing && !this.#take?.take;
    this.element.dataset.playing = String(Boolean(playing));
    this.#trim.disabled = !this.#take?.take;
    this.#bar.disabled = !this.#take?.take;
    this.#bar.min = String(playing?.start ?? this.#part.start);
    this.#bar.max = String(playing ? playing.start + playing.seconds : this.#part.end ?? this.#take?.seconds ?? 1);
    if (!this.#dragged) this.#bar.value = String(playing?.position ?? this.#part.start);
    this.#sound.follow(playing, Boolean(this.#take?.sound));
    this.#clock.textContent = playing ? `${tenths(playing.position)} / ${tenths(playing.start + playing.seconds)}` : "";
    this.#look(playing?.session ?? null);
  }

  /** Shows a session's avatar, or nobody's. @param {string | null} session */
  #look(session) {
    if ((this.#shown?.session ?? null) === session) return;
    this.#shown?.socket.close();
    this.#shown = session ? { session, socket: watch(`api/sessions/${session}/view`, this.#painter) } : null;
    if (!session) this.#painter.clear();
  }

  /** One thing after the other, as the server would not know which of two wishes was the last. @param {() => Promise<void>} act */
  #act(act) {
    this.#turn = this.#turn.then(() => attempt(this.#trouble, act));
    return this.#turn;
  }

  #seconds() {
    return make("input", { type: "number", min: "0", step: "0.1", inputMode: "decimal", onchange: () => this.#again() });
  }
}

/** @param {PlainKey} name @param {HTMLElement} input */
function labelled(name, input, className = "") {
  return make("label", { className }, make("span", {}, phrase(name)), input);
}

/** @param {number} seconds */
const tenths = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;
