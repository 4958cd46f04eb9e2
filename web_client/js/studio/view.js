/**
 * A finished head, drawn by the server: one request is on its way at a time, the newest waits.
 *
 * While the head moves small pictures come, which are quick; once it rests, a large one.
 */
import { openSocket } from "../token.js";
import { Emitter } from "../emitter.js";

/** @typedef {import("../types.js").HeadLook} HeadLook */

const REST_MS = 220;
const AGAIN_MS = 1000;
const GONE = 4404;

/**
 * Tells by `first` (a head's first picture is there), `away` and `back` (the server), `gone` (the
 * result) and `trouble` (the server's).
 *
 * @extends {Emitter<{first: undefined, away: undefined, back: undefined, gone: undefined, trouble: import("../types.js").ServerError}>}
 */
export class HeadView extends Emitter {
  #canvas;
  #context;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {string | null} */
  #id = null;
  /** @type {Partial<HeadLook>} */
  #look = {};
  /** @type {(Partial<HeadLook> & {fine: boolean}) | null} what is to be asked for next */
  #waiting = null;
  #drawn = false;
  #away = false;
  #busy = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #rest;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    super();
    this.#canvas = canvas;
    this.#context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  }

  /** @param {string | null} id the job whose head is shown; null: none */
  open(id) {
    this.#id = id;
    clearTimeout(this.#rest);
    if (this.#socket) this.#socket.onclose = this.#socket.onmessage = null;
    this.#socket?.close();
    this.#socket = null;
    this.#busy = this.#drawn = this.#away = false;
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    if (id) this.#connect(id);
  }

  /** @param {HeadLook} look */
  show(look) {
    this.#look = look;
    this.#request(false);
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => this.#request(true), REST_MS);
  }

  /** @param {boolean} fine */
  #request(fine) {
    this.#waiting = { ...this.#look, fine };
    this.#pump();
  }

  #pump() {
    if (!this.#waiting || this.#busy || this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#socket.send(JSON.stringify(this.#waiting));
    this.#busy = true;
    this.#waiting = null;
  }

  /** @param {string} id */
  #connect(id) {
    const socket = openSocket(`api/jobs/${id}/view`);
    this.#socket = socket;
    socket.binaryType = "blob";
    socket.onopen = () => {
      if (this.#away) this.emit("back", undefined);
      this.#away = false;
      this.#request(true);
    };
    socket.onmessage = ({ data }) => this.#received(data);
    socket.onclose = ({ code }) => {
      this.#busy = false;
      if (code === GONE) this.emit("gone", undefined);
      else if (!this.#away) this.emit("away", undefined);
      if (code === GONE) return;
      this.#away = true;
      setTimeout(() => this.#id === id && this.#connect(id), AGAIN_MS);
    };
  }

  /** @param {string | Blob} data a picture, or why there is none */
  async #received(data) {
    const id = this.#id;
    if (typeof data === "string") {
      this.emit("trouble", JSON.parse(data).error);
    } else {
      const picture = await createImageBitmap(data).catch(() => null); // one that cannot be read: the next one will do
      if (this.#id !== id) return picture?.close();
      if (picture) this.#draw(picture);
    }
    if (this.#id !== id) return;
    this.#busy = false;
    this.#pump();
  }

  /** @param {ImageBitmap} picture */
  #draw(picture) {
    this.#context.drawImage(picture, 0, 0, this.#canvas.width, this.#canvas.height);
    picture.close();
    if (!this.#drawn) this.emit("first", undefined);
    this.#drawn = true;
  }
}
