/** Turning and zooming the server's camera: drag, wheel, pinch, double click or tap, keys. */
import { Emitter } from "./emitter.js";

const TURN = 2.6; // radians for a drag across the stage
const MAX_PITCH = 1.2;
const MIN_ZOOM = 0.5;
const MAX_ZOOM = 4;
const TAP_MS = 320;
const TAP_PX = 8;
const SETTLED_MS = 250;
const COVERED = 21 / 20; // css/stage.css: a narrower stage is covered by the square picture, a wider one contains it

/** @param {number} value @param {number} low @param {number} high */
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** @extends {Emitter<{view: undefined}>} */
export class Stage extends Emitter {
  #element;
  /** @type {Map<number, PointerEvent>} the newest event of each finger that is down */
  #pointers = new Map();
  #travel = 0;
  #lastTap = { time: -Infinity, x: 0, y: 0 };
  #queued = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #resizing;
  yaw = 0;
  pitch = 0;
  zoom = 1;
  mode = "avatar";
  mirrored = true;

  /** @param {HTMLElement} element takes the gestures. A `view` event tells of every change, at most once a frame. */
  constructor(element) {
    super();
    this.#element = element;
    element.addEventListener("pointerdown", (event) => this.#down(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    element.addEventListener("pointerup", (event) => this.#up(event));
    element.addEventListener("pointercancel", (event) => this.#up(event));
    element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    element.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => {
      clearTimeout(this.#resizing);
      this.#resizing = setTimeout(() => this.#changed(), SETTLED_MS);
    }).observe(element);
  }

  /** @returns {import("./types.js").View} */
  get view() { return { mode: this.mode, yaw: this.yaw, pitch: this.pitch, zoom: this.zoom, pixels: this.#pixels }; }

  /** Pixels of the screen at which a side of the picture is shown. */
  get #pixels() {
    const { clientWidth: width, clientHeight: height } = this.#element;
    return Math.round(devicePixelRatio * (width < COVERED * height ? Math.max(width, height) : height));
  }

  /** @param {string} mode */
  setMode(mode) {
    this.mode = mode;
    this.#changed();
  }

  /** @param {[yaw: number, pitch: number]} angles radians */
  turnTo([yaw, pitch]) {
    Object.assign(this, { yaw, pitch });
    this.#changed();
  }

  reset() {
    Object.assign(this, { yaw: 0, pitch: 0, zoom: 1 });
    this.#changed();
  }

  /** Over the camera picture the head sits where the face is: there is nothing to turn. */
  get #fixed() { return this.mode === "overlay" || document.body.dataset.state !== "live"; }

  /** @param {number} dx @param {number} dy fractions of the stage: the side one grabs follows the hand, mirrored or not */
  #turn(dx, dy) {
    this.yaw = clamp(this.yaw + TURN * dx * (this.mirrored ? -1 : 1), -Math.PI, Math.PI);
    this.pitch = clamp(this.pitch + TURN * dy, -MAX_PITCH, MAX_PITCH);
    this.#changed();
  }

  /** @param {number} factor */
  #scale(factor) {
    this.zoom = clamp(this.zoom * factor, MIN_ZOOM, MAX_ZOOM);
    this.#changed();
  }

  #changed() {
    if (this.#queued) return;
    this.#queued = true;
    requestAnimationFrame(() => {
      this.#queued = false;
      this.emit("view", undefined);
    });
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (this.#fixed || event.button > 0) return;
    this.#element.setPointerCapture(event.pointerId);
    if (this.#pointers.size === 0) this.#travel = 0;
    this.#pointers.set(event.pointerId, event);
    this.#element.classList.add("dragging");
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const spread = this.#spread();
    this.#pointers.set(event.pointerId, event);
    const dx = event.clientX - before.clientX, dy = event.clientY - before.clientY;
    this.#travel += Math.abs(dx) + Math.abs(dy);
    if (this.#pointers.size > 1) this.#scale(this.#spread() / spread);
    else if (this.#travel > TAP_PX) this.#turn(dx / this.#element.clientWidth, dy / this.#element.clientHeight);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (!this.#pointers.delete(event.pointerId) || this.#pointers.size) return;
    this.#element.classList.remove("dragging");
    if (event.type === "pointercancel" || this.#travel > TAP_PX) return;
    const { timeStamp: time, clientX: x, clientY: y } = event;
    const twice = time - this.#lastTap.time < TAP_MS && Math.hypot(x - this.#lastTap.x, y - this.#lastTap.y) < 3 * TAP_PX;
    this.#lastTap = twice ? { time: -Infinity, x, y } : { time, x, y };
    if (twice) this.reset();
  }

  /** Distance between two fingers, pixels. */
  #spread() {
    const [a, b] = this.#pointers.values();
    return a && b ? Math.max(1, Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY)) : 1;
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    if (this.#fixed) return;
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
    this.#scale(Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.0015))); // ctrl: a trackpad's pinch, in finer steps
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (this.#fixed || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = 0.05;
    /** @type {Record<string, () => void>} */
    const acts = {
      ArrowLeft: () => this.#turn(-step, 0), ArrowRight: () => this.#turn(step, 0),
      ArrowUp: () => this.#turn(0, -step), ArrowDown: () => this.#turn(0, step),
      "+": () => this.#scale(1.1), "=": () => this.#scale(1.1), "-": () => this.#scale(1 / 1.1), 0: () => this.reset(),
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }
}
